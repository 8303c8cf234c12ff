package wish

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/labstack/echo/v4"
)

// Started is a session that Start has opened. It ends by itself, by End, or when its Resources are closed.
type Started struct {
	ID      string    // the last part of its URL
	ETag    string    // of its ICE session
	SDP     string    // the answer, or the server's own offer
	Counter bool      // SDP is an offer, for Accept
	Until   time.Time // when the session ends if the offer is not accepted by then
	Session Session

	res *resource
}

// Start opens a session for an offer, as a POST to the endpoint does. It goes from the cheap to the dear: does the client ask
// too often, may it, is there anything to have, is there room, is it an offer; only then it opens the session. Errors are
// those of POST, a *RedirectError among them; r.Reply has the Retry-After and the WWW-Authenticate that go with them.
func (e *Endpoint) Start(r *Request, offer []byte) (*Started, error) {
	return e.start(r, func() ([]byte, error) { return offer, nil })
}

func (e *Endpoint) start(r *Request, read func() ([]byte, error)) (*Started, error) {
	if err := e.admit(r); err != nil {
		return nil, err
	}
	p, err := e.Resources.reserve(r.Network())
	if err != nil {
		return nil, refuse(r, err)
	}
	defer p.release()
	body, err := read()
	if err != nil {
		return nil, err
	}
	s, err := e.open(r, p, body)
	if err != nil {
		return nil, refuse(r, err)
	}
	if err := r.Context().Err(); err != nil {
		s.End()
		return nil, fmt.Errorf("the client went away before its answer: %w", err)
	}
	return s, nil
}

func (e *Endpoint) admit(r *Request) error {
	if err := e.Resources.pace(r); err != nil {
		return err
	}
	for _, hook := range []func(*Request) error{e.Authorize, e.Ready} {
		if hook == nil {
			continue
		}
		if err := hook(r); err != nil {
			return err
		}
	}
	return nil
}

// refuse adds what an overload error needs.
func refuse(r *Request, err error) error {
	if r.Reply.Get(echo.HeaderRetryAfter) == "" {
		switch {
		case errors.Is(err, ErrTooManySessions):
			r.Reply.Set(echo.HeaderRetryAfter, retryTooMany)
		case errors.Is(err, ErrFull):
			r.Reply.Set(echo.HeaderRetryAfter, retryFull)
		}
	}
	return err
}

// open answers the offer, or makes another if the client asks for that, or if its own won't do.
func (e *Endpoint) open(r *Request, p *place, body []byte) (*Started, error) {
	if e.Counter != nil && r.Counter {
		s, err := e.openCounter(r, p)
		if err == nil {
			r.Reply.Set("Preference-Applied", preference)
		}
		return s, err
	}
	s, err := e.openAnswer(r, p, body)
	if errors.Is(err, ErrUnprocessable) && e.CounterRefused && e.Counter != nil {
		if s, fault := e.openCounter(r, p); fault == nil {
			return s, nil
		}
	}
	return s, err
}

func (e *Endpoint) openAnswer(r *Request, p *place, body []byte) (*Started, error) {
	var err error
	if r.Offer, err = ParseOffer(body, e.Role); err != nil {
		return nil, err
	}
	res := e.resource(r)
	res.ice.ufrag, res.ice.pwd = r.Offer.ufrag, r.Offer.pwd
	answer, err := p.open(res, func() (string, Session, error) { return e.Open(r) })
	if err != nil {
		return nil, err
	}
	return &Started{ID: res.id, ETag: res.ice.etag, SDP: answer, Session: res.session, res: res}, nil
}

func (e *Endpoint) resource(r *Request) *resource {
	return &resource{private: r.Private, loopback: r.Loopback,
		opener: opener{authorize: e.Authorize, stream: r.Stream, token: sha256.Sum256([]byte(r.Token))}}
}

// Patch does what a PATCH of the session with this SDP fragment and these lines of If-Match does (RFC 9725 section 4.3). A
// restart gives the fragment that answers it, and the new ETag.
func (s *Started) Patch(ctx context.Context, fragment []byte, ifMatch ...string) (answer, etag string, err error) {
	if !s.res.restarts() {
		return "", "", fmt.Errorf("%w: the session takes no candidates", ErrMethod)
	}
	return s.res.patch(ctx, fragment, ifMatch, true)
}

// Accept takes the client's answer to the offer of the server.
func (s *Started) Accept(ctx context.Context, answer []byte) error { return s.res.accept(ctx, answer) }

// End ends the session and waits. It may be called twice.
func (s *Started) End() { s.res.end() }
