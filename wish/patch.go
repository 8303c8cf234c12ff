package wish

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// restartTimeout bounds an ICE restart, which goes on if its client goes away: half of it would be of no use to anybody.
const restartTimeout = 10 * time.Second

// The rules for a PATCH without If-Match.
const (
	// PreconditionLenient takes it for trickle if it has the current user name fragment: some players send no If-Match.
	PreconditionLenient = "lenient"
	// PreconditionStrict refuses it with 428 (RFC 9725 section 4.3.1).
	PreconditionStrict = "strict"
)

// Restarter is a Session that learns candidates after its start, and can restart ICE (RFC 9725 section 4.3). Its methods
// are never called at the same time, but perhaps after its end.
type Restarter interface {
	Session
	// Trickle adds candidates of the client, values of a=candidate that are complete and for UDP.
	Trickle(candidates []string)
	// Restart begins a new ICE session, in which the client has these credentials and these candidates only; everything
	// else stays. The description that it gives is SDP with the server's new credentials and all its candidates; only these
	// are read of it. After an error the old ICE session should go on.
	Restart(ctx context.Context, ufrag, password string, candidates []string) (description string, err error)
}

// iceSession is what a resource knows of its current ICE session.
type iceSession struct {
	mu         sync.Mutex // held for as long as a PATCH takes
	etag       string     // strong (RFC 9725 section 4.3.1)
	ufrag, pwd string     // the client's
	candidates []string   // that the client has trickled
	head       string     // of every fragment that goes out
}

// patch answers a PATCH of a live session. The body is read before its turn comes: a slow client holds up nobody.
func (res *resource) patch(c echo.Context) error {
	s, ok := res.session.(Restarter)
	if !ok {
		return notAllowed(c, sessionMethods)
	}
	r, err := newRequest(c)
	if err != nil {
		return err
	}
	if t, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); t != mediaTypeFragment {
		return fmt.Errorf("%w: Content-Type is %.64q; send an SDP fragment as %s", ErrMediaType, r.Header.Get(echo.HeaderContentType), mediaTypeFragment)
	}
	body, err := r.readBody(c)
	if err != nil {
		return err
	}
	f, err := parseFragment(body)
	if err != nil {
		return err
	}
	res.ice.mu.Lock()
	defer res.ice.mu.Unlock()
	if res.ended() {
		return errEnded()
	}
	restart, err := res.meaning(f, parseMatch(r.Header.Values("If-Match")))
	if err != nil {
		return err
	}
	if restart {
		return res.restart(c, r, s, f)
	}
	if fresh := res.ice.learn(f.candidates); len(fresh) > 0 {
		s.Trickle(fresh)
	}
	return c.NoContent(http.StatusNoContent)
}

// meaning tells a restart from trickle, by the credentials alone: some clients send "If-Match: *" with all that they send.
func (res *resource) meaning(f *fragment, m match) (restart bool, err error) {
	ice := &res.ice
	current := f.ufrag == ice.ufrag && (f.pwd == "" || f.pwd == ice.pwd)
	switch {
	case !m.given && (!current || res.place.resources.Precondition == PreconditionStrict):
		return false, fmt.Errorf("%w: send the session's ETag in If-Match, or * with new credentials to restart ICE", ErrPrecondition)
	case m.given && !m.any && !slices.Contains(m.tags, ice.etag):
		return false, fmt.Errorf("%w: ICE was restarted meanwhile, or the ETag in If-Match was never this session's", ErrStale)
	case f.ufrag == "" && m.any:
		return false, fmt.Errorf("%w: a=ice-ufrag and a=ice-pwd are missing, and If-Match names no ICE session that the candidates could be of", ErrMalformed)
	case current || f.ufrag == "":
		return false, nil
	case f.ufrag == ice.ufrag || f.pwd == "":
		return false, fmt.Errorf("%w: an ICE restart needs a new a=ice-ufrag and a new a=ice-pwd (RFC 8445 section 9)", ErrMalformed)
	}
	return true, nil
}

// learn gives those candidates that are new, as many as are wanted of a client.
func (ice *iceSession) learn(candidates []string) []string {
	var fresh []string
	for _, c := range candidates {
		if len(ice.candidates) < maxCandidates && !slices.Contains(ice.candidates, c) {
			ice.candidates = append(ice.candidates, c)
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// restart restarts ICE (RFC 9725 section 4.3.3). If it fails, nothing has changed for HTTP.
func (res *resource) restart(c echo.Context, r *Request, s Restarter, f *fragment) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), restartTimeout)
	defer cancel()
	description, err := s.Restart(ctx, f.ufrag, f.pwd, f.candidates)
	if res.ended() {
		return errEnded()
	}
	if err != nil {
		return fmt.Errorf("%w: the ICE restart failed, and the session stays as it was: %w", ErrUnprocessable, err)
	}
	answer, err := answerFragment(res.ice.head, description, r.Loopback)
	if err != nil {
		return err
	}
	res.ice.etag = newTag()
	res.ice.ufrag, res.ice.pwd, res.ice.candidates = f.ufrag, f.pwd, f.candidates
	r.Reply.Set("ETag", res.ice.etag)
	return c.Blob(http.StatusOK, mediaTypeFragment, []byte(answer))
}

func newTag() string { return `"` + randomHex(8) + `"` }

// match is an If-Match (RFC 9110 section 13.1.1).
type match struct {
	given bool
	any   bool     // *
	tags  []string // the strong ones, with their quotes
}

// parseMatch reads If-Match in all its lines. RFC 9725 writes the star in quotes, so that counts too; no tag of ours is one.
// Weak tags never match, and neither does what is no tag.
func parseMatch(headers []string) match {
	m := match{given: len(headers) > 0}
	rest := strings.Join(headers, ",")
	for {
		rest = strings.TrimLeft(rest, " \t,")
		weak := strings.HasPrefix(rest, "W/")
		tag := strings.TrimPrefix(rest, "W/")
		switch {
		case rest == "":
			return m
		case strings.HasPrefix(tag, `"`):
			end := strings.IndexByte(tag[1:], '"')
			if end < 0 {
				return m
			}
			tag, rest = tag[:end+2], tag[end+2:]
		default:
			tag, rest, _ = strings.Cut(tag, ",")
			tag = strings.TrimSpace(tag)
		}
		if weak {
			continue
		}
		m.any = m.any || tag == "*" || tag == `"*"`
		m.tags = append(m.tags, tag)
	}
}
