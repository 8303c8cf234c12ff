package wish

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxCandidates bounds what of an offer is kept; a host with ten interfaces has about 20.
const maxCandidates = 32

// candidate is a line a=candidate (RFC 8839 section 5.1).
type candidate struct {
	foundation, component, transport, kind string
	priority                               uint64
	address                                netip.Addr
	port                                   uint16
	related                                string // " raddr A rport P", or ""
	extensions                             string // " tcptype passive ...", or ""
}

func parseCandidate(value string) (candidate, bool) {
	f := strings.Fields(strings.TrimPrefix(value, "candidate:"))
	if len(f) < 8 || f[6] != "typ" || len(f[0]) > 32 || !isToken(f[0], "+/") {
		return candidate{}, false
	}
	c := candidate{foundation: f[0], component: f[1], transport: strings.ToLower(f[2]), kind: f[7]}
	var err error
	if c.priority, err = strconv.ParseUint(f[3], 10, 32); err != nil {
		return c, false
	}
	// Names, and so mDNS ones, are not resolved (RFC 9725 section 4.3.2 lets them be ignored).
	if c.address, err = netip.ParseAddr(f[4]); err != nil || c.address.Zone() != "" || c.address.IsUnspecified() || c.address.IsMulticast() {
		return c, false
	}
	port, err := strconv.ParseUint(f[5], 10, 16)
	if err != nil || port == 0 || !slices.Contains([]string{"host", "srflx", "prflx", "relay"}, c.kind) {
		return c, false
	}
	c.port = uint16(port)
	rest := f[8:]
	if len(rest) >= 4 && rest[0] == "raddr" && rest[2] == "rport" {
		_, addrErr := netip.ParseAddr(rest[1])
		if _, err := strconv.ParseUint(rest[3], 10, 16); err == nil && addrErr == nil {
			c.related = " raddr " + rest[1] + " rport " + rest[3]
		}
		rest = rest[4:]
	}
	if len(rest) > 0 {
		c.extensions = " " + strings.Join(rest, " ")
	}
	return c, true
}

func (c candidate) String() string {
	return fmt.Sprintf("%s %s %s %d %s %d typ %s%s", c.foundation, c.component, c.transport, c.priority, c.address, c.port, c.kind, c.related)
}

// usableCandidate gives the client's candidate with nothing in it that could trip an ICE agent, or "" for one to ignore:
// RTCP's (some clients count components from 0), other transports than UDP, names, and broken ones.
func usableCandidate(value string) string {
	c, ok := parseCandidate(value)
	if !ok || c.transport != "udp" || c.component != "1" && c.component != "0" {
		return ""
	}
	c.component = "1"
	c.address = c.address.Unmap()
	if c.kind != "host" && c.related == "" {
		c.related = " raddr 0.0.0.0 rport 9"
	}
	return c.String()
}

// ourCandidates puts the server's candidates in the order that simple clients need: FFmpeg and GStreamer's whepsrc take
// the first and no other. RTCP's are dropped, loopback ones too unless they are wanted or all there is.
func ourCandidates(offered []string, loopback bool) []string {
	type ranked struct {
		value string
		rank  int
	}
	var all []ranked
	remote := 0
	for _, v := range offered {
		c, ok := parseCandidate(v)
		r := ranked{c.String() + c.extensions, c.rank()}
		if !ok || c.component != "1" || slices.Contains(all, r) {
			continue
		}
		all = append(all, r)
		if !c.address.IsLoopback() {
			remote++
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.rank - b.rank })
	if !loopback && remote > 0 {
		all = all[:remote] // loopback ones are last
	}
	list := make([]string, len(all))
	for i := range all {
		list[i] = all[i].value
	}
	return list
}

// rank orders by what a stranger can most likely reach.
func (c candidate) rank() int {
	a := c.address.Unmap()
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10) // carrier-grade NAT, RFC 6598
	rank := 0
	switch {
	case a.IsLoopback():
		rank = 100
	case a.Is6() && (a.IsPrivate() || a.IsLinkLocalUnicast()):
		rank = 3
	case a.Is6():
		rank = 2
	case a.IsPrivate() || a.IsLinkLocalUnicast() || shared.Contains(a):
		rank = 1
	}
	if c.transport != "udp" {
		rank += 10
	}
	return rank
}
