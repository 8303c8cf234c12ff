package rtc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// Errors of a peer's end.
var (
	ErrNeverConnected = errors.New("no connection came about: the client did not reach the media port over UDP")
	ErrLost           = errors.New("the connection was lost")
	ErrHungUp         = errors.New("the client hung up")
	ErrClosed         = errors.New("the session was closed")
)

// Offer is what a peer answers: normalized SDP, and the codecs to accept.
type Offer struct {
	SDP     string
	Passive bool // the client waits for the DTLS handshake (a=setup:passive)
	Formats []broadcast.Format
}

// Peer is a peer connection that answers an offer. Its end, whoever brings it about, closes Done.
type Peer struct {
	pc      *webrtc.PeerConnection
	offer   string // as it was answered last
	public  []netip.Addr
	up      context.Context // is over when media can flow
	life    context.Context // is over with the peer; its cause says why
	connect context.CancelFunc
	end     context.CancelCauseFunc
	closed  chan struct{}
	timer   *time.Timer
	readers sync.WaitGroup
}

func (a *API) newPeer(pc *webrtc.PeerConnection) *Peer {
	p := &Peer{pc: pc, public: a.public, closed: make(chan struct{})}
	p.up, p.connect = context.WithCancel(context.Background())
	p.life, p.end = context.WithCancelCause(context.Background())
	p.AfterDone(p.clear)
	p.timer = time.AfterFunc(setupTimeout, func() { p.end(ErrNeverConnected) })
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			p.timer.Stop()
			p.connect()
		case webrtc.PeerConnectionStateFailed:
			p.end(p.why())
		case webrtc.PeerConnectionStateClosed:
			p.end(ErrHungUp)
		}
	})
	return p
}

func (p *Peer) why() error {
	if p.up.Err() != nil {
		return ErrLost
	}
	return ErrNeverConnected
}

// clear gives everything back, once the peer has come to its end.
func (p *Peer) clear() {
	defer close(p.closed)
	p.timer.Stop()
	_ = p.pc.GracefulClose()
	p.readers.Wait()
}

// answer completes the exchange. The answer has all of the server's candidates.
func (p *Peer) answer(ctx context.Context, offer string) (string, error) {
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("the offer was not understood: %w", err)
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("the offer can't be answered: %w", err)
	}
	p.offer = offer
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("the offer can't be answered: %w", err)
	}
	select {
	case <-gathered:
	case <-p.life.Done():
		return "", p.Err()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return withPublic(p.pc.LocalDescription().SDP, p.public), nil
}

// withPublic repeats the answer's first IPv4 and IPv6 host candidates with the public addresses, which lead to the same
// sockets through the network's address translation.
func withPublic(sdp string, public []netip.Addr) string {
	if len(public) == 0 {
		return sdp
	}
	var out strings.Builder
	for line := range strings.Lines(sdp) {
		if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && len(f) >= 8 && f[1] == "1" {
			if own, err := netip.ParseAddr(f[4]); err == nil {
				for i, ip := range public {
					if ip.Is4() == own.Is4() && !strings.Contains(out.String(), " "+ip.String()+" ") {
						fmt.Fprintf(&out, "a=candidate:public%d 1 udp %d %s %s typ host\r\n", i, 2130706431-i, ip, f[5])
					}
				}
			}
		}
		out.WriteString(line)
	}
	return out.String()
}

// Connected closes when media can flow.
func (p *Peer) Connected() <-chan struct{} { return p.up.Done() }

// AfterConnected has f run, on a goroutine of its own, when media can flow.
func (p *Peer) AfterConnected(f func()) { context.AfterFunc(p.up, f) }

// Done closes when the peer has come to its end; Err then says why.
func (p *Peer) Done() <-chan struct{} { return p.life.Done() }

// AfterDone has f run, on a goroutine of its own, when Done has closed.
func (p *Peer) AfterDone(f func()) { context.AfterFunc(p.life, f) }

// Err is nil until Done closes.
func (p *Peer) Err() error { return context.Cause(p.life) }

// Close hangs up and waits until nothing of the peer is left. It may be called twice.
func (p *Peer) Close() error {
	p.end(ErrClosed)
	<-p.closed
	return nil
}
