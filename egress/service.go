// Package egress gives streams out: to viewers by WHEP.
package egress

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"bongsu/broadcast"
	"bongsu/rtc"
	"bongsu/wish"
)

// ErrOffline is the error of a stream that nobody publishes now, on a server that does not let viewers wait.
var ErrOffline = errors.New("nobody is publishing this stream now")

const (
	// retryAfter is when a viewer of an offline stream should come again, in seconds.
	retryAfter = "3"
	// hold is the pause between the handshake and the first packet: Firefox loses what comes at once.
	hold = 30 * time.Millisecond
)

// Config of what viewers get.
type Config struct {
	// Wait lets viewers come before the publisher: they see the stream as soon as it begins. Else they get 409, or 404 for
	// a stream that is not known.
	Wait bool `koanf:"wait"`
}

// Service is the WHEP endpoint (draft-ietf-wish-whep-03).
type Service struct {
	config   Config
	hub      *broadcast.Hub
	api      *rtc.API
	endpoint wish.Endpoint
	log      *slog.Logger
}

// New makes the endpoint; its sessions live in resources.
func New(c Config, hub *broadcast.Hub, api *rtc.API, resources *wish.Resources, log *slog.Logger) *Service {
	s := &Service{config: c, hub: hub, api: api, log: log}
	s.endpoint = wish.Endpoint{Role: wish.Play, Resources: resources, Authorize: s.authorize, Open: s.open}
	return s
}

// Handle serves /whep/:stream.
func (s *Service) Handle(c echo.Context) error { return s.endpoint.Handle(c) }

func (s *Service) authorize(r *wish.Request) error {
	if err := broadcast.ValidName(r.Stream); err != nil || s.config.Wait {
		return err
	}
	info, ok := s.hub.Info(r.Stream)
	switch {
	case !ok:
		return fmt.Errorf("stream %q: %w", r.Stream, broadcast.ErrNotFound)
	case info.State == broadcast.Offline:
		r.Reply.Set("Retry-After", retryAfter)
		return fmt.Errorf("stream %q: %w", r.Stream, ErrOffline)
	}
	return nil
}

// Viewer is a WHEP session: a peer that gets a stream.
type Viewer struct {
	*rtc.Viewer
	subscriber *broadcast.Subscriber
	ended      chan struct{} // closes when nothing of it is left
}

// Close hangs up and waits for the end. It may be called twice.
func (v *Viewer) Close() error {
	_ = v.Viewer.Close()
	<-v.ended
	return nil
}

func (s *Service) open(r *wish.Request) (string, wish.Session, error) {
	formats := r.Offer.Formats()
	if err := s.decodable(r.Stream, formats); err != nil {
		return "", nil, err
	}
	answer, peer, err := s.api.Send(r.Context(), rtc.Offer{SDP: r.Offer.SDP, Passive: r.Offer.Passive, Formats: formats})
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", wish.ErrUnprocessable, err)
	}
	v := &Viewer{Viewer: peer, ended: make(chan struct{})}
	answer, err = wish.FinishAnswer(answer, r.Offer, wish.AnswerOptions{Loopback: r.Loopback})
	if err == nil {
		v.subscriber, err = s.hub.Subscribe(r.Stream, broadcast.Subscription{
			Sink: peer, Audio: peer.Output(broadcast.Audio), Video: peer.Output(broadcast.Video), Hold: hold,
		})
	}
	if err != nil {
		_ = peer.Close()
		return "", nil, err
	}
	go v.watch(s.log.With("stream", r.Stream))
	go peer.Feedback(v.subscriber.RequestKeyframe, v.subscriber.Resend)
	return answer, v, nil
}

// decodable refuses a viewer who offers nothing that the stream has now, and says what it would need.
func (s *Service) decodable(stream string, formats []broadcast.Format) error {
	info, _ := s.hub.Info(stream)
	for _, t := range info.Tracks {
		asked, can := false, false
		for _, f := range formats {
			if f.Kind().String() == t.Kind {
				asked = true
				can = can || strings.EqualFold(f.Name(), t.Codec)
			}
		}
		if asked && !can {
			return fmt.Errorf("%w: the stream's %s is %s, which your offer does not have; use a client that decodes it", wish.ErrUnprocessable, t.Kind, t.Codec)
		}
	}
	return nil
}

// watch lets the media flow between the handshake and the end.
func (v *Viewer) watch(log *slog.Logger) {
	defer close(v.ended)
	defer v.subscriber.Close()
	select {
	case <-v.Connected():
		v.subscriber.Start()
	case <-v.Done():
	}
	<-v.Done()
	log.Debug("viewer left", "reason", v.Err(), "stats", v.subscriber.Stats())
}
