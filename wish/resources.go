package wish

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"sync"

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

// Limits bound the sessions of a server; 0 is no limit. Clients on loopback addresses don't count for PerAddress, and an
// IPv6 address counts as its /64, which is what one customer has.
type Limits struct {
	PerAddress int
	Total      int
}

// Resources are the session URLs of a server (RFC 9725 section 4.2). Every session is in them from its 201 until it ends;
// then its URL is 404.
type Resources struct {
	// Precondition is the rule for a PATCH without If-Match: PreconditionStrict, or else PreconditionLenient. Set it before
	// the first request.
	Precondition string

	limits Limits

	mu         sync.Mutex
	closed     bool
	total      int
	perAddress map[netip.Prefix]int
	sessions   map[string]*resource
	running    sync.WaitGroup // sessions, and the Opens that may become ones; added to only while not closed
}

// resource is one session URL.
type resource struct {
	id      string // 128 random bits in hex: who knows it may end the session (RFC 9725 section 5)
	session Session
	ice     iceSession
	place   *place
}

// NewResources makes an empty set.
func NewResources(limits Limits) *Resources {
	return &Resources{limits: limits, perAddress: make(map[netip.Prefix]int), sessions: make(map[string]*resource)}
}

// Handle answers every method of a session URL, whose path parameter is "id".
func (r *Resources) Handle(c echo.Context) error {
	res := r.lookup(c.Param("id"))
	methods := sessionMethods
	if res == nil || res.restarts() {
		methods = "PATCH, " + methods
		c.Response().Header().Set(headerAcceptPatch, mediaTypeFragment)
	}
	if c.Request().Method == http.MethodOptions { // also of a dead session, whose DELETE a page may want to hear of
		return options(c, methods)
	}
	if res == nil {
		return errEnded()
	}
	switch c.Request().Method {
	case http.MethodGet, http.MethodHead:
		return c.NoContent(http.StatusNoContent)
	case http.MethodDelete: // an If-Match doesn't matter (RFC 9725 section 4.3.1)
		if !res.end() {
			return fmt.Errorf("%w: it has just ended", ErrNoSession)
		}
		return c.NoContent(http.StatusOK)
	case http.MethodPatch:
		return res.patch(c)
	}
	return notAllowed(c, methods)
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

// lookup finds a session that has not ended.
func (r *Resources) lookup(id string) *resource {
	r.mu.Lock()
	res := r.sessions[id]
	r.mu.Unlock()
	if res == nil || res.ended() {
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

// place is room for one session, held from before its offer is read.
type place struct {
	resources *Resources
	network   netip.Prefix // not valid: exempt from PerAddress
	kept      bool         // a resource holds it now
}

// reserve takes a place; its caller releases it.
func (r *Resources) reserve(a netip.Addr) (*place, error) {
	p := &place{resources: r, network: network(a)}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, errShutdown()
	case r.limits.Total > 0 && r.total >= r.limits.Total:
		return nil, fmt.Errorf("%w: %d are open, as many as the server allows; try again later", ErrFull, r.total)
	case r.limits.PerAddress > 0 && p.network.IsValid() && r.perAddress[p.network] >= r.limits.PerAddress:
		return nil, fmt.Errorf("%w: %s has %d open; end one, or try again later", ErrTooManySessions, a, r.limits.PerAddress)
	}
	r.total++
	if p.network.IsValid() {
		r.perAddress[p.network]++
	}
	return p, nil
}

func errShutdown() error { return fmt.Errorf("%w: the server is shutting down", ErrFull) }

func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	if !a.IsValid() || a.IsLoopback() {
		return netip.Prefix{}
	}
	n, _ := a.WithZone("").Prefix(bits)
	return n
}

// release gives the place back unless a resource holds it.
func (p *place) release() {
	p.resources.mu.Lock()
	defer p.resources.mu.Unlock()
	if !p.kept {
		p.free()
	}
}

// free is called once, with the lock held.
func (p *place) free() {
	r := p.resources
	r.total--
	if !p.network.IsValid() {
		return
	}
	if r.perAddress[p.network]--; r.perAddress[p.network] == 0 {
		delete(r.perAddress, p.network)
	}
}

// open makes a session and puts it into the resources, unless they are closed meanwhile.
func (p *place) open(o *Offer, start func() (string, Session, error)) (string, *resource, error) {
	r := p.resources
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return "", nil, errShutdown()
	}
	r.running.Add(1)
	r.mu.Unlock()
	handed := false
	defer func() {
		if !handed {
			r.running.Done()
		}
	}()

	answer, s, err := start()
	if err != nil {
		if s != nil {
			_ = s.Close()
		}
		return "", nil, err
	}
	res := &resource{id: randomHex(16), session: s, place: p}
	res.ice.etag, res.ice.ufrag, res.ice.pwd = newTag(), o.ufrag, o.pwd
	if res.restarts() {
		res.ice.head = iceHead(answer)
	}
	if !res.keep() {
		_ = s.Close()
		return "", nil, errShutdown()
	}
	handed = true
	s.AfterDone(func() {
		defer r.running.Done()
		res.remove()
	})
	return answer, res, nil
}

func (res *resource) keep() bool {
	r := res.place.resources
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	res.place.kept = true
	r.sessions[res.id] = res
	return true
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails; it would end the program
	return hex.EncodeToString(b)
}
