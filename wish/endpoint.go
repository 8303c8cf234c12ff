package wish

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
)

const (
	endpointMethods = "POST, GET, HEAD, OPTIONS"
	retryTooMany    = "10" // seconds; a session that lost its network is gone by then or soon after
	retryFull       = "5"

	headerAcceptPatch = "Accept-Patch"
)

// Endpoint is a WHIP or a WHEP endpoint (RFC 9725 section 4.2, whep-03 section 4.3).
type Endpoint struct {
	Role      Role
	Resources *Resources
	// Authorize admits a request before its body is read; it may set r.Stream. Nil admits everybody.
	Authorize func(r *Request) error
	// Open starts a session for r.Offer and gives the finished answer. What it returns next to an error is closed.
	Open func(r *Request) (answer string, s Session, err error)
}

// Handle answers every method of the endpoint's URL.
func (e *Endpoint) Handle(c echo.Context) error {
	h := c.Response().Header()
	switch c.Request().Method {
	case http.MethodPost:
		return e.post(c)
	case http.MethodGet, http.MethodHead:
		h.Set(echo.HeaderContentLength, "0")
		if e.Role == Publish {
			h.Del(echo.HeaderContentLength) // a 204 has none (RFC 9110 section 8.6)
			return c.NoContent(http.StatusNoContent)
		}
		h.Set(echo.HeaderContentType, mediaTypeSDP) // whep-03 section 4.2: this is how a player finds out that a URL is WHEP
		return c.NoContent(http.StatusOK)
	case http.MethodOptions:
		h.Set("Accept-Post", mediaTypeSDP)
		return options(c, endpointMethods)
	}
	return notAllowed(c, endpointMethods)
}

// post goes from the cheap to the dear: who is it, is there room, is it an offer, and only then a session.
func (e *Endpoint) post(c echo.Context) error {
	r, err := newRequest(c)
	if err != nil {
		return err
	}
	if e.Authorize != nil {
		if err := e.Authorize(r); err != nil {
			return err
		}
	}
	p, err := e.Resources.reserve(r.Address)
	if err != nil {
		return refuse(r, err)
	}
	defer p.release()
	if err := r.readOffer(c, e.Role); err != nil {
		return err
	}
	answer, res, err := p.open(r.Offer, func() (string, Session, error) { return e.Open(r) })
	if err != nil {
		return refuse(r, err)
	}
	if err := r.Context().Err(); err != nil {
		res.end()
		return fmt.Errorf("the client went away before its answer: %w", err)
	}
	r.Reply.Set(echo.HeaderLocation, sessionPath+res.id)
	r.Reply.Set("ETag", res.ice.etag)
	if res.restarts() {
		r.Reply.Set(headerAcceptPatch, mediaTypeFragment) // RFC 5789 section 3.1; clients trickle only if it is there
	}
	if err := c.Blob(http.StatusCreated, mediaTypeSDP, []byte(answer)); err != nil {
		res.end() // without the Location, nobody could
		return err
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

// options answers OPTIONS with 200 (RFC 9725 section 4.2).
func options(c echo.Context, methods string) error {
	h := c.Response().Header()
	h.Set(echo.HeaderAllow, methods)
	if h.Get(echo.HeaderAccessControlAllowMethods) == "" {
		h.Set(echo.HeaderAccessControlAllowMethods, corsMethods) // some clients read here whether sessions have PATCH
	}
	return c.NoContent(http.StatusOK)
}

func notAllowed(c echo.Context, methods string) error {
	c.Response().Header().Set(echo.HeaderAllow, methods)
	return fmt.Errorf("%w: %s; this URL knows %s", ErrMethod, c.Request().Method, methods)
}
