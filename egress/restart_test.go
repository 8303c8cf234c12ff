package egress

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
	"bongsu/wish"
)

// player is a WHEP client with a real peer connection.
type player struct {
	*webrtc.PeerConnection
	packets    chan rtp.Header // of the picture
	ice        chan webrtc.ICEConnectionState
	handshakes chan webrtc.DTLSTransportState
	resource   *wish.Resource
	answer     string
}

func await[T any](ctx context.Context, t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-ctx.Done():
		t.Fatalf("no %s", what)
	}
	return v
}

func newPlayer(t *testing.T) *player {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(1)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	var m webrtc.MediaEngine
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	p := &player{PeerConnection: pc, packets: make(chan rtp.Header, 1000), ice: make(chan webrtc.ICEConnectionState, 20), handshakes: make(chan webrtc.DTLSTransportState, 20)}
	pc.OnTrack(p.read)
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) { p.ice <- s })
	pc.SCTP().Transport().OnStateChange(func(s webrtc.DTLSTransportState) { p.handshakes <- s })
	return p
}

func play(ctx context.Context, t *testing.T, endpoint string) *player {
	t.Helper()
	p := newPlayer(t)
	p.join(ctx, t, endpoint)
	return p
}

func (p *player) join(ctx context.Context, t *testing.T, endpoint string) {
	t.Helper()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := p.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	answer, resource, err := (&wish.Client{Endpoint: endpoint}).Post(ctx, p.offer(ctx, t, nil))
	if err != nil {
		t.Fatal(err)
	}
	p.resource = resource
	p.accept(ctx, t, answer)
}

func (p *player) read(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	for {
		packet, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		select {
		case p.packets <- packet.Header:
		default: // nobody reads
		}
	}
}

func (p *player) offer(ctx context.Context, t *testing.T, o *webrtc.OfferOptions) string {
	t.Helper()
	offer, err := p.CreateOffer(o)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "candidates", gathered)
	return p.LocalDescription().SDP
}

func (p *player) accept(ctx context.Context, t *testing.T, answer string) {
	t.Helper()
	p.answer = answer
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	for await(ctx, t, "connection", p.ice) != webrtc.ICEConnectionStateConnected {
	}
}

// plays forgets what came and waits for n packets more, all of one SSRC.
func (p *player) plays(ctx context.Context, t *testing.T, n int) (ssrc uint32) {
	t.Helper()
	for len(p.packets) > 0 {
		<-p.packets
	}
	for range n {
		h := await(ctx, t, "packet", p.packets)
		if ssrc != 0 && h.SSRC != ssrc {
			t.Fatalf("SSRC %d after %d", h.SSRC, ssrc)
		}
		ssrc = h.SSRC
	}
	return ssrc
}

// film publishes VP8 until the test ends.
func film(t *testing.T, hub *broadcast.Hub) {
	t.Helper()
	source, err := hub.Publish("lobby", broadcast.Publication{})
	if err != nil {
		t.Fatal(err)
	}
	layer := source.AddLayer(broadcast.Codec{MimeType: "video/VP8", ClockRate: 90000}, "", func() {})
	stop, stopped := make(chan struct{}), make(chan struct{})
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
				layer.Write(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: i, Timestamp: uint32(i) * 450}, Payload: payload})
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		source.Close()
	})
}

// TestRestart: a player restarts ICE twice by PATCH, and what it gets goes on in the same RTP streams, with no new handshake
// (W-65..W-70, E-35).
func TestRestart(t *testing.T) {
	for _, transport := range []string{TransportAuto, TransportPC} {
		t.Run(transport, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			url, hub := startEndpoint(t, Config{Wait: true, Transport: transport})
			film(t, hub)
			p := play(ctx, t, url+"/whep/lobby")
			ssrc := p.plays(ctx, t, 20)
			for await(ctx, t, "handshake", p.handshakes) != webrtc.DTLSTransportStateConnected {
			}
			for range 2 {
				tag, before := p.resource.ETag, p.answer
				answer, err := p.resource.Restart(ctx, p.offer(ctx, t, &webrtc.OfferOptions{ICERestart: true}), p.answer)
				if err != nil {
					t.Fatal(err)
				}
				if p.resource.ETag == tag || value(answer, "ice-ufrag") == value(before, "ice-ufrag") || value(answer, "ice-pwd") == value(before, "ice-pwd") {
					t.Errorf("ETag %s after %s; was\n%s\nis\n%s", p.resource.ETag, tag, before, answer)
				}
				if transport == TransportAuto != strings.Contains(answer, "a=ice-lite") {
					t.Errorf("not the transport that was meant:\n%s", answer)
				}
				p.accept(ctx, t, answer)
				if again := p.plays(ctx, t, 50); again != ssrc {
					t.Errorf("SSRC %d, before %d", again, ssrc)
				}
			}
			if len(p.handshakes) > 0 {
				t.Errorf("DTLS became %s", <-p.handshakes)
			}
			if info, _ := hub.Info("lobby"); info.Viewers != 1 {
				t.Errorf("%d viewers", info.Viewers)
			}
			if err := p.resource.Delete(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

func value(text, key string) string {
	_, rest, _ := strings.Cut(text, "a="+key+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}
