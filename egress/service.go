// Package egress gives streams out: to viewers by WHEP.
package egress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/pion/datachannel"

	"bongsu/broadcast"
	"bongsu/channel"
	"bongsu/lite"
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

// Transports of viewers.
const (
	TransportAuto = "auto" // lean, and a PeerConnection for offers that need one
	TransportPC   = "pc"   // a PeerConnection for all
)

// Config of what viewers get.
type Config struct {
	// Wait lets viewers come before the publisher: they see the stream as soon as it begins. Else they get 409, or 404 for
	// a stream that is not known.
	Wait bool `koanf:"wait"`
	// Transport is how media gets to viewers: TransportAuto or TransportPC.
	Transport string `koanf:"transport"`
	// CounterOffer answers an offer that can't be accepted with one of the server's own (whep-03 section 4.3.2).
	CounterOffer bool `koanf:"counter_offer"`
}

// Service is the WHEP endpoint (draft-ietf-wish-whep-03).
type Service struct {
	// Channels is what data channels are for. Set it before the first session.
	Channels channel.Channels

	config   Config
	hub      *broadcast.Hub
	lean     *lite.Server
	api      *rtc.API
	endpoint wish.Endpoint
	log      *slog.Logger

	pace    pace
	leaving context.Context // is over when the server is about to stop
	leave   context.CancelFunc
}

// New makes the endpoint; its sessions live in resources. Viewers come by lean, or by api.
func New(c Config, hub *broadcast.Hub, lean *lite.Server, api *rtc.API, resources *wish.Resources, log *slog.Logger) *Service {
	s := &Service{config: c, hub: hub, lean: lean, api: api, log: log, pace: defaultPace()}
	s.leaving, s.leave = context.WithCancel(context.Background())
	s.endpoint = wish.Endpoint{
		Role: wish.Play, Resources: resources, Authorize: s.authorize, Ready: s.ready, Open: s.open,
		Counter: s.counter, CounterRefused: c.CounterOffer, Extensions: extensions(),
	}
	return s
}

// Handle serves /whep/:stream.
func (s *Service) Handle(c echo.Context) error { return s.endpoint.Handle(c) }

// Start opens a session for an offer that did not come by POST.
func (s *Service) Start(r *wish.Request, offer []byte) (*wish.Started, error) {
	return s.endpoint.Start(r, offer)
}

func (s *Service) authorize(r *wish.Request) error { return broadcast.ValidName(r.Stream) }

// ready refuses viewers of a stream that is not live, where they may not wait.
func (s *Service) ready(r *wish.Request) error {
	if s.config.Wait {
		return nil
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

// peer is a viewer's transport: lite.Session or rtc.Viewer.
type peer interface {
	broadcast.Sink
	Output(broadcast.Kind) *broadcast.Output
	Feedback(lost func(), missing func(ssrc uint32, numbers []uint16))
	Trickle(candidates []string)
	Restart(ctx context.Context, ufrag, password string, candidates []string) (description string, err error)
	Channels(serve func(context.Context, *datachannel.DataChannel))
	OpenChannel(label string)
	AfterConnected(f func())
	Done() <-chan struct{}
	AfterDone(f func())
	Err() error
	Close() error
}

// connect answers the offer by the lean transport, or by a PeerConnection if the offer or the configuration asks for it.
func (s *Service) connect(r *wish.Request, formats []broadcast.Format) (answer string, p peer, err error) {
	if s.config.Transport != TransportPC {
		answer, session, err := s.lean.Answer(lite.Offer{SDP: r.Offer.SDP, Passive: r.Offer.Passive, Formats: formats, Data: s.Channels.On()})
		if !errors.Is(err, lite.ErrOdd) {
			return answer, session, err
		}
		s.log.Debug("viewer by PeerConnection", "client", r.UserAgent(), "reason", err)
	}
	return s.api.Send(r.Context(), rtc.Offer{SDP: r.Offer.SDP, Passive: r.Offer.Passive, Formats: formats, Data: s.Channels.On()})
}

// Viewer is a WHEP session: a peer that gets a stream. It is a wish.Restarter, as its peer does it.
type Viewer struct {
	peer
	service    *Service
	subscriber *broadcast.Subscriber
	lines      int           // m-lines
	video      int           // the place of the picture's m-line; -1: none
	ended      chan struct{} // closes when nothing of it is left

	mu      sync.Mutex
	streams map[string]*eventStream
}

var _ wish.Restarter = (*Viewer)(nil)

// Close hangs up and waits for the end. It may be called twice.
func (v *Viewer) Close() error {
	_ = v.peer.Close()
	<-v.ended
	return nil
}

func (s *Service) open(r *wish.Request) (string, wish.Session, error) {
	formats := r.Offer.Formats()
	if err := s.decodable(r.Stream, formats); err != nil {
		return "", nil, err
	}
	answer, p, err := s.connect(r, formats)
	if errors.Is(err, rtc.ErrOffer) {
		err = fmt.Errorf("%w: %w", wish.ErrUnprocessable, err)
	}
	if err != nil {
		return "", nil, err
	}
	answer, err = wish.FinishAnswer(answer, r.Offer, wish.AnswerOptions{Loopback: r.Loopback})
	if err != nil {
		_ = p.Close()
		return "", nil, err
	}
	v, err := s.join(who(r), p, r.Offer.Media)
	if err != nil {
		_ = p.Close()
		return "", nil, err
	}
	return answer, v, nil
}

// join gives the stream to a peer that has negotiated these m-lines.
func (s *Service) join(who channel.Who, p peer, media []wish.Media) (*Viewer, error) {
	subscriber, err := s.hub.Subscribe(who.Stream, broadcast.Subscription{
		Sink: p, Audio: p.Output(broadcast.Audio), Video: p.Output(broadcast.Video), Hold: hold,
	})
	if err != nil {
		return nil, err
	}
	v := &Viewer{peer: p, service: s, subscriber: subscriber, ended: make(chan struct{}), lines: len(media)}
	v.video = slices.IndexFunc(media, func(m wish.Media) bool { return m.Kind == "video" && len(m.Codecs) > 0 })
	p.Feedback(subscriber.RequestKeyframe, subscriber.Resend)
	p.AfterConnected(subscriber.Start)
	s.serveChannels(p, who, subscriber)
	p.AfterDone(func() { v.leave(s.log.With("stream", who.Stream)) })
	return v, nil
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

// leave ends the subscription with the peer.
func (v *Viewer) leave(log *slog.Logger) {
	defer close(v.ended)
	v.subscriber.Close()
	log.Debug("viewer left", "reason", v.Err(), "stats", v.subscriber.Stats())
}
