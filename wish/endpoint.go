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
	// Authorize admits who may use the stream, by r.Token; it may set r.Stream. It is asked before the body is read, before
	// TURN credentials are given away, and again when another token comes to a session's URL. Nil admits everybody.
	Authorize func(r *Request) error
	// Ready refuses a new session of the stream while there is nothing to have, before the body is read. Nil refuses none.
	Ready func(r *Request) error
	// Open starts a session for r.Offer and gives the finished answer. What it returns next to an error is closed.
	Open func(r *Request) (answer string, s Session, err error)
	// Counter makes an offer of the server's own (whep-03 section 4.3.2), with all its candidates. Nil means that there is
	// none. What it returns next to an error is closed.
	Counter func(r *Request) (offer string, s Answerer, err error)
	// CounterRefused has the server's offer follow when the client's is refused with ErrUnprocessable. Else only clients that
	// ask for it get one, by "Prefer: counter-offer".
	CounterRefused bool
	// Extensions are told to who has opened a session.
	Extensions []Extension
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
		if c.Request().Header.Get(echo.HeaderAccessControlRequestMethod) == "" { // no preflight (RFC 9725 section 4.6)
			if err := e.tellServers(c); err != nil {
				return err
			}
		}
		return options(c, endpointMethods)
	}
	return notAllowed(c, endpointMethods)
}

// tellServers answers a client that wants to know the ICE servers before it makes its offer.
func (e *Endpoint) tellServers(c echo.Context) error {
	if len(e.Resources.ICEServers) == 0 {
		return nil
	}
	r, err := newRequest(c)
	if err != nil {
		return err
	}
	if err := e.Resources.pace(r); err != nil { // or keys could be tried out here
		return err
	}
	h := r.Reply
	r.Reply = make(http.Header) // who is not admitted has still made a good request
	known := e.Authorize == nil || e.Authorize(r) == nil
	e.Resources.addLinks(h, known)
	return nil
}

// post is Start for an offer that comes by HTTP.
func (e *Endpoint) post(c echo.Context) error {
	r, err := newRequest(c)
	if err != nil {
		return err
	}
	s, err := e.start(r, func() ([]byte, error) { return r.readOffer(c) })
	if elsewhere := (*RedirectError)(nil); errors.As(err, &elsewhere) {
		location, fault := elsewhere.location(r.Request)
		if fault != nil {
			return fault
		}
		r.Reply.Set(echo.HeaderLocation, location)
	}
	if err != nil {
		return err
	}
	location := locate(r.Request, s.ID)
	r.Reply.Set(echo.HeaderLocation, location)
	r.Reply.Set("ETag", s.ETag)
	if s.res.restarts() {
		r.Reply.Set(headerAcceptPatch, s.res.acceptPatch()) // RFC 5789 section 3.1; clients trickle only if it is there
	}
	e.Resources.addLinks(r.Reply, true)
	for _, x := range e.Extensions {
		r.Reply.Add("Link", x.link(location))
	}
	status, mediaType := http.StatusCreated, mediaTypeSDP
	if s.Counter {
		status, mediaType = http.StatusNotAcceptable, counterType(s.Until)
	}
	if err := c.Blob(status, mediaType, []byte(s.SDP)); err != nil {
		s.End() // without the Location, nobody could
		return err
	}
	return nil
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
