package wish

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestPacer(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	p := newPacer(Limits{Rate: 10, Burst: 20})
	one, other := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")
	for i := range 20 {
		if wait := p.take(one, now); wait != 0 {
			t.Fatalf("request %d of a burst waits %v", i, wait)
		}
	}
	if wait := p.take(one, now); wait <= 0 || wait > 100*time.Millisecond {
		t.Errorf("one too many waits %v", wait)
	}
	if p.take(other, now) != 0 || p.take(netip.Prefix{}, now) != 0 {
		t.Error("others wait too")
	}
	for i := range 100 { // meetecho's client: ten PATCHes a second, for long
		if now = now.Add(100 * time.Millisecond); p.take(one, now) != 0 {
			t.Fatalf("request %d at the rate waits", i)
		}
	}
	if newPacer(Limits{}).take(one, now) != 0 {
		t.Error("no limit, and yet it waits")
	}
}

// The table is bounded, and those who are being held back stay in it as long as there are others to forget.
func TestPacerForgets(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	p := newPacer(Limits{Rate: 1, Burst: 1})
	address := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	for i := range maxBuckets {
		p.take(address(i), now)
	}
	now = now.Add(900 * time.Millisecond)
	p.take(address(0), now) // refused, as its bucket is not full yet
	now = now.Add(200 * time.Millisecond)
	p.take(address(0), now)
	for i := range 100 {
		p.take(address(maxBuckets+i), now)
	}
	if len(p.buckets) != 101 || p.take(address(0), now) == 0 {
		t.Errorf("%d buckets; and who asks too fast is forgotten", len(p.buckets))
	}
	for i := range 2 * maxBuckets {
		p.take(address(2*maxBuckets+i), now)
		if len(p.buckets) > maxBuckets {
			t.Fatalf("%d buckets", len(p.buckets))
		}
	}
}

// TestFlood: a flood of POSTs, PATCHes and DELETEs of one client is refused, and disturbs neither its session nor others.
func TestFlood(t *testing.T) { // W-102, E-44
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		g := newGateway(t, Limits{Rate: 0.5, Burst: 10}, nil)
		location := g.post(t, "/whip/x").Header.Get("Location") // from loopback: free
		path := map[string]string{"POST": "/whip/x", "PATCH": location, "DELETE": sessionPath + "00"}[method]
		for i := range 12 {
			r := g.do(t, method, path, "", "X-Forwarded-For", "203.0.113.7") // by a proxy: counted
			if (r.StatusCode == 429) != (i >= 10) {
				t.Fatalf("%s %d: %d", method, i, r.StatusCode)
			}
			seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
			if i >= 10 && (err != nil || seconds < 1 || seconds > 2 || r.Header.Get("Access-Control-Allow-Origin") != "*") {
				t.Errorf("%s: %v", method, r.Header)
			}
		}
		for _, free := range []string{"GET", "OPTIONS"} {
			if r := g.do(t, free, path, "", "X-Forwarded-For", "203.0.113.7"); r.StatusCode == 429 {
				t.Errorf("%s is counted", free)
			}
		}
		for range 20 {
			if r := g.do(t, "DELETE", sessionPath+"00", ""); r.StatusCode != 404 {
				t.Fatalf("loopback is held back: %d", r.StatusCode)
			}
		}
	}
}

// 200 viewers behind one address may join at once, each with a dozen requests, at the default limits of the gateway.
func TestCrowdBehindOneAddress(t *testing.T) {
	p := newPacer(Limits{Rate: 100, Burst: 3000})
	n, now := netip.MustParsePrefix("203.0.113.7/32"), time.Unix(1_000_000, 0)
	for viewer := range 200 {
		for request := range 12 {
			if wait := p.take(n, now); wait != 0 {
				t.Fatal(fmt.Sprintf("viewer %d waits at request %d", viewer, request), wait)
			}
		}
	}
}
