package check

import (
	"net/http"
	"strconv"
	"sync"
)

const (
	floodRequests = 5000
	manySessions  = 64
)

func loadChecks() []Check {
	return []Check{
		{"W-87", May, "RFC 9725 section 4.5", "A server that is full says 503 (or 429), and when to come again", Load, full},
		{"W-102", Should, "RFC 9725 section 5", "Floods of POST, PATCH and DELETE are slowed down by 429", Load, flood},
		{"E-40", May, "whep-03 section 4.7", "A server that is full says 503 (or 429), and when to come again", Load, full},
	}
}

// full opens sessions until the server has enough.
func full(p *probe) {
	for n := range manySessions {
		if !p.single() && p.check.whip() {
			p.stream = p.name(p.check.ID + "-" + strconv.Itoa(n))
		}
		r := p.post("One POST of many", p.offer())
		if r.StatusCode == http.StatusConflict && p.check.whip() {
			p.skipf("one stream can't have many publishers: give the endpoint with %s in it", streamMark)
		}
		if r.StatusCode == http.StatusCreated {
			continue
		}
		r.wants(r.StatusCode == http.StatusServiceUnavailable || r.StatusCode == http.StatusTooManyRequests, "503 or 429")
		r.retryLater()
		return
	}
	p.skipf("%d sessions at a time are not too many", manySessions)
}

// retryLater wants a Retry-After, if there is one, to be readable (RFC 9110 section 10.2.3).
func (r *reply) retryLater() {
	after := r.Header.Get("Retry-After")
	if after == "" {
		return
	}
	_, err := strconv.ParseUint(after, 10, 31)
	_, dateErr := http.ParseTime(after)
	r.wants(err == nil || dateErr == nil, "seconds or a date in Retry-After; it is %q", after)
}

// flood sends requests that cost little, many at a time, until one is answered by 429.
func flood(p *probe) {
	s := p.start()
	floods := map[string][2]string{
		"POST of nothing": {http.MethodPost, p.endpoint()}, "PATCH of nothing": {http.MethodPatch, s.url}, "DELETE of no session": {http.MethodDelete, s.url + "0"},
	}
	if p.config.WHEP != "" {
		floods["POST of nothing to the WHEP endpoint"] = [2]string{http.MethodPost, p.at(p.config.WHEP)}
	}
	for what, c := range floods {
		last := p.repeat(what, c[0], c[1])
		if last.StatusCode == http.StatusTooManyRequests {
			last.retryLater()
			continue
		}
		if p.loopback && p.config.Header == nil {
			p.skipf("%d requests were all answered, but the server is on this machine, and servers often trust that", floodRequests)
		}
		p.failf("%s, sent %d times at once, was answered %s to the last; %s asks for a limit, such as 429", what, floodRequests, last.summary(), p.check.Section)
	}
}

// repeat gives the first 429, or else the last reply.
func (p *probe) repeat(what, method, target string) *reply {
	var mu sync.Mutex
	var last *reply
	var failure error
	var running sync.WaitGroup
	limited := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return failure != nil || last != nil && last.StatusCode == http.StatusTooManyRequests
	}
	for range parallel {
		running.Go(func() {
			for i := 0; i < floodRequests/parallel && !limited(); i++ {
				r, err := p.try(p.ctx, what, method, target, "", "Content-Type", mediaTypeSDP)
				mu.Lock()
				if failure = err; err == nil && (last == nil || last.StatusCode != http.StatusTooManyRequests) {
					last = r
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	p.need(what, failure)
	return last
}
