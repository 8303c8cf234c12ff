package udp

import (
	"net/netip"
	"sync"
)

// Admission bounds what strangers have begun and not finished, in total and for each address. It is for concurrent use.
type Admission struct {
	total, perAddress int

	mu        sync.Mutex
	entered   int
	byAddress map[netip.Addr]int
}

// NewAdmission makes an admission with its bounds.
func NewAdmission(total, perAddress int) *Admission {
	return &Admission{total: total, perAddress: perAddress, byAddress: map[netip.Addr]int{}}
}

// Enter says whether one more from this address may begin; if so, Leave must follow its end.
func (a *Admission) Enter(ip netip.Addr) bool {
	ip = customer(ip)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.entered >= a.total || a.byAddress[ip] >= a.perAddress {
		return false
	}
	a.entered++
	a.byAddress[ip]++
	return true
}

// Leave ends what Enter began.
func (a *Admission) Leave(ip netip.Addr) {
	ip = customer(ip)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entered--
	if a.byAddress[ip]--; a.byAddress[ip] == 0 {
		delete(a.byAddress, ip)
	}
}

// Len is how many are unfinished now, and from how many addresses.
func (a *Admission) Len() (unfinished, addresses int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.entered, len(a.byAddress)
}

// customer is what one customer of a network has: an IPv4 address, or an IPv6 /64.
func customer(ip netip.Addr) netip.Addr {
	if ip = ip.Unmap(); ip.Is4() {
		return ip
	}
	prefix, _ := ip.Prefix(64)
	return prefix.Addr()
}
