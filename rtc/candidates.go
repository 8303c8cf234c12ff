package rtc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// iceOptions are in every description: ICE of RFC 8445, whose section 10 wants the first, and candidates of the client may come later
// (RFC 8840 section 4.1.1).
const iceOptions = "a=ice-options:ice2 trickle\r\n"

// Priorities of public candidates: as those of UDP and TCP hosts (RFC 8445 section 5.1.2.1), and above pion's own.
const (
	publicUDP = 126<<24 | 65535<<8 | 255
	publicTCP = 99<<24 | (4<<13|8191)<<8 | 255 // RFC 6544 section 4.2, passive; 99 is pion's type preference
)

// isLite tells whether the client only answers checks, so that the server has to make them (RFC 8445 section 6.1.1).
func (o Offer) isLite() bool { return strings.Contains(o.SDP, "\na=ice-lite") }

// finishICE completes what pion says of ICE: its options, the public addresses, and candidates of TCP after those of UDP, as simple
// clients take the first.
func finishICE(sdp string, public []netip.Addr) string {
	var out, tcp strings.Builder
	said := false
	for line := range strings.Lines(withPublic(sdp, public)) {
		candidate := strings.HasPrefix(line, "a=candidate:")
		if !candidate {
			out.WriteString(tcp.String())
			tcp.Reset()
		}
		if !said && (strings.HasPrefix(line, "a=") || strings.HasPrefix(line, "m=")) {
			out.WriteString(iceOptions)
			said = true
		}
		switch {
		case candidate && strings.Contains(line, " tcptype "):
			tcp.WriteString(line)
		case !strings.HasPrefix(line, "a=ice-options:"):
			out.WriteString(line)
		}
	}
	return out.String() + tcp.String()
}

// withPublic puts the public addresses before the first candidate of their family, once for each transport; they lead to the same
// socket through the network's address translation.
func withPublic(sdp string, public []netip.Addr) string {
	if len(public) == 0 {
		return sdp
	}
	var out strings.Builder
	var said []string
	for line := range strings.Lines(sdp) {
		f := strings.Fields(line)
		if strings.HasPrefix(line, "a=candidate:") && len(f) >= 8 && f[1] == "1" {
			own, _ := netip.ParseAddr(f[4])
			for i, ip := range public {
				if where := f[2] + ip.String(); own.IsValid() && ip.Is4() == own.Is4() && !slices.Contains(said, where) {
					said = append(said, where)
					out.WriteString(publicCandidate(f[2], i, ip, f[5]))
				}
			}
		}
		out.WriteString(line)
	}
	return out.String()
}

func publicCandidate(transport string, i int, ip netip.Addr, port string) string {
	if transport == "tcp" {
		return fmt.Sprintf("a=candidate:publictcp%d 1 tcp %d %s %s typ host tcptype passive\r\n", i, publicTCP-i<<8, ip, port)
	}
	return fmt.Sprintf("a=candidate:public%d 1 udp %d %s %s typ host\r\n", i, publicUDP-i<<8, ip, port)
}
