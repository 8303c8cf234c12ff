package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"

	"bongsu/broadcast"
	"bongsu/egress"
	"bongsu/ingest"
	"bongsu/lite"
	"bongsu/rtc"
	"bongsu/signal"
	"bongsu/udp"
	"bongsu/web"
	"bongsu/wish"
)

// demoStream is the stream that --demo plays.
const demoStream = "demo"

// serve runs the gateway until ctx ends: every room is opened here, bottom first, and closed in reverse.
func serve(ctx context.Context, cfg *Config, log *slog.Logger, stdout io.Writer) error {
	media, err := openMedia(cfg)
	if err != nil {
		return err
	}
	defer media.close()
	doors, err := openDoors(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer doors.close()
	rooms, err := openChat(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { _ = rooms.Close() }()
	hub := broadcast.New(cfg.Broadcast)
	defer hub.Close()
	lean, api, err := openTransports(cfg, doors.media, hub, log)
	if err != nil {
		return err
	}
	defer func() { _ = lean.Close() }()
	resources := newResources(cfg)
	defer resources.Close()

	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { logEvents(hub.Events(ctx), log) })
	if err := media.play(ctx, hub, &running, log); err != nil {
		return err
	}

	relay := signal.NewRelay(cfg.Relay, signal.AllowOrigins(cfg.Origins, cfg.Web.TrustProxy), log)
	defer func() { _ = relay.Close() }()
	whip := ingest.New(hub, api, cfg.Keys, resources, log)
	relay.Publish = whip.Start
	whep := egress.New(cfg.Egress, hub, lean, api, resources, log)
	defer context.AfterFunc(ctx, whep.Drain)()
	signaling := signal.NewServer(cfg.Signal, signal.AllowOrigins(cfg.Origins, cfg.Web.TrustProxy), log)
	defer func() { _ = signaling.Close() }()
	signaling.Publish, signaling.Play, signaling.ICEServers = whip.Start, whep.Start, resources.ICEServers
	running.Go(func() { rooms.watch(ctx, log) })
	services := web.Services{
		Hub:      hub,
		Ingest:   whip.Handle,
		Egress:   whep.Handle,
		Sessions: resources.Handle,
		Chat:     rooms.wire(cfg, whip, whep, signaling, resources),

		Extensions: whep.Extensions(),
		Version:    buildVersion(),
	}
	if cfg.Signal.Enabled {
		services.Signal = signaling.Handle
	}
	if cfg.Relay.Enabled {
		services.Relay = relay.Handle
	}
	if doors.relay != nil {
		running.Go(func() { serveRelay(ctx, doors.relay, relay, cfg.Web.TrustProxy, log) })
	}
	server := web.New(cfg.Web, services, log)
	greet(stdout, greeting{cfg: cfg, http: doors.http.Addr().(*net.TCPAddr), media: doors.media.Addresses(), tcp: doors.media.TCPAddresses()})
	err = server.Serve(ctx, doors.http)
	fmt.Fprintln(stdout, "Goodbye.")
	return err
}

// openTransports opens the two ways of media, lean viewers and peer connections, on the media port, and starts that.
func openTransports(cfg *Config, port *udp.Port, hub *broadcast.Hub, log *slog.Logger) (*lite.Server, *rtc.API, error) {
	api, err := rtc.New(port, rtc.Config{PublicIPs: cfg.NAT.PublicIPs, Writers: hub.Writers(), Lite: cfg.ICELite}, log)
	if err != nil {
		return nil, nil, err
	}
	lean, err := lite.New(port, hub.Writers(), lite.Config{PublicIPs: cfg.NAT.PublicIPs}, log)
	if err != nil {
		return nil, nil, err
	}
	hub.Flush = func(writer int) {
		lean.Flush(writer)
		api.Flush(writer)
	}
	port.Start(lean.Handle)
	return lean, api, nil
}

// newResources makes the session URLs, with the rules of the configuration.
func newResources(cfg *Config) *wish.Resources {
	r := wish.NewResources(wish.Limits{
		PerAddress: cfg.Limits.PerAddress, Total: cfg.Limits.Sessions, Rate: float64(cfg.Limits.Rate), Burst: cfg.Limits.Burst,
	})
	r.Precondition = cfg.Precondition
	for _, name := range slices.Sorted(maps.Keys(cfg.ICEServers)) {
		r.ICEServers = append(r.ICEServers, cfg.ICEServers[name])
	}
	return r
}

// logEvents tells the log when a stream comes and goes.
func logEvents(events <-chan broadcast.Event, log *slog.Logger) {
	for e := range events {
		if e.State == broadcast.Live {
			log.Info("stream is live", "stream", e.Stream, "source", e.Agent)
		} else {
			log.Info("stream is offline", "stream", e.Stream)
		}
	}
}

// fileSources are the media files that play as streams, by the stream's name.
type fileSources map[string]*ingest.Media

// openMedia opens the files of the configuration, so that a bad one stops the start and not the show.
func openMedia(cfg *Config) (fileSources, error) {
	all := fileSources{}
	for name, s := range cfg.Streams {
		m, err := ingest.OpenMedia(s.File)
		if err != nil {
			all.close()
			return nil, fmt.Errorf("streams.%s: %w", name, err)
		}
		all[name] = m
	}
	if _, taken := all[demoStream]; cfg.Demo && !taken {
		m, err := ingest.Demo()
		if err != nil {
			all.close()
			return nil, err
		}
		all[demoStream] = m
	}
	return all, nil
}

// play publishes each on a goroutine of its own until ctx ends.
func (all fileSources) play(ctx context.Context, hub *broadcast.Hub, running *sync.WaitGroup, log *slog.Logger) error {
	for name, m := range all {
		release, err := hub.Pin(name)
		if err != nil {
			return err
		}
		running.Go(func() {
			defer release()
			if err := ingest.PlayMedia(ctx, hub, name, m, log); err != nil && !errors.Is(err, context.Canceled) {
				log.Error("file source stopped", "stream", name, "error", err)
			}
		})
	}
	return nil
}

func (all fileSources) close() {
	for _, m := range all {
		_ = m.Close()
	}
}
