package lite

import (
	"fmt"
	"net/netip"
	"slices"

	"bongsu/udp"
)

// Priorities of host candidates. Those of TCP are below all others but relays: a direct path over UDP is better.
const (
	preferUDP     = 126     // type preference (RFC 8445 section 5.1.2.2)
	preferTCP     = 90      // the same over TCP (RFC 6544 section 4.2 leaves the number to us)
	directPassive = 4 << 13 // direction preference of passive candidates, in the local preference (RFC 6544 section 4.2)
	maxUDP        = 1<<16 - 1
	maxTCP        = 1<<13 - 1
)

// candidates lists what a client can connect to: addresses of UDP, and after them those of TCP.
func candidates(port *udp.Port, public []netip.Addr) []string {
	return hostCandidates(port.Addresses(), port.TCPAddresses(), public)
}

// hostCandidates writes host candidates (RFC 8839 section 5.1, RFC 6544 section 4.5), the best first.
func hostCandidates(udp, tcp []netip.AddrPort, public []netip.Addr) []string {
	var all []string
	for i, a := range reachable(udp, public) {
		priority := preferUDP<<24 | (maxUDP-i)<<8 | 255
		all = append(all, fmt.Sprintf("%d 1 udp %d %s %d typ host", len(all)+1, priority, a.Addr(), a.Port()))
	}
	for i, a := range reachable(tcp, public) {
		priority := preferTCP<<24 | (directPassive+maxTCP-i)<<8 | 255
		all = append(all, fmt.Sprintf("%d 1 tcp %d %s %d typ host tcptype passive", len(all)+1, priority, a.Addr(), a.Port()))
	}
	return all
}

// reachable lists the public addresses, which lead to the first socket of their family through the network's address translation,
// and then the sockets' own.
func reachable(local []netip.AddrPort, public []netip.Addr) (all []netip.AddrPort) {
	for _, ip := range public {
		i := slices.IndexFunc(local, func(a netip.AddrPort) bool { return a.Addr().Is4() == ip.Is4() })
		if i >= 0 {
			all = append(all, netip.AddrPortFrom(ip, local[i].Port()))
		}
	}
	for _, a := range local {
		if !slices.Contains(public, a.Addr()) {
			all = append(all, a)
		}
	}
	return all
}
