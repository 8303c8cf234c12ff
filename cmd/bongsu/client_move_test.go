package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/egress"
	"bongsu/ingest"
)

// await polls until what is waited for has happened.
func await(t testing.TB, ctx context.Context, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, ctx.Err())
		}
	}
}

// startMovingPublisher publishes the clip as the command does.
func startMovingPublisher(t testing.TB, url string, n *movingNetwork, change func(*endpoint)) *testLog {
	t.Helper()
	server, err := newEndpoint(url, "")
	if err != nil {
		t.Fatal(err)
	}
	n.join(server)
	if change != nil {
		change(server)
	}
	media, err := ingest.OpenMediaFrom(ingest.FileConfig{Loop: true}, ingest.File(testClip(t)))
	if err != nil {
		t.Fatal(err)
	}
	log := newTestLog()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	p := &publisher{endpoint: server, media: media, log: log.Logger}
	go func() { ended <- keepTrying(ctx, log.Logger, pause, p.session) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		media.Close()
		server.Close()
	})
	return log
}

// flows reads n packets of a viewer, all of one SSRC.
func (v *viewer) flows(t testing.TB, ctx context.Context, n int) (last rtp.Header) {
	t.Helper()
	for len(v.headers) > 0 {
		<-v.headers
	}
	for i := range n {
		h := v.next(t, ctx)
		if i > 0 && h.SSRC != last.SSRC {
			t.Fatalf("SSRC %d after %d", h.SSRC, last.SSRC)
		}
		last = h
	}
	return last
}

// TestPublisherMoves: a publisher whose network changes restarts ICE in the same session, and so does one who finds its
// address gone; its viewer sees one RTP stream.
func TestPublisherMoves(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"silence", "address"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t, 60*time.Second)
			url := startGateway(t, nil)
			n := startMovingNetwork(t)
			var gone atomic.Bool
			log := startMovingPublisher(t, url+"/whip/lobby", n, func(e *endpoint) {
				e.addresses = func() ([]net.Addr, error) {
					if gone.CompareAndSwap(true, false) { // it is another one from then on
						return nil, nil
					}
					return net.InterfaceAddrs()
				}
			})
			v := startViewer(t, ctx, url+"/whep/lobby")
			before := v.flows(t, ctx, 50)
			if name == "silence" {
				n.move()
			} else {
				gone.Store(true)
			}
			await(t, ctx, "an ICE restart", func() bool { return n.patches.Load() == 1 && strings.Contains(log.String(), "ICE restarted") })
			if after := v.flows(t, ctx, 50); after.SSRC != before.SSRC {
				t.Errorf("SSRC %d, before %d", after.SSRC, before.SSRC)
			}
			if n.posts.Load() != 1 {
				t.Errorf("%d sessions\n%s", n.posts.Load(), log)
			}
		})
	}
}

// TestPublisherMovesAnew: where ICE can't be restarted, there is a new session.
func TestPublisherMovesAnew(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, nil)
	n := startMovingNetwork(t)
	log := startMovingPublisher(t, url+"/whip/lobby", n, nil)
	v := startViewer(t, ctx, url+"/whep/lobby")
	v.flows(t, ctx, 50)
	n.refuse.Store(http.StatusUnprocessableEntity)
	n.move()
	await(t, ctx, "a new session", func() bool { return n.posts.Load() == 2 })
	v.flows(t, ctx, 50)
	if text := log.String(); !strings.Contains(text, "could not be restarted") || !strings.Contains(text, "422") {
		t.Errorf("log:\n%s", text)
	}
}

// TestPublisherMovesSlowly: a server that is away for a while, or that says so, gets the restart again.
func TestPublisherMovesSlowly(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, nil)
	n := startMovingNetwork(t)
	log := startMovingPublisher(t, url+"/whip/lobby", n, nil)
	v := startViewer(t, ctx, url+"/whep/lobby")
	v.flows(t, ctx, 50)
	n.refuse.Store(http.StatusServiceUnavailable)
	n.move()
	await(t, limited(t, 20*time.Second), "two refusals", func() bool { return n.refused.Load() >= 2 })
	n.refuse.Store(0)
	await(t, ctx, "an ICE restart", func() bool { return strings.Contains(log.String(), "ICE restarted") })
	v.flows(t, ctx, 50)
	if n.posts.Load() != 1 {
		t.Errorf("%d sessions\n%s", n.posts.Load(), log)
	}
}

// TestNATForgets: when only the address that the server sees changes, the session goes on, with an ICE restart or without.
func TestNATForgets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"publisher", egress.TransportAuto, egress.TransportPC} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t, 60*time.Second)
			url := startGateway(t, func(c *Config) {
				if name != "publisher" {
					c.Egress.Transport = name
				}
			})
			straight, n := startMovingNetwork(t), startMovingNetwork(t)
			publisher, viewer := straight, n
			if name == "publisher" {
				publisher, viewer = n, straight
			}
			startMovingPublisher(t, url+"/whip/lobby", publisher, nil)
			v := startMovingViewer(t, ctx, url+"/whep/lobby", viewer)
			before := v.flows(t, ctx, 50)
			n.rebind()
			if after := v.flows(t, ctx, 100); after.SSRC != before.SSRC || n.posts.Load() != 1 {
				t.Errorf("SSRC %d, before %d; %d sessions", after.SSRC, before.SSRC, n.posts.Load())
			}
			t.Logf("%d ICE restarts", n.patches.Load())
		})
	}
}

// TestViewerMoves: a viewer whose network changes restarts ICE, over both transports; what it gets goes on.
func TestViewerMoves(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{egress.TransportAuto, egress.TransportPC} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t, 60*time.Second)
			url := startGateway(t, func(c *Config) { c.Egress.Transport, c.Demo = transport, true })
			n := startMovingNetwork(t)
			v := startMovingViewer(t, ctx, url+"/whep/demo", n)
			before := v.flows(t, ctx, 50)
			for move := range int32(2) {
				n.move()
				await(t, ctx, "an ICE restart", func() bool { return n.patches.Load() > move })
				if after := v.flows(t, ctx, 50); after.SSRC != before.SSRC || n.posts.Load() != 1 {
					t.Errorf("SSRC %d, before %d; %d sessions", after.SSRC, before.SSRC, n.posts.Load())
				}
			}
		})
	}
}

func startMovingViewer(t testing.TB, ctx context.Context, url string, n *movingNetwork) *viewer {
	t.Helper()
	server, err := newEndpoint(url, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	n.join(server)
	peer, err := newClientPeer(server, (*webrtc.MediaEngine).RegisterDefaultCodecs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	return watchVideo(t, ctx, peer)
}

// watchVideo connects a peer and hands out the headers of what it gets.
func watchVideo(t testing.TB, ctx context.Context, peer *clientPeer) *viewer {
	t.Helper()
	v := &viewer{clientPeer: peer, headers: make(chan rtp.Header, 10_000)}
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if track.Kind() != webrtc.RTPCodecTypeVideo {
				continue
			}
			select {
			case v.headers <- p.Header:
			default:
			}
		}
	})
	if _, err := peer.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	if err := peer.connect(ctx); err != nil {
		t.Fatal(err)
	}
	return v
}
