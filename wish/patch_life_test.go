package wish

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestPatchesOverlap: many at once, in any order, reach the session one by one, and one tag is good for one restart (W-64).
func TestPatchesOverlap(t *testing.T) {
	p := newPatched(t, "/whep/x", PreconditionStrict)
	const n = 20
	status := make(chan int, 2*n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { status <- p.patch(t, p.etag, fresh(i, hostLine)...).StatusCode })
		all.Go(func() { status <- p.patch(t, p.etag, p.mine(srflxLine)...).StatusCode })
	}
	all.Wait()
	close(status)
	count := map[int]int{}
	for s := range status {
		count[s]++
	}
	if count[200] != 1 || count[200]+count[204]+count[412] != 2*n || len(p.restarts) != 1 || p.overlap.Load() {
		t.Errorf("%v, %d restarts, two at a time: %v", count, len(p.restarts), p.overlap.Load())
	}
}

// A restart goes on without its client, and the session's end does not wait for it.
func TestPatchGoesAway(t *testing.T) {
	p := newPatched(t, "/whip/x", "")
	p.hold = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "PATCH", p.URL+p.location, strings.NewReader(crlf(fresh(1)...)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", mediaTypeFragment)
	request.Header.Set("If-Match", "*")
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if r, err := p.Client().Do(request); err == nil {
			r.Body.Close()
			t.Errorf("an answer: %d", r.StatusCode)
		}
	}()
	p.awaitCall(t)
	cancel()
	<-gone
	close(p.hold)
	if r := p.patch(t, "*", fresh(1, hostLine)...); r.StatusCode != 204 { // its turn comes after the restart
		t.Errorf("trickle in the new ICE session: %d", r.StatusCode)
	}

	p.hold = make(chan struct{})
	second := make(chan int, 1)
	go func() { second <- p.patch(t, "*", fresh(2)...).StatusCode }()
	p.awaitCall(t)
	if r := p.do(t, "DELETE", p.location, ""); r.StatusCode != 200 {
		t.Errorf("DELETE during a restart: %d", r.StatusCode)
	}
	close(p.hold)
	if s := <-second; s != 404 {
		t.Errorf("a restart that the session's end overtook: %d", s)
	}
}

// awaitCall waits until the session is being restarted.
func (p *patched) awaitCall(t *testing.T) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for p.calls.Load() == 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("no restart")
		}
	}
}
