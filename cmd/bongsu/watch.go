package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

// WatchCmd is a viewer without a screen.
type WatchCmd struct {
	URL      string        `arg:"" name:"url" help:"WHEP endpoint, such as http://localhost:8080/whep/lobby."`
	Token    string        `placeholder:"T" env:"BONGSU_TOKEN" help:"Bearer token, if the server asks for one."`
	Record   []string      `type:"path" sep:"none" placeholder:"FILE" help:"Write what comes to a new file: NAME.h264, .h265 or .ivf (VP8, VP9, AV1) for the video, NAME.ogg (Opus) for the sound. Give it once for each, or once without extension for both."`
	Duration time.Duration `placeholder:"D" help:"End after this time, such as 30s or 1h; otherwise with Ctrl-C."`
	JSON     bool          `help:"Print JSON, an object a line."`
}

// Help is what "bongsu watch --help" says below the usage line.
func (WatchCmd) Help() string {
	return `Prints once a second what arrives: codec, resolution, frames a second, bitrate, packets lost, jitter, time between keyframes.
The first line tells how long it took to the first packet and the first keyframe. If the network changes, the session goes on
over the new one; if the connection breaks, watch connects again.

    bongsu watch http://localhost:8080/whep/lobby
    bongsu watch http://localhost:8080/whep/lobby --record lobby --duration 1m`
}

// Run watches until the duration is over or ctx ends.
func (c *WatchCmd) Run(ctx context.Context, stdout io.Writer, log *slog.Logger) (err error) {
	server, err := newEndpoint(c.URL, c.Token)
	if err != nil {
		return err
	}
	defer server.Close()
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	recordings, err := newRecordings(c.Record, log)
	if err != nil {
		return err
	}
	defer func() {
		if closed := recordings.Close(); err == nil {
			err = closed
		}
	}()
	w := &watcher{endpoint: server, recordings: recordings, out: stdout, json: c.JSON, log: log, begin: time.Now()}
	return keepTrying(ctx, log, pause, w.session)
}

// watcher receives from an endpoint, in one session after another.
type watcher struct {
	endpoint   *endpoint
	recordings *recordings
	out        io.Writer
	json       bool
	log        *slog.Logger
	begin      time.Time // of the command
}

// session is one connection; it ends with an error.
func (w *watcher) session(ctx context.Context) error {
	peer, err := newClientPeer(w.endpoint, (*webrtc.MediaEngine).RegisterDefaultCodecs, w.log)
	if err != nil {
		return err
	}
	v := &view{watcher: w, peer: peer, started: time.Now(), failed: make(chan error, 1)}
	defer v.wait()
	defer peer.Close()
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { v.receive(track) })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := peer.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return err
		}
	}
	if err := peer.connect(ctx); err != nil {
		return w.explain(ctx, err)
	}
	v.connected = time.Now()
	w.log.Info("watching", "url", w.endpoint.Endpoint)
	ctx, cancel := peer.while(ctx)
	defer cancel()
	return v.tell(ctx)
}

// explain adds to a refusal that the URL seems to be of something else, if it does not call itself a WHEP endpoint.
func (w *watcher) explain(ctx context.Context, err error) error {
	var status *wish.StatusError
	if !errors.As(err, &status) || status.Code != http.StatusMethodNotAllowed && status.Code != http.StatusUnsupportedMediaType {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, optionsTimeout)
	defer cancel()
	if is, failed := w.endpoint.Discover(ctx); is || failed != nil {
		return err
	}
	return fmt.Errorf("%w; this seems to be no WHEP endpoint, which looks like http://localhost:8080/whep/lobby", err)
}

// view is what one session receives.
type view struct {
	*watcher
	peer               *clientPeer
	started, connected time.Time
	failed             chan error // a recording that can't be written

	mu      sync.Mutex
	closed  bool
	readers sync.WaitGroup
	tracks  []*received
	told    bool // the first line
	printed time.Time
}

// receive reads a track until the peer is closed.
func (v *view) receive(track *webrtc.TrackRemote) {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return
	}
	v.readers.Add(1)
	r := &received{kind: track.Kind().String()}
	v.tracks = append(v.tracks, r)
	v.mu.Unlock()
	defer v.readers.Done()
	v.recordings.resume(track.Kind())
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		codec := track.Codec().RTPCodecCapability
		now := time.Now()
		v.mu.Lock()
		r.add(packet, codec.MimeType, codec.ClockRate, now)
		width, height := r.width, r.height
		v.mu.Unlock()
		if err := v.recordings.write(codec, width, height, packet, now); err != nil {
			select {
			case v.failed <- err:
			default:
			}
			return
		}
	}
}

// wait waits for the readers of a peer that has been closed.
func (v *view) wait() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.readers.Wait()
}

// tell prints once a second, and asks for a keyframe while there is none.
func (v *view) tell(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			if now := time.Now(); now.Sub(v.printed) > time.Second/2 {
				v.print(now)
			}
			return context.Cause(ctx)
		case err := <-v.failed:
			return err
		case now := <-ticker.C:
			v.print(now)
		}
		if v.needsKeyframe() {
			v.requestKeyframe()
		}
	}
}

func (v *view) needsKeyframe() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.tracks {
		if r.kind == "video" && r.packets > 0 && r.firstKeyframe.IsZero() {
			return true
		}
	}
	return v.recordings.damaged()
}

func (v *view) requestKeyframe() {
	for _, receiver := range v.peer.GetReceivers() {
		if track := receiver.Track(); track != nil && track.Kind() == webrtc.RTPCodecTypeVideo && track.SSRC() != 0 {
			_ = v.peer.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
		}
	}
}

// print writes the line of this second, and before it, once there is a picture, the first line.
func (v *view) print(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.printed = now
	report := watchReport{Time: now.Sub(v.begin).Seconds()}
	first := firstReport{Connected: v.connected.Sub(v.started).Seconds()}
	for _, r := range v.tracks {
		if r.packets == 0 {
			continue
		}
		line := r.report(now)
		if r.kind == "video" {
			report.Video = line
		} else {
			report.Audio = line
		}
		first.add(r, v.started)
	}
	if !v.told && first.complete(report) {
		v.told = true
		v.write(first)
	}
	v.write(report)
}

func (v *view) write(line fmt.Stringer) {
	if !v.json {
		fmt.Fprintln(v.out, line)
		return
	}
	text, err := json.Marshal(line)
	if err != nil {
		v.log.Error(err.Error())
		return
	}
	fmt.Fprintf(v.out, "%s\n", text)
}
