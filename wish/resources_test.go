package wish

import (
	"net/netip"
	"sync"
	"testing"
	"time"
)

// waitCount waits until so many places are taken: a session that ends by itself gives its place back a moment later.
func (g *gateway) waitCount(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); ; {
		if g.count() == n {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d places are taken, want %d", g.count(), n)
		}
	}
}

func TestDelete(t *testing.T) { // W-75..W-77
	g := newGateway(t, Limits{}, nil)
	location := g.post(t, "/whip/x").Header.Get("Location")
	s := <-g.sessions
	if r := g.do(t, "DELETE", location, "", "If-Match", `"stale"`); r.StatusCode != 200 || !s.ended() {
		t.Errorf("DELETE: %d, and the session must have ended before the answer", r.StatusCode)
	}
	if g.count() != 0 {
		t.Errorf("%d places are taken", g.count())
	}
	for _, method := range []string{"DELETE", "GET", "HEAD", "PATCH", "POST"} {
		if r := g.do(t, method, location, ""); r.StatusCode != 404 {
			t.Errorf("%s of a dead session: %d", method, r.StatusCode)
		}
	}
	if r := g.do(t, "GET", "/session/00000000000000000000000000000000", ""); r.StatusCode != 404 {
		t.Errorf("a session that never was: %d", r.StatusCode)
	}
	if r := g.do(t, "OPTIONS", location, "", "Origin", "https://example.org", "Access-Control-Request-Method", "DELETE"); r.StatusCode != 200 {
		t.Errorf("preflight of a dead session: %d", r.StatusCode)
	}
}

// A session that ends by itself is gone for HTTP at once (W-78..W-81).
func TestSessionEnds(t *testing.T) {
	g := newGateway(t, Limits{}, nil)
	location := g.post(t, "/whep/x").Header.Get("Location")
	if err := (<-g.sessions).Close(); err != nil {
		t.Fatal(err)
	}
	if r := g.do(t, "DELETE", location, ""); r.StatusCode != 404 {
		t.Errorf("DELETE after the end: %d", r.StatusCode)
	}
	g.waitCount(t, 0)
}

func TestDeleteRaces(t *testing.T) {
	g := newGateway(t, Limits{}, nil)
	for range 30 {
		location := g.post(t, "/whip/x").Header.Get("Location")
		s := <-g.sessions
		statuses := make(chan int, 4)
		var all sync.WaitGroup
		for range cap(statuses) {
			all.Go(func() { statuses <- g.do(t, "DELETE", location, "").StatusCode })
		}
		all.Go(func() { _ = s.Close() })
		all.Wait()
		close(statuses)
		ok := 0
		for status := range statuses {
			if status == 200 {
				ok++
			} else if status != 404 {
				t.Fatalf("DELETE: %d", status)
			}
		}
		if ok > 1 {
			t.Fatalf("%d DELETEs ended the session", ok)
		}
	}
	g.waitCount(t, 0)
}

func TestResourcesClose(t *testing.T) {
	g := newGateway(t, Limits{}, nil)
	location := g.post(t, "/whip/x").Header.Get("Location")
	g.post(t, "/whep/x")
	g.resources.Close()
	for range 2 {
		if s := <-g.sessions; !s.ended() {
			t.Error("a session goes on")
		}
	}
	if r := g.do(t, "GET", location, ""); r.StatusCode != 404 {
		t.Errorf("GET: %d", r.StatusCode)
	}
	if r := g.post(t, "/whip/x"); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || r.Header.Get("Location") != "" {
		t.Errorf("POST: %d %v", r.StatusCode, r.Header)
	}
	g.resources.Close()
}

// A session that opens while everything is closed doesn't stay.
func TestResourcesCloseDuringOpen(t *testing.T) {
	r := NewResources(Limits{})
	p, err := r.reserve(netip.MustParsePrefix("192.0.2.1/32"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.release()
	s, closed := newSession(), make(chan struct{})
	_, err = p.open(&resource{}, func() (string, Session, error) {
		go func() { defer close(closed); r.Close() }()
		for deadline := time.After(10 * time.Second); ; {
			r.mu.Lock()
			closing := r.closed
			r.mu.Unlock()
			if closing {
				return "v=0\r\n", s, nil
			}
			select {
			case <-deadline:
				t.Error("Close doesn't begin")
				return "v=0\r\n", s, nil
			case <-time.After(time.Millisecond):
			}
		}
	})
	want(t, err, ErrFull)
	<-closed
	if !s.ended() {
		t.Error("the session goes on")
	}
}
