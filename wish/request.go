package wish

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"

	"bongsu/broadcast"
)

const (
	mediaTypeSDP = "application/sdp"
	maxOffer     = 64 << 10         // bytes of an offer; Chromium's are about 8 KiB
	maxDrain     = 4 << 20          // bytes of a too large body that are read and forgotten
	bodyTimeout  = 10 * time.Second // for a client that sends its offer slowly
)

// Request is a POST to an endpoint, or what stands for one.
type Request struct {
	*http.Request
	Reply    http.Header // headers of the answer, also of an error: the hooks may add WWW-Authenticate, Retry-After, Link
	Stream   string      // by StreamName, or ""; Authorize may set it
	Token    string      // of "Authorization: Bearer" (RFC 6750 section 2.1), or of the query's "token", or ""
	Offer    *Offer      // nil in Authorize, which comes before the body
	Loopback bool        // the client is on this machine and came without a proxy
	Address  netip.Addr  // the client's
	Private  bool        // the session gets no URL: only who has started it can change it
	Counter  bool        // the client prefers an offer of the server (whep-03 section 4.3.2)
}

// NewRequest is for Endpoint.Start: c is the request that opened the WebSocket by which the offer came.
// Stream is a name as StreamName gives it.
func NewRequest(c echo.Context, stream, token string) *Request {
	r := fromClient(c)
	r.Reply, r.Stream, r.Token, r.Private = make(http.Header), stream, token, true
	return r
}

func newRequest(c echo.Context) (*Request, error) {
	r := fromClient(c)
	r.Reply = c.Response().Header()
	r.Counter = prefersCounter(r.Header)
	var err error
	if r.Stream, err = StreamName(c); err != nil {
		return nil, err
	}
	if r.Token = bearer(r.Header.Get(echo.HeaderAuthorization)); r.Token == "" {
		r.Token = r.URL.Query().Get("token") // of clients that know nothing but a URL (RFC 9725 section 4.7.1)
	}
	return r, nil
}

// fromClient tells where a request comes from.
func fromClient(c echo.Context) *Request {
	r := &Request{Request: c.Request()}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	r.Address = remote.Addr().Unmap()
	r.Loopback = r.Address.IsLoopback() && r.Header.Get(echo.HeaderXForwardedFor) == "" &&
		r.Header.Get("Forwarded") == "" && r.Header.Get(echo.HeaderXRealIP) == ""
	if c.Echo().IPExtractor != nil { // without one, echo believes any client's X-Forwarded-For
		if a, err := netip.ParseAddr(c.RealIP()); err == nil {
			r.Address = a.Unmap()
		}
	}
	return r
}

// StreamName is the stream's name in the route's :stream, decoded and in NFC (Unicode Standard Annex 15): some systems write
// letters in pieces, and what people read as one name is one stream. It is "" on a route without :stream; the error of a name
// that can't be one wraps broadcast.ErrName.
func StreamName(c echo.Context) (string, error) {
	name := c.Param("stream")
	if name == "" {
		return "", nil
	}
	if c.Request().URL.RawPath != "" { // with unusual escapes echo hands out the path as it was sent
		var err error
		if name, err = url.PathUnescape(name); err != nil {
			return "", fmt.Errorf("%w: %w", broadcast.ErrName, err)
		}
	}
	name = norm.NFC.String(name)
	return name, broadcast.ValidName(name)
}

// bearer is the token of an Authorization header. The scheme is case-insensitive; a lone word is taken as a token, since
// some players send their key bare, and what JavaScript makes of a missing token is none.
func bearer(header string) string {
	scheme, token, found := strings.Cut(strings.TrimSpace(header), " ")
	token = strings.TrimSpace(token)
	switch {
	case !found && !strings.EqualFold(scheme, "bearer"):
		token = scheme
	case !strings.EqualFold(scheme, "bearer"):
		return ""
	}
	if token == "undefined" || token == "null" {
		return ""
	}
	return token
}

// mediaType is that of the body, without its parameters and in lower case (RFC 9110 section 8.3.1).
func (r *Request) mediaType() string {
	t, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	return t
}

// readOffer checks the type and the size of the body before it reads it.
func (r *Request) readOffer(c echo.Context) ([]byte, error) {
	if r.mediaType() != mediaTypeSDP {
		r.Reply.Set("Accept-Post", mediaTypeSDP)
		return nil, fmt.Errorf("%w: Content-Type is %.64q; send the offer as application/sdp", ErrMediaType, r.Header.Get(echo.HeaderContentType))
	}
	return r.readBody(c)
}

func (r *Request) readBody(c echo.Context) ([]byte, error) {
	tooLarge := fmt.Errorf("%w: at most %d bytes are allowed", ErrTooLarge, maxOffer)
	if r.ContentLength > maxOffer && r.Header.Get("Expect") != "" {
		return nil, tooLarge // it waits to be asked for the body
	}
	control := http.NewResponseController(c.Response())
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	if r.ContentLength <= maxOffer { // or not said
		body, err := io.ReadAll(io.LimitReader(r.Body, maxOffer+1))
		if err != nil {
			return nil, fmt.Errorf("%w: the body ended early: %w", ErrMalformed, err)
		}
		if len(body) <= maxOffer {
			return body, nil
		}
	}
	// Who is still writing when the connection is closed never sees why.
	_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
	return nil, tooLarge
}
