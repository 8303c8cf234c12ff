// Package ingest brings streams in: publishers by WHIP, and media files.
package ingest

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"

	"bongsu/auth"
	"bongsu/broadcast"
	"bongsu/channel"
	"bongsu/rtc"
	"bongsu/wish"
)

// Service is the WHIP endpoint (RFC 9725).
type Service struct {
	// Channels is what data channels are for. Set it before the first session.
	Channels channel.Channels

	hub      *broadcast.Hub
	api      *rtc.API
	keys     auth.Keys
	endpoint wish.Endpoint
	log      *slog.Logger
}

// New makes the endpoint; its sessions live in resources.
func New(hub *broadcast.Hub, api *rtc.API, keys auth.Keys, resources *wish.Resources, log *slog.Logger) *Service {
	s := &Service{hub: hub, api: api, keys: keys, log: log}
	s.endpoint = wish.Endpoint{Role: wish.Publish, Resources: resources, Authorize: s.authorize, Open: s.open}
	return s
}

// Handle serves /whip and /whip/:stream.
func (s *Service) Handle(c echo.Context) error { return s.endpoint.Handle(c) }

// Start opens a session for an offer that did not come by POST.
func (s *Service) Start(r *wish.Request, offer []byte) (*wish.Started, error) {
	return s.endpoint.Start(r, offer)
}

func (s *Service) authorize(r *wish.Request) (err error) {
	if r.Stream, err = s.keys.Publish(r.Stream, r.Token); err != nil {
		if errors.Is(err, auth.ErrUnauthorized) {
			r.Reply.Set("WWW-Authenticate", auth.Challenge(r.Token))
		}
		return err
	}
	r.Stream = norm.NFC.String(r.Stream) // a token may have named it
	return broadcast.ValidName(r.Stream)
}

// Publisher is a WHIP session: a peer that feeds a source. It is a wish.Restarter, as its peer does it.
type Publisher struct {
	*rtc.Peer
	source *broadcast.Source
	ready  chan struct{} // closes when source is set, or never will be
	ended  chan struct{} // closes when nothing of it is left
	log    *slog.Logger
}

var _ wish.Restarter = (*Publisher)(nil)

// Close hangs up and waits for the end. It may be called twice.
func (p *Publisher) Close() error {
	_ = p.Peer.Close()
	<-p.ended
	return nil
}

// Err is nil until Done closes, and then says why. broadcast.ErrReplaced is a newer publisher with the same credential.
func (p *Publisher) Err() error {
	if err := p.source.Err(); errors.Is(err, broadcast.ErrReplaced) {
		return err
	}
	return p.Peer.Err()
}

func (s *Service) open(r *wish.Request) (string, wish.Session, error) {
	p := &Publisher{ready: make(chan struct{}), ended: make(chan struct{}), log: s.log.With("stream", r.Stream)}
	answer, peer, err := s.api.Receive(r.Context(), rtc.Offer{SDP: r.Offer.SDP, Passive: r.Offer.Passive, Formats: r.Offer.Formats(), Data: s.Channels.On()}, p.read)
	if errors.Is(err, rtc.ErrOffer) {
		err = fmt.Errorf("%w: %w", wish.ErrUnprocessable, err)
	}
	if err != nil {
		return "", nil, err
	}
	p.Peer = peer
	if answer, err = wish.FinishAnswer(answer, r.Offer, wish.AnswerOptions{Loopback: r.Loopback}); err == nil {
		err = p.publish(s, r)
	}
	if err != nil {
		close(p.ready)
		_ = peer.Close()
		return "", nil, err
	}
	return answer, p, nil
}

func (p *Publisher) publish(s *Service, r *wish.Request) error {
	source, err := s.hub.Publish(r.Stream, broadcast.Publication{Credential: r.Token, Agent: r.UserAgent()})
	if err != nil {
		return err
	}
	p.source = source
	close(p.ready)
	s.serveChannels(p.Peer, r, source)
	p.log.Info("publisher joined", "client", r.UserAgent(), "from", r.Address)
	go p.watch()
	return nil
}

// watch ends the source with the peer and the peer with the source, whichever ends first.
func (p *Publisher) watch() {
	defer close(p.ended)
	select {
	case <-p.Peer.Done():
		p.log.Info("publisher left", "reason", p.Peer.Err())
		p.source.Close()
	case <-p.source.Done():
		p.log.Info("publisher dismissed", "reason", p.source.Err())
		_ = p.Peer.Close()
	}
}
