package wish

import (
	"context"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// peerSession is a real session: it ends when its connection does.
type peerSession struct {
	*webrtc.PeerConnection
	done context.Context
}

func (s *peerSession) Done() <-chan struct{} { return s.done.Done() }
func (s *peerSession) AfterDone(f func())    { context.AfterFunc(s.done, f) }
func (s *peerSession) Close() error          { return s.GracefulClose() }

// openPeer answers with a PeerConnection, as ingest and egress do, and tells when it is connected.
func openPeer(t *testing.T, connected chan<- struct{}) func(r *Request) (string, Session, error) {
	return func(r *Request) (string, Session, error) {
		pc, err := makePeer(r.Offer)
		if err != nil {
			return "", nil, err
		}
		done, cancel := context.WithCancel(context.Background())
		pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
			if state == webrtc.PeerConnectionStateConnected {
				close(connected)
			}
			if state == webrtc.PeerConnectionStateClosed || state == webrtc.PeerConnectionStateFailed {
				cancel()
			}
		})
		s := &peerSession{pc, done}
		answer, err := FinishAnswer(answerOf(r.Context(), t, pc, r.Offer), r.Offer, AnswerOptions{Loopback: r.Loopback})
		return answer, s, err
	}
}

// TestRealSession publishes and plays through Client, Endpoint and pion on both sides, and ends it by DELETE.
func TestRealSession(t *testing.T) {
	for role, path := range map[Role]string{Publish: "/whip/x", Play: "/whep/x"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		connected := make(chan struct{})
		g := newGateway(t, Limits{}, func(e *Endpoint) { e.Open = openPeer(t, connected) })
		o := mustParse(t, offerText(t, "whip-obs"), Publish) // for its codecs
		pc := newPeer(t, o)
		addMedia(t, pc, o, role)
		states := make(chan webrtc.PeerConnectionState, 10)
		pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { states <- s })
		offer, err := pc.CreateOffer(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := pc.SetLocalDescription(offer); err != nil { // its candidates are not in the offer: it is found by its checks (W-48)
			t.Fatal(err)
		}
		answer, resource, err := (&Client{HTTP: g.Client(), Endpoint: g.URL + path}).Post(ctx, offer.SDP)
		if err != nil {
			t.Fatal(err, <-g.errors)
		}
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
			t.Fatal(err)
		}
		await(ctx, t, states, webrtc.PeerConnectionStateConnected)
		select {
		case <-connected: // before, there would be no close_notify
		case <-ctx.Done():
			t.Fatal("the server is not connected")
		}
		if err := resource.Delete(ctx); err != nil {
			t.Fatal(err)
		}
		await(ctx, t, states, webrtc.PeerConnectionStateClosed) // by close_notify (W-75, W-78)
		g.waitCount(t, 0)
	}
}

// addMedia makes the client's side: tracks of one stream to publish, or the wish for one of each kind.
func addMedia(t *testing.T, pc *webrtc.PeerConnection, o *Offer, role Role) {
	t.Helper()
	for _, m := range o.Media {
		var err error
		if role == Play {
			_, err = pc.AddTransceiverFromKind(webrtc.NewRTPCodecType(m.Kind), webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		} else {
			var track *webrtc.TrackLocalStaticRTP
			if track, err = webrtc.NewTrackLocalStaticRTP(pionCodec(m.Codecs[0]).RTPCodecCapability, m.Kind, "stream"); err == nil {
				_, err = pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func await(ctx context.Context, t *testing.T, states <-chan webrtc.PeerConnectionState, want webrtc.PeerConnectionState) {
	t.Helper()
	for {
		select {
		case s := <-states:
			if s == want {
				return
			}
		case <-ctx.Done():
			t.Fatalf("the connection doesn't become %s", want)
		}
	}
}
