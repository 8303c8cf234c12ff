package rtc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// ErrOffer is the error of an offer that a peer connection can't answer, though it looks well.
var ErrOffer = errors.New("the offer can't be answered")

// Errors of a peer's end.
var (
	ErrNeverConnected = errors.New("no connection came about: the client did not reach the media port")
	ErrLost           = errors.New("the connection was lost")
	ErrHungUp         = errors.New("the client hung up")
	ErrClosed         = errors.New("the session was closed")
)

// Offer is what a peer answers: normalized SDP, and the codecs to accept.
type Offer struct {
	SDP     string
	Passive bool // the client waits for the DTLS handshake (a=setup:passive)
	Formats []broadcast.Format
	Data    bool // data channels are accepted, if it has an m-line for them
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
	data    data
	mu      sync.Mutex // of run
	readers sync.WaitGroup
}

func (a *API) newPeer(pc *webrtc.PeerConnection, dataChannels bool) *Peer {
	p := &Peer{pc: pc, public: a.public, closed: make(chan struct{})}
	if dataChannels {
		p.allowData()
	}
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
	p.mu.Lock()   // whoever comes now sees the end
	p.mu.Unlock() //nolint:staticcheck // that is all
	p.readers.Wait()
}

// run has f run on a goroutine that the peer's end waits for, unless that has come.
func (p *Peer) run(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Err() == nil {
		p.readers.Go(f)
	}
}

// answer completes the exchange. After an error it may be called again.
func (p *Peer) answer(ctx context.Context, offer string) (answer string, err error) {
	if p.pc.SignalingState() == webrtc.SignalingStateHaveRemoteOffer {
		// The last one came no further. Pion can't take it back (RFC 8829 section 4.1.10.2), so it has to be answered first.
		if _, err := p.complete(ctx); err != nil {
			return "", err
		}
	}
	offer = p.data.filter(offer)
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	if answer, err = p.complete(ctx); err == nil {
		p.offer = offer
	}
	return answer, err
}

// complete answers the offer that was set.
func (p *Peer) complete(ctx context.Context) (string, error) {
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	return p.describe(ctx, answer)
}

// describe sets the server's description, and gives it with all of the server's candidates.
func (p *Peer) describe(ctx context.Context, own webrtc.SessionDescription) (string, error) {
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(own); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	select {
	case <-gathered:
	case <-p.life.Done():
		return "", p.Err()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return p.data.filter(finishICE(p.pc.LocalDescription().SDP, p.public)), nil
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
