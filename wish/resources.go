package wish

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	sessionPath    = "/session/"
	sessionMethods = "DELETE, GET, HEAD, OPTIONS" // and PATCH if the session is a Restarter
)

// Session is an open WHIP or WHEP session.
type Session interface {
	Done() <-chan struct{} // closed when the session has ended, by Close or by itself
	AfterDone(f func())    // has f run then, on a goroutine of its own that there is only then
	Close() error          // ends it at once and waits; may be called twice, and by many
}

// Resources are the session URLs of a server (RFC 9725 section 4.2), and the rules that its endpoints share. Every session
// is in them from its 201 until it ends; then its URL is 404.
type Resources struct {
	// Precondition is the rule for a PATCH without If-Match: PreconditionPages, PreconditionLenient, or else strict. Set it before
	// the first request.
	Precondition string
	// ICEServers are told to every client that opens a session. Set them before the first request.
	ICEServers []ICEServer

	limits      Limits
	pacer       *pacer
	counterTime time.Duration

	mu         sync.Mutex
	closed     bool
	total      int
	perAddress map[netip.Prefix]int
	sessions   map[string]*resource
	running    sync.WaitGroup // sessions, and the Opens that may become ones; added to only while not closed
}

// resource is one session URL.
type resource struct {
	id       string // 128 random bits in hex: who knows it may end the session (RFC 9725 section 5)
	session  Session
	ice      iceSession
	counter  *counterOffer // if the server made the offer
	place    *place
	private  bool // there is no URL
	loopback bool // the client came by loopback
	opener   opener
}

// opener is who has opened a session.
type opener struct {
	authorize func(r *Request) error // of the endpoint
	stream    string
	token     [sha256.Size]byte
}

// NewResources makes an empty set.
func NewResources(limits Limits) *Resources {
	return &Resources{limits: limits, pacer: newPacer(limits), counterTime: counterTime,
		perAddress: make(map[netip.Prefix]int), sessions: make(map[string]*resource)}
}

// Handle answers every method of a session URL, whose path parameter is "id".
func (r *Resources) Handle(c echo.Context) error {
	res, method := r.lookup(c.Param("id")), c.Request().Method
	methods := sessionMethods
	if res == nil || res.restarts() {
		methods = "PATCH, " + methods
		c.Response().Header().Set(headerAcceptPatch, res.acceptPatch())
	}
	switch method {
	case http.MethodOptions: // also of a dead session, whose DELETE a page may want to hear of
		return options(c, methods)
	case http.MethodPatch, http.MethodDelete:
		q, err := newRequest(c)
		if err != nil {
			return err
		}
		if err := r.pace(q); err != nil {
			return err
		}
		if res == nil {
			return errEnded()
		}
		return res.change(c, q)
	}
	if res == nil {
		return errEnded()
	}
	if method == http.MethodGet || method == http.MethodHead {
		return c.NoContent(http.StatusNoContent)
	}
	return notAllowed(c, methods)
}

// change does a PATCH or a DELETE. Neither asks for a token: many clients send none here.
func (res *resource) change(c echo.Context, q *Request) error {
	if err := res.opener.admit(q); err != nil {
		return err
	}
	if q.Method == http.MethodPatch {
		return res.handlePatch(c, q)
	}
	if !res.end() { // whatever If-Match says (RFC 9725 section 4.3.1)
		return fmt.Errorf("%w: it has just ended", ErrNoSession)
	}
	return c.NoContent(http.StatusOK)
}

// admit lets pass who brings no token, for who knows the URL may use it, or the token that opened the session. Another token
// must be as good as that one was.
func (o *opener) admit(q *Request) error {
	token := sha256.Sum256([]byte(q.Token))
	if q.Token == "" || o.authorize == nil || subtle.ConstantTimeCompare(token[:], o.token[:]) == 1 {
		return nil
	}
	q.Stream = o.stream
	return o.authorize(q)
}

func errEnded() error {
	return fmt.Errorf("%w: it has ended, or there never was one with this URL", ErrNoSession)
}

// Close ends every session and waits for all. New ones are refused with ErrFull.
func (r *Resources) Close() {
	r.mu.Lock()
	r.closed = true
	var ending sync.WaitGroup
	for _, res := range r.sessions {
		ending.Go(func() { res.end() })
	}
	r.mu.Unlock()
	ending.Wait()
	r.running.Wait()
}

// lookup finds a session that has a URL and has not ended.
func (r *Resources) lookup(id string) *resource {
	r.mu.Lock()
	res := r.sessions[id]
	r.mu.Unlock()
	if res == nil || res.private || res.ended() {
		return nil
	}
	return res
}

func (res *resource) ended() bool {
	select {
	case <-res.session.Done():
		return true
	default:
		return false
	}
}

// restarts reports whether the session takes PATCH.
func (res *resource) restarts() bool {
	_, ok := res.session.(Restarter)
	return ok
}

// acceptPatch lists the media types of a PATCH (RFC 5789 section 3.1). A dead session has them too.
func (res *resource) acceptPatch() string {
	if res != nil && res.counter != nil {
		return mediaTypeSDP + ", " + mediaTypeFragment
	}
	return mediaTypeFragment
}

// end closes the session, and reports whether it was this call that took it out.
func (res *resource) end() bool {
	found := res.remove()
	_ = res.session.Close()
	return found
}

func (res *resource) remove() bool {
	r := res.place.resources
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[res.id] != res {
		return false
	}
	delete(r.sessions, res.id)
	res.place.free()
	return true
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails; it would end the program
	return hex.EncodeToString(b)
}
