package udp

import (
	"net/netip"
	"testing"
)

func TestAdmission(t *testing.T) {
	a := NewAdmission(512, 128)
	one := netip.MustParseAddr("2001:db8::1")
	for i := range 128 {
		if !a.Enter(netip.MustParseAddr("2001:db8::2")) {
			t.Fatalf("handshake %d was refused", i)
		}
	}
	if a.Enter(one) {
		t.Error("the limit per customer does not hold")
	}
	ip := netip.MustParseAddr("192.0.2.1")
	for n := 128; n < 512; n++ {
		if !a.Enter(ip) {
			t.Fatalf("handshake %d was refused", n)
		}
		if n%128 == 0 {
			ip = ip.Next()
		}
	}
	if a.Enter(netip.MustParseAddr("198.51.100.1")) {
		t.Error("the limit in all does not hold")
	}
	a.Leave(one)
	if !a.Enter(one) {
		t.Error("there is room again")
	}
}
