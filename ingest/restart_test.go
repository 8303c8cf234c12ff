package ingest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
	"bongsu/wish"
)

// audience is a viewer that counts.
type audience chan uint16

func (a audience) Send(_ int, burst []broadcast.Packet) {
	for _, p := range burst {
		select {
		case a <- p.Header.SequenceNumber:
		default: // nobody counts
		}
	}
}

func (a audience) Report(int, *rtcp.SenderReport) {}

func await[T any](ctx context.Context, t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-ctx.Done():
		t.Fatalf("no %s", what)
	}
	return v
}

// camera is a WHIP client with a real peer connection, which sends VP8 until the test ends.
type camera struct {
	*webrtc.PeerConnection
	states     chan webrtc.ICEConnectionState
	handshakes chan webrtc.DTLSTransportState
}

func newCamera(t *testing.T) *camera {
	t.Helper()
	var m webrtc.MediaEngine
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(1)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	c := &camera{pc, make(chan webrtc.ICEConnectionState, 20), make(chan webrtc.DTLSTransportState, 20)}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) { c.states <- s })
	pc.SCTP().Transport().OnStateChange(func(s webrtc.DTLSTransportState) { c.handshakes <- s })
	c.film(t, track)
	return c
}

func (c *camera) film(t *testing.T, track *webrtc.TrackLocalStaticRTP) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-stopped })
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for i := uint16(0); ; i++ {
			select {
			case <-tick.C:
				payload := []byte{0x10, 1, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0}
				if i%10 == 0 {
					payload[1] = 0 // a keyframe
				}
				_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: i, Timestamp: uint32(i) * 450}, Payload: payload})
			case <-stop:
				return
			}
		}
	}()
}

// offer gives the local description with or without its candidates.
func (c *camera) offer(ctx context.Context, t *testing.T, o *webrtc.OfferOptions) string {
	t.Helper()
	offer, err := c.CreateOffer(o)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.PeerConnection)
	if err := c.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "candidates", gathered)
	return c.LocalDescription().SDP
}

func (c *camera) accept(ctx context.Context, t *testing.T, answer string) {
	t.Helper()
	if err := c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	for await(ctx, t, "connection", c.states) != webrtc.ICEConnectionStateConnected {
	}
}

// watch subscribes to the stream.
func (e *endpoint) watch(stream string) audience {
	e.t.Helper()
	a := make(audience, 1000)
	s, err := e.hub.Subscribe(stream, broadcast.Subscription{Sink: a, Video: &broadcast.Output{SSRC: 1, PayloadType: func(broadcast.Codec) (uint8, bool) { return 96, true }}})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(s.Close)
	s.Start()
	return a
}

// TestRestart: a publisher restarts ICE by PATCH, with its candidates in it or without, and the stream goes on: the same
// track, no new handshake (W-65..W-70).
func TestRestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	e := startEndpoint(t, nil)
	c := newCamera(t)
	answer, resource, err := (&wish.Client{Endpoint: e.url + "/whip/lobby"}).Post(ctx, c.offer(ctx, t, nil))
	if err != nil {
		t.Fatal(err)
	}
	c.accept(ctx, t, answer)
	viewer := e.watch("lobby")
	await(ctx, t, "packet", viewer)
	for await(ctx, t, "handshake", c.handshakes) != webrtc.DTLSTransportStateConnected {
	}
	before, _ := e.hub.Info("lobby")
	for _, candidates := range []bool{true, false} {
		offer := c.offer(ctx, t, &webrtc.OfferOptions{ICERestart: true})
		if !candidates {
			offer = strings.ReplaceAll(offer, "a=candidate:", "a=x-candidate:")
		}
		if answer, err = resource.Restart(ctx, offer, answer); err != nil {
			t.Fatal(err)
		}
		c.accept(ctx, t, answer)
		for len(viewer) > 0 {
			<-viewer
		}
		last := await(ctx, t, "packet", viewer)
		for range 50 {
			next := await(ctx, t, "packet after the restart", viewer)
			if next == last {
				t.Errorf("packet %d twice", next)
			}
			last = next
		}
	}
	if len(c.handshakes) > 0 {
		t.Errorf("DTLS became %s", <-c.handshakes)
	}
	if after, _ := e.hub.Info("lobby"); after.State != broadcast.Live || len(after.Tracks) != len(before.Tracks) {
		t.Errorf("the stream was %+v, and is %+v", before, after)
	}
	if err := resource.Delete(ctx); err != nil {
		t.Error(err)
	}
	if _, err := resource.Restart(ctx, c.LocalDescription().SDP, answer); err == nil || !strings.Contains(err.Error(), wish.ErrNoSession.Error()) && !strings.Contains(err.Error(), "599") {
		t.Errorf("a restart of a dead session: %v", err)
	}
}
