package wish

import (
	"fmt"
	"net/netip"
)

// Limits bound what clients take of a server; 0 is no limit. Clients on this machine that come without a proxy count only
// for Total, and an IPv6 address counts as its /64, which is what one customer has.
type Limits struct {
	PerAddress int     // sessions of one client address
	Total      int     // sessions
	Rate       float64 // POSTs, PATCHes and DELETEs of one client address, a second
	Burst      int     // of these at once
}

// Network is what counts as one client. It is not valid for one that nothing is counted of.
func (r *Request) Network() netip.Prefix {
	if r.Loopback || !r.Address.IsValid() {
		return netip.Prefix{}
	}
	bits := 32
	if r.Address.Is6() {
		bits = 64
	}
	n, _ := r.Address.WithZone("").Prefix(bits)
	return n
}

// nameOf is a network in words.
func nameOf(n netip.Prefix) string {
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.String()
}

// place is room for one session, held from before its offer is read.
type place struct {
	resources *Resources
	network   netip.Prefix // not valid: exempt from PerAddress
	kept      bool         // a resource holds it now
}

// reserve takes a place; its caller releases it.
func (r *Resources) reserve(n netip.Prefix) (*place, error) {
	p := &place{resources: r, network: n}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, errShutdown()
	case r.limits.Total > 0 && r.total >= r.limits.Total:
		return nil, fmt.Errorf("%w: %d are open, as many as the server allows; try again later", ErrFull, r.total)
	case r.limits.PerAddress > 0 && n.IsValid() && r.perAddress[n] >= r.limits.PerAddress:
		return nil, fmt.Errorf("%w: %s has %d open; end one, or try again later", ErrTooManySessions, nameOf(n), r.limits.PerAddress)
	}
	r.total++
	if n.IsValid() {
		r.perAddress[n]++
	}
	return p, nil
}

func errShutdown() error { return fmt.Errorf("%w: the server is shutting down", ErrFull) }

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

// open starts a session and puts it into the resources, unless they are closed meanwhile.
func (p *place) open(res *resource, start func() (sdp string, s Session, err error)) (sdp string, err error) {
	r := p.resources
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return "", errShutdown()
	}
	r.running.Add(1)
	r.mu.Unlock()
	handed := false
	defer func() {
		if !handed {
			r.running.Done()
		}
	}()

	sdp, s, err := start()
	if err != nil {
		if s != nil {
			_ = s.Close()
		}
		return "", err
	}
	res.id, res.session, res.place = randomHex(16), s, p
	res.ice.etag = newTag()
	if res.restarts() {
		res.ice.head = iceHead(sdp)
	}
	if !res.keep() {
		_ = s.Close()
		return "", errShutdown()
	}
	handed = true
	s.AfterDone(func() {
		defer r.running.Done()
		res.remove()
	})
	return sdp, nil
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
