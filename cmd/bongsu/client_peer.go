package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

const (
	optionsTimeout = 3 * time.Second
	deleteTimeout  = 3 * time.Second
	gatherTime     = 300 * time.Millisecond // that an offer waits for candidates; those that come later are trickled
	disconnected   = 3 * time.Second        // nothing comes; RFC 7675 allows 30 s
	failed         = 7 * time.Second        // after that
)

// clientPeer is one session with an endpoint. Close ends it.
type clientPeer struct {
	*webrtc.PeerConnection
	endpoint *endpoint
	client   wish.Client // with what answers a counter-offer
	log      *slog.Logger
	api      *webrtc.API
	onTrack  func(*webrtc.TrackRemote, *webrtc.RTPReceiver)

	resource *wish.Resource
	remote   string    // description, as an answer
	posted   time.Time // when resource was opened
	tcp      []string  // candidates of the server that are kept for when UDP does not get through
	tcpAt    time.Time
	fresh    bool // there are ICE servers that have not been asked yet

	candidates chan struct{} // there may be new ones
	changed    chan struct{} // the state of ICE
	gone       context.CancelFunc
	up         context.Context  // ends once the peer is connected
	down       context.Context  // ends once it is lost, or was closed by the server
	tick       <-chan time.Time // of guard
	guarding   sync.WaitGroup
	unguard    context.CancelFunc
}

// newClientPeer makes a peer connection with these codecs; its caller adds tracks and connects it.
func newClientPeer(e *endpoint, codecs func(*webrtc.MediaEngine) error, log *slog.Logger) (*clientPeer, error) {
	media := &webrtc.MediaEngine{}
	if err := codecs(media); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, registry); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}}
	settings.SetSRTPReplayProtectionWindow(8192) // repairs come late, under their old numbers
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(e.loopback)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	settings.SetICETimeouts(disconnected, failed, time.Second)
	p := &clientPeer{
		endpoint: e, client: e.Client, log: log,
		api:        webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)),
		candidates: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
	p.down, p.gone = context.WithCancel(context.Background())
	return p, p.open()
}

// open makes a peer connection, in place of the one that is there.
func (p *clientPeer) open() error {
	pc, err := p.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	var connected context.CancelFunc
	p.up, connected = context.WithCancel(context.Background())
	pc.OnICECandidate(func(*webrtc.ICECandidate) { wake(p.candidates) })
	pc.OnICEConnectionStateChange(func(webrtc.ICEConnectionState) { wake(p.changed) })
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			connected()
		case webrtc.PeerConnectionStateFailed:
			if pc.ICEConnectionState() != webrtc.ICEConnectionStateFailed { // but DTLS
				p.gone()
			}
		case webrtc.PeerConnectionStateClosed: // by DTLS
			p.gone()
		}
	})
	if p.onTrack != nil {
		pc.OnTrack(p.onTrack)
	}
	p.PeerConnection = pc
	return nil
}

// wake sends word to who waits, once.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// OnTrack says what happens to tracks that come. Who receives may be made an offer by the server, too.
func (p *clientPeer) OnTrack(f func(*webrtc.TrackRemote, *webrtc.RTPReceiver)) {
	p.onTrack, p.client.Answer = f, p.answer
	p.PeerConnection.OnTrack(f)
}

// connect does the exchange of RFC 9725 section 4.2, and waits until media can flow.
func (p *clientPeer) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("%w with %s after %v: is its UDP port reachable from here?",
		errConnect, p.endpoint.Endpoint, connectTimeout))
	defer cancel()
	if err := p.askServers(ctx); err != nil {
		return err
	}
	if err := p.offer(ctx, nil); err != nil {
		return err
	}
	answer, resource, err := p.client.Post(ctx, p.LocalDescription().SDP)
	if err != nil {
		return err
	}
	p.resource, p.posted = resource, time.Now()
	if answer != "" {
		if err := p.accept(answer); err != nil {
			return err
		}
	}
	if err := p.useServers(resource.Links); err != nil {
		return err
	}
	guard, unguard := context.WithCancel(context.Background())
	p.unguard = unguard
	p.guarding.Go(func() { p.guard(guard) })
	select {
	case <-p.up.Done():
		return nil
	case <-p.down.Done():
		return fmt.Errorf("%w with %s: its candidates could not be reached", errConnect, p.endpoint.Endpoint)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// askServers asks for ICE servers before there is an offer: this peer connection takes no new ones without an ICE restart.
func (p *clientPeer) askServers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, optionsTimeout)
	defer cancel()
	links, err := p.client.Options(ctx)
	if err != nil { // POST will tell
		p.log.Debug("OPTIONS", "err", err)
		return nil
	}
	if err := p.useServers(links); err != nil {
		return err
	}
	p.fresh = false
	return nil
}

// useServers has the next gathering ask those ICE servers.
func (p *clientPeer) useServers(links []wish.Link) error {
	servers := iceServers(links, p.log)
	if len(servers) == 0 {
		return nil
	}
	known := map[string]bool{}
	for _, s := range p.GetConfiguration().ICEServers {
		known[s.URLs[0]] = true
	}
	for _, s := range servers { // credentials may be other ones each time
		p.fresh = p.fresh || !known[s.URLs[0]]
	}
	return p.SetConfiguration(webrtc.Configuration{ICEServers: servers})
}

// offer makes the local description, with the candidates that come soon.
func (p *clientPeer) offer(ctx context.Context, options *webrtc.OfferOptions) error {
	offer, err := p.CreateOffer(options)
	if err != nil {
		return err
	}
	return p.describe(ctx, offer)
}

func (p *clientPeer) describe(ctx context.Context, local webrtc.SessionDescription) error {
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(local); err != nil {
		return err
	}
	timer := time.NewTimer(gatherTime)
	defer timer.Stop()
	select {
	case <-gathered:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// answer takes the server's own offer in place of ours (whep-03 section 4.3.2), with a peer connection of its own.
func (p *clientPeer) answer(offer string) (string, error) {
	servers := p.GetConfiguration().ICEServers
	old := p.PeerConnection
	old.OnConnectionStateChange(func(webrtc.PeerConnectionState) {})
	if err := p.open(); err != nil {
		return "", err
	}
	if err := errors.Join(old.GracefulClose(), p.SetConfiguration(webrtc.Configuration{ICEServers: servers})); err != nil {
		return "", err
	}
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: p.holdTCP(offer)}); err != nil {
		return "", err
	}
	answer, err := p.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	if err := p.describe(context.Background(), answer); err != nil {
		return "", err
	}
	p.remote = strings.ReplaceAll(offer, "a=setup:actpass", "a=setup:passive") // as of now; the answer was active
	p.log.Info("the server has made an offer of its own")
	return p.LocalDescription().SDP, nil
}

// accept sets an answer.
func (p *clientPeer) accept(answer string) error {
	refused, all, err := refusedMedia(answer)
	if err != nil {
		return err
	}
	if all {
		return fmt.Errorf("%w: it takes no %s with the codec offered", errRefused, strings.Join(refused, " and no "))
	}
	if len(refused) > 0 {
		p.log.Warn("the server has no part for what was offered", "kinds", refused)
	}
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.holdTCP(answer)}); err != nil {
		return fmt.Errorf("the server's answer can't be used: %w", err)
	}
	p.remote = answer
	return nil
}

// refusedMedia lists what an answer does not take of what was offered (RFC 8829 section 5.3.1: port 0), and whether that is all.
func refusedMedia(answer string) (kinds []string, all bool, err error) {
	var description sdp.SessionDescription
	if err := description.UnmarshalString(answer); err != nil {
		return nil, false, fmt.Errorf("the server's answer can't be read: %w", err)
	}
	for _, media := range description.MediaDescriptions {
		if media.MediaName.Port.Value == 0 {
			kinds = append(kinds, media.MediaName.Media)
		}
	}
	return kinds, len(kinds) > 0 && len(kinds) == len(description.MediaDescriptions), nil
}

// while is ctx, but ends with errConnected when the peer is lost.
func (p *clientPeer) while(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(p.down, func() { cancel(errConnected) })
	return ctx, func() { stop(); cancel(nil) }
}

// Close hangs up: DELETE, and the end of the peer connection. It waits, and may be called twice.
func (p *clientPeer) Close() error {
	if p.unguard != nil {
		p.unguard()
		p.guarding.Wait()
	}
	var err error
	if p.resource != nil {
		ctx, cancel := context.WithTimeout(context.Background(), deleteTimeout)
		defer cancel()
		err = p.resource.Delete(ctx)
		p.resource = nil
	}
	return errors.Join(err, p.GracefulClose())
}
