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
	pc        *webrtc.PeerConnection
	public    []netip.Addr
	connected chan struct{}
	done      chan struct{}
	closed    chan struct{}
	once      sync.Once
	up        sync.Once
	timer     *time.Timer
	err       error // set before done closes
	readers   sync.WaitGroup
}

func (a *API) newPeer(pc *webrtc.PeerConnection) *Peer {
	p := &Peer{pc: pc, public: a.public, connected: make(chan struct{}), done: make(chan struct{}), closed: make(chan struct{})}
	p.timer = time.AfterFunc(setupTimeout, func() { p.end(ErrNeverConnected) })
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			p.timer.Stop()
			p.up.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateFailed:
			p.end(p.why())
		case webrtc.PeerConnectionStateClosed:
			p.end(ErrHungUp)
		}
	})
	return p
}

func (p *Peer) why() error {
	select {
	case <-p.connected:
		return ErrLost
	default:
		return ErrNeverConnected
	}
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
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("the offer can't be answered: %w", err)
	}
	select {
	case <-gathered:
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

// Done closes when the peer has come to its end; Err then says why.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Connected closes when media can flow.
func (p *Peer) Connected() <-chan struct{} { return p.connected }

// Err is nil until Done closes.
func (p *Peer) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Close hangs up and waits until nothing of the peer is left. It may be called twice.
func (p *Peer) Close() error {
	p.end(ErrClosed)
	<-p.closed
	return nil
}

// end brings the peer to its end; the first reason counts. It does not wait, so that pion may call it.
func (p *Peer) end(reason error) {
	p.once.Do(func() {
		p.err = reason
		p.timer.Stop()
		close(p.done)
		go func() {
			defer close(p.closed)
			_ = p.pc.GracefulClose()
			p.readers.Wait()
		}()
	})
}
