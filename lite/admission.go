package lite

import (
	"net/netip"
	"sync"
)

// Unfinished DTLS handshakes, each some milliseconds of CPU and some kilobytes. A ClientHello beyond the limits is dropped:
// an honest client repeats it.
const (
	maxHandshakes           = 512
	maxHandshakesPerAddress = 128
)

// admission counts unfinished handshakes by address.
type admission struct {
	mu        sync.Mutex
	total     int
	byAddress map[netip.Addr]int
}

// enter lets a handshake from an address begin; leave must follow its end.
func (a *admission) enter(ip netip.Addr) bool {
	ip = customer(ip)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.total >= maxHandshakes || a.byAddress[ip] >= maxHandshakesPerAddress {
		return false
	}
	a.total++
	a.byAddress[ip]++
	return true
}

func (a *admission) leave(ip netip.Addr) {
	ip = customer(ip)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if a.byAddress[ip]--; a.byAddress[ip] == 0 {
		delete(a.byAddress, ip)
	}
}

// customer is what one customer of a network has: an IPv4 address, or an IPv6 /64.
func customer(ip netip.Addr) netip.Addr {
	if ip = ip.Unmap(); ip.Is4() {
		return ip
	}
	prefix, _ := ip.Prefix(64)
	return prefix.Addr()
}
