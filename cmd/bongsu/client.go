package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

const (
	connectTimeout = 15 * time.Second // from the offer to a connected peer
	firstBackoff   = 500 * time.Millisecond
	longestBackoff = 15 * time.Second
	longestWait    = time.Minute // that a server may ask for
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
	loopback  bool                       // reachable by addresses of this machine only
	addresses func() ([]net.Addr, error) // of this machine, now
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
		Client:    wish.Client{HTTP: &http.Client{Transport: transport}, Endpoint: address, Token: token},
		loopback:  u.Hostname() == "localhost" || ip.IsLoopback(),
		addresses: net.InterfaceAddrs,
	}, nil
}

func (e *endpoint) Close() { e.HTTP.CloseIdleConnections() }

// iceServers are those that links name and that can be used (RFC 9725 section 4.6).
func iceServers(links []wish.Link, log *slog.Logger) (servers []webrtc.ICEServer) {
	for _, l := range links {
		if !l.Is(wish.RelICEServer) {
			continue
		}
		uri, err := stun.ParseURI(l.URL)
		if err == nil && (uri.Scheme == stun.SchemeTypeTURN || uri.Scheme == stun.SchemeTypeTURNS) && l.Params["credential"] == "" {
			err = errors.New("it comes without credentials")
		}
		if err != nil {
			log.Warn("not using an ICE server that the server names", "url", l.URL, "err", err)
			continue
		}
		servers = append(servers, webrtc.ICEServer{URLs: []string{l.URL}, Username: l.Params["username"], Credential: l.Params["credential"]})
	}
	return servers
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
		wait := nextTry(err, backoff)
		log.Warn(err.Error(), "next_try", wait.Round(100*time.Millisecond))
		pause(ctx, wait)
		backoff = min(2*backoff, longestBackoff)
	}
}

// nextTry is the time until the next try after err: backoff, or what the server asked for within reason, and up to a quarter
// more, so that many clients don't come back at once.
func nextTry(err error, backoff time.Duration) time.Duration {
	if status, ok := errors.AsType[*wish.StatusError](err); ok {
		backoff = max(backoff, min(status.RetryAfter, longestWait))
	}
	return backoff + rand.N(backoff/4) //nolint:gosec // G404: no secret
}

// temporary tells whether the same request may have another answer later.
func temporary(err error) bool {
	var status *wish.StatusError
	var network net.Error
	var operation *net.OpError
	switch {
	case errors.As(err, &status):
		return status.Temporary() || status.Code == http.StatusNotFound // the stream may come
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
