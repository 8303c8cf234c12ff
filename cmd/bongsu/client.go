package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

const (
	connectTimeout = 15 * time.Second // from the offer to a connected peer
	deleteTimeout  = 3 * time.Second
	firstBackoff   = 500 * time.Millisecond
	longestBackoff = 15 * time.Second
)

var (
	errEndpoint  = errors.New("not an endpoint")
	errRefused   = errors.New("refused by the server")
	errConnect   = errors.New("no media connection")
	errConnected = errors.New("the connection was lost") // after it had been there
)

// endpoint is a WHIP or WHEP server to be a client of. Close it.
type endpoint struct {
	wish.Client
	loopback bool // reachable by addresses of this machine only
}

func newEndpoint(address, token string) (*endpoint, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%w: %q must be a URL such as http://localhost:8080/whip/lobby", errEndpoint, address)
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = connectTimeout
	return &endpoint{
		Client:   wish.Client{HTTP: &http.Client{Transport: transport}, Endpoint: address, Token: token},
		loopback: u.Hostname() == "localhost" || ip.IsLoopback(),
	}, nil
}

func (e *endpoint) Close() { e.HTTP.CloseIdleConnections() }

// clientPeer is one session with an endpoint. Close ends it.
type clientPeer struct {
	*webrtc.PeerConnection
	endpoint *endpoint
	resource *wish.Resource
	log      *slog.Logger
	up       context.Context // ends once the peer is connected
	down     context.Context // ends once it has failed or was closed by the server
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
	settings.SetICETimeouts(5*time.Second, 5*time.Second, 2*time.Second)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	p := &clientPeer{PeerConnection: pc, endpoint: e, log: log}
	var connected, gone context.CancelFunc
	p.up, connected = context.WithCancel(context.Background())
	p.down, gone = context.WithCancel(context.Background())
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			connected()
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			gone()
		}
	})
	return p, nil
}

// connect does the exchange of RFC 9725 section 4.2, with all candidates in the offer, and waits until media can flow.
func (p *clientPeer) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("%w with %s after %v: is its UDP port reachable from here?",
		errConnect, p.endpoint.Endpoint, connectTimeout))
	defer cancel()
	offer, err := p.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	answer, resource, err := p.endpoint.Post(ctx, p.LocalDescription().SDP)
	if err != nil {
		return err
	}
	p.resource = resource
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
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("the server's answer can't be used: %w", err)
	}
	select {
	case <-p.up.Done():
		return nil
	case <-p.down.Done():
		return fmt.Errorf("%w with %s: its candidates could not be reached", errConnect, p.endpoint.Endpoint)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
	var err error
	if p.resource != nil {
		ctx, cancel := context.WithTimeout(context.Background(), deleteTimeout)
		defer cancel()
		err = p.resource.Delete(ctx)
		p.resource = nil
	}
	return errors.Join(err, p.GracefulClose())
}

// keepTrying runs session again after it failed, waiting twice as long each time, or as long as the server said. It ends when
// the session does well (nil), when trying again can't help, and with nil when ctx has ended. pause waits.
func keepTrying(ctx context.Context, log *slog.Logger, pause func(context.Context, time.Duration), session func(context.Context) error) error {
	backoff := firstBackoff
	for {
		err := session(ctx)
		if ctx.Err() != nil {
			err = nil // what the end has interrupted
		}
		if err == nil || !temporary(err) {
			return err
		}
		if errors.Is(err, errConnected) {
			backoff = firstBackoff
		}
		wait := backoff + rand.N(backoff/4) //nolint:gosec // G404: so that many clients don't come back at once
		var status *wish.StatusError
		if errors.As(err, &status) && status.RetryAfter > wait {
			wait = min(status.RetryAfter, time.Minute)
		}
		log.Warn(err.Error(), "next_try", wait.Round(100*time.Millisecond))
		pause(ctx, wait)
		backoff = min(2*backoff, longestBackoff)
	}
}

// temporary tells whether the same request may have another answer later.
func temporary(err error) bool {
	var status *wish.StatusError
	var network net.Error
	var operation *net.OpError
	switch {
	case errors.As(err, &status):
		return status.Code >= 500 || slices.Contains([]int{http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict,
			http.StatusTooEarly, http.StatusTooManyRequests}, status.Code)
	case errors.Is(err, errConnected), errors.Is(err, errConnect):
		return true
	}
	return errors.As(err, &network) || errors.As(err, &operation)
}

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
