package wish

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

const mediaTypeJSON = "application/json"

// Extension is a protocol extension whose URL stands below that of each session. Clients learn of it by a Link when they have
// opened one (RFC 9725 section 4.8, whep-03 section 4.10), and never before.
type Extension struct {
	Rel    string // its URI
	Path   string // what follows the session's URL and a slash
	Params string // what follows in the Link: `; events="active"`
}

// link is the extension's Link for a session. It is resolved as the Location is.
func (x Extension) link(location string) string {
	return fmt.Sprintf(`<%s/%s>; rel="%s"%s`, location, x.Path, x.Rel, x.Params)
}

// Extend serves a URL of an extension, whose path parameter "id" is the session's: as Guard does, if the session is there and
// its client may use it, by the rules for PATCH.
func (r *Resources) Extend(methods string, handle func(c echo.Context, q *Request, s Session) error) echo.HandlerFunc {
	return r.Guard(methods, func(c echo.Context, q *Request) error {
		res := r.lookup(c.Param("id"))
		if res == nil {
			return errEnded()
		}
		if err := res.opener.admit(q); err != nil {
			return err
		}
		return handle(c, q, res.session)
	})
}

// Guard serves a URL with these methods. It answers OPTIONS, also of what is no more, as its page may ask for that; of the
// others it reads where they come from, and holds back who asks too often.
func (r *Resources) Guard(methods string, handle func(c echo.Context, q *Request) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		method := c.Request().Method
		if method == http.MethodOptions {
			return options(c, methods)
		}
		if !slices.Contains(strings.Split(methods, ", "), method) {
			return notAllowed(c, methods)
		}
		q, err := newRequest(c)
		if err != nil {
			return err
		}
		if method != http.MethodGet {
			if err := r.pace(q); err != nil {
				return err
			}
		}
		return handle(c, q)
	}
}

// ReadJSON reads a body of JSON text; nil when there is none. Its errors wrap ErrMediaType, ErrTooLarge or ErrMalformed.
func (r *Request) ReadJSON(c echo.Context) ([]byte, error) {
	if t := r.Header.Get(echo.HeaderContentType); t != "" && r.mediaType() != mediaTypeJSON {
		return nil, notJSON(t)
	}
	body, err := r.readBody(c)
	switch {
	case err != nil:
		return nil, err
	case len(body) == 0:
		return nil, nil
	case r.mediaType() != mediaTypeJSON:
		return nil, notJSON("")
	}
	return body, nil
}

func notJSON(contentType string) error {
	return fmt.Errorf("%w: Content-Type is %.64q; send %s", ErrMediaType, contentType, mediaTypeJSON)
}
