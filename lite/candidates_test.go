package lite

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestCandidates(t *testing.T) {
	local := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:8443"), netip.MustParseAddrPort("10.0.0.2:8443"), netip.MustParseAddrPort("[2001:db8::1]:8443")}
	tcp := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:443"), netip.MustParseAddrPort("10.0.0.2:443")}
	public := []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::1")}
	want := []string{
		"1 1 udp 2130706431 203.0.113.7 8443 typ host", "2 1 udp 2130706175 2001:db8::1 8443 typ host",
		"3 1 udp 2130705919 10.0.0.1 8443 typ host", "4 1 udp 2130705663 10.0.0.2 8443 typ host",
		"5 1 tcp 1520435199 203.0.113.7 443 typ host tcptype passive", "6 1 tcp 1520434943 10.0.0.1 443 typ host tcptype passive",
		"7 1 tcp 1520434687 10.0.0.2 443 typ host tcptype passive",
	}
	if got := hostCandidates(local, tcp, public); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := hostCandidates(local[:1], nil, public[1:]); len(got) != 1 || !strings.Contains(got[0], "10.0.0.1") {
		t.Errorf("%q: the public IPv6 address leads nowhere", got)
	}
}
