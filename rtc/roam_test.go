package rtc

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// patient is a client that checks often, and waits long before it gives up.
func patient(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	return clientWith(t, func(s *webrtc.SettingEngine) {
		s.SetICETimeouts(time.Minute, time.Minute, 100*time.Millisecond)
	})
}

// roamingPublisher sends to a server through a nat, until stop is called.
func roamingPublisher(t *testing.T, ctx context.Context, a *API) (n *nat, p *Peer, got chan rtp.Header, stop func()) {
	t.Helper()
	pc := patient(t)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	got = make(chan rtp.Header, 10)
	answer, p, err := a.Receive(ctx, Offer{SDP: candidateLine.ReplaceAllString(offerOf(t, ctx, pc), ""), Formats: formats}, func(rt *RemoteTrack) {
		var packet rtp.Packet
		for rt.ReadRTP(&packet) == nil {
			select {
			case got <- packet.Header:
			default: // nobody reads
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	n, answer = startNAT(t, answer)
	accept(t, pc, answer)
	await(t, ctx, "connection", p.Connected())
	seq := uint16(0)
	stop = every(t, func() {
		seq++
		_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Marker: true}, Payload: []byte{0x10, 0}})
	})
	return n, p, got, stop
}

// roamingViewer gets media from a server through a nat.
func roamingViewer(t *testing.T, ctx context.Context, a *API) (n *nat, p *Peer, got chan rtp.Header) {
	t.Helper()
	pc := patient(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	got = make(chan rtp.Header, 10)
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			select {
			case got <- packet.Header:
			default: // nobody reads
			}
		}
	})
	answer, v, err := a.Send(ctx, Offer{SDP: candidateLine.ReplaceAllString(offerOf(t, ctx, pc), ""), Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	n, answer = startNAT(t, answer)
	accept(t, pc, answer)
	await(t, ctx, "connection", v.Connected())
	out, seq := v.Output(broadcast.Video), uint16(0)
	every(t, func() {
		seq++
		v.Send(0, []broadcast.Packet{{Kind: broadcast.Video, Payload: []byte{0x10, 0}, Header: rtp.Header{Version: 2, SSRC: out.SSRC, PayloadType: 96, SequenceNumber: seq, Marker: true}}})
		a.Flush(0)
	})
	return n, v.Peer, got
}

// every has f run again and again until the test ends, or stop is called.
func every(t *testing.T, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f()
			case <-ctx.Done():
				return
			}
		}
	}()
	stop = func() { cancel(); <-stopped }
	t.Cleanup(stop)
	return stop
}

// TestNewAddress: a client whose address changes, and that does not nominate it as it does not know, keeps its session and
// its media; and so again.
func TestNewAddress(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"publisher", "viewer"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ctx := deadline(t)
			a := testAPI(t, Config{})
			var n *nat
			var p *Peer
			var got chan rtp.Header
			if kind == "publisher" {
				n, p, got, _ = roamingPublisher(t, ctx, a)
			} else {
				n, p, got = roamingViewer(t, ctx, a)
			}
			first := await(t, ctx, "packet", got)
			for range 2 {
				n.rebind(t)
				for n.media.Load() < 20 {
					await(t, ctx, "packet after the change", got)
				}
				for range 20 {
					if h := await(t, ctx, "packet", got); h.SSRC != first.SSRC {
						t.Fatalf("SSRC %d, before %d", h.SSRC, first.SSRC)
					}
				}
			}
			// What counts as a sign of life is what comes from the new address.
			select {
			case <-p.Done():
				t.Errorf("the session ended: %v", p.Err())
			case <-time.After(2 * pathSilence):
			}
		})
	}
}

// TestPathsOfOthers: media does not follow a check from where the client has not answered.
func TestPathsOfOthers(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	a := testAPI(t, Config{})
	a.settings.SetICETimeouts(pathSilence, pathSilence, 100*time.Millisecond)
	n, p, got := roamingViewer(t, ctx, a)
	await(t, ctx, "packet", got)
	answers := func(up bool, packet []byte) bool { // does not let the client's answers through
		return !up || !stun.IsMessage(packet) || packet[0] == 0
	}
	n.filter.Store(&answers)
	n.rebind(t)
	await(t, ctx, "end", p.Done())
	if !errors.Is(p.Err(), ErrLost) || n.media.Load() > 0 {
		t.Errorf("%v; %d packets went to the new address", p.Err(), n.media.Load())
	}
}

// TestDeafPublisher is one that only sends, as FFmpeg 8.0 does: it answers no check and makes none. It stays for as long as
// it sends.
func TestDeafPublisher(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	a := testAPI(t, Config{})
	a.settings.SetICETimeouts(time.Second, time.Second, 100*time.Millisecond)
	n, p, got, stop := roamingPublisher(t, ctx, a)
	await(t, ctx, "packet", got)
	media := func(up bool, packet []byte) bool { return up && isMedia(packet) }
	n.filter.Store(&media)
	select {
	case <-p.Done():
		t.Fatalf("the session ended: %v", p.Err())
	case <-time.After(5 * time.Second):
	}
	for range 20 {
		await(t, ctx, "packet", got)
	}
	stop()
	await(t, ctx, "end", p.Done())
	if !errors.Is(p.Err(), ErrLost) {
		t.Errorf("Err = %v", p.Err())
	}
}
