package wish

import (
	"context"
	"crypto/sha256"
	"fmt"
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
	// PreconditionPages is lenient with web pages and strict with all others: it is players for browsers that leave it out.
	PreconditionPages = "pages"
	// PreconditionLenient takes it for trickle if it has the current user name fragment.
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
	mu         sync.Mutex        // held for as long as a PATCH takes
	etag       string            // strong (RFC 9725 section 4.3.1)
	ufrag, pwd string            // the client's
	candidates []string          // that the client has trickled
	head       string            // of every fragment that goes out
	reply      string            // to the PATCH that began it; "" in the first
	request    [sha256.Size]byte // that PATCH, with its If-Match
}

// handlePatch answers a PATCH of a live session. The body is read before its turn comes: a slow client holds up nobody.
func (res *resource) handlePatch(c echo.Context, q *Request) error {
	if !res.restarts() {
		return notAllowed(c, sessionMethods)
	}
	switch t := q.mediaType(); {
	case t == mediaTypeSDP && res.counter != nil:
		body, err := q.readBody(c)
		if err != nil {
			return err
		}
		if err := res.accept(q.Context(), body); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	case t != mediaTypeFragment:
		return fmt.Errorf("%w: Content-Type is %.64q; send an SDP fragment as %s", ErrMediaType, q.Header.Get(echo.HeaderContentType), mediaTypeFragment)
	}
	body, err := q.readBody(c)
	if err != nil {
		return err
	}
	answer, etag, err := res.patch(q.Context(), body, q.Header.Values("If-Match"), res.place.resources.lenient(q.Request))
	if err != nil {
		return err
	}
	if answer == "" {
		return c.NoContent(http.StatusNoContent)
	}
	q.Reply.Set("ETag", etag)
	return c.Blob(http.StatusOK, mediaTypeFragment, []byte(answer))
}

// patch does what a fragment means, and gives the fragment that answers a restart with the new ETag.
func (res *resource) patch(ctx context.Context, body []byte, ifMatch []string, lenient bool) (answer, etag string, err error) {
	f, err := parseFragment(body)
	if err != nil {
		return "", "", err
	}
	ice := &res.ice
	ice.mu.Lock()
	defer ice.mu.Unlock()
	request := sha256.Sum256(append([]byte(strings.Join(ifMatch, ",")+"\n"), body...))
	switch {
	case res.ended():
		return "", "", errEnded()
	case res.counter != nil && res.counter.state != counterAccepted:
		return "", "", fmt.Errorf("%w: answer its offer first, by PATCH with %s", ErrNotNow, mediaTypeSDP)
	case ice.reply != "" && request == ice.request: // its client has not got the answer
		return ice.reply, ice.etag, nil
	}
	restart, err := res.meaning(f, parseMatch(ifMatch), lenient)
	if err != nil {
		return "", "", err
	}
	s := res.session.(Restarter)
	if !restart {
		if fresh := ice.learn(f.candidates); len(fresh) > 0 {
			s.Trickle(fresh)
		}
		return "", "", nil
	}
	if answer, err = res.restart(ctx, s, f); err != nil {
		return "", "", err
	}
	ice.request, ice.reply = request, answer
	return answer, ice.etag, nil
}

// lenient decides whether a PATCH may leave out If-Match. What comes from a page has an Origin (WHATWG Fetch section 3.2).
func (r *Resources) lenient(q *http.Request) bool {
	return r.Precondition == PreconditionLenient || r.Precondition == PreconditionPages && q.Header.Get("Origin") != ""
}

// meaning tells a restart from trickle, by the credentials alone: some clients send "If-Match: *" with all that they send.
func (res *resource) meaning(f *fragment, m match, lenient bool) (restart bool, err error) {
	ice := &res.ice
	current := f.ufrag == ice.ufrag && (f.pwd == "" || f.pwd == ice.pwd)
	switch {
	case !m.given && (!current || !lenient):
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
func (res *resource) restart(ctx context.Context, s Restarter, f *fragment) (answer string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restartTimeout)
	defer cancel()
	description, err := s.Restart(ctx, f.ufrag, f.pwd, f.candidates)
	if res.ended() {
		return "", errEnded()
	}
	if err != nil {
		return "", fmt.Errorf("%w: the ICE restart failed, and the session stays as it was: %w", ErrUnprocessable, err)
	}
	if answer, err = answerFragment(res.ice.head, description, res.loopback); err != nil {
		return "", err
	}
	res.ice.etag = newTag()
	res.ice.ufrag, res.ice.pwd, res.ice.candidates = f.ufrag, f.pwd, f.candidates
	return answer, nil
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
