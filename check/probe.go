package check

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	mediaTypeSDP      = "application/sdp"
	mediaTypeFragment = "application/trickle-ice-sdpfrag"

	maxBody        = 1 << 20
	maxRedirects   = 5
	longestRetry   = 10 * time.Second
	cleanupTimeout = 10 * time.Second
)

// probe is one check at work: its stream, its requests, and what it owes to the server afterwards.
type probe struct {
	*runner
	ctx    context.Context
	check  *Check
	stream string
	level  Level                   // of what comes next, if not the check's
	owed   []func(context.Context) // run at the end, the last first
}

// verdict ends a check: failf and skipf panic with it, and the runner alone recovers it. As in package testing, a check reads
// from top to bottom without an error in every line.
type verdict struct {
	outcome Outcome
	level   Level // of what failed, if not the check's
	why     string
}

func (p *probe) failf(format string, args ...any) {
	panic(verdict{Fail, p.level, fmt.Sprintf(format, args...)})
}

func (p *probe) skipf(format string, args ...any) {
	panic(verdict{Skip, "", fmt.Sprintf(format, args...)})
}

// as says how strongly what comes next binds, in a check that has parts of several levels.
func (p *probe) as(level Level) { p.level = level }

// need fails the check unless err is nil.
func (p *probe) need(what string, err error) {
	if err != nil {
		p.failf("%s: %v", what, err)
	}
}

// defers has f run at the end of the check, with time of its own.
func (p *probe) defers(f func(context.Context)) { p.owed = append(p.owed, f) }

// settle does what is owed.
func (p *probe) settle() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), cleanupTimeout)
	defer cancel()
	for _, f := range slices.Backward(p.owed) {
		f(ctx)
	}
	p.owed = nil
}

// endpoint is the URL of the check's own endpoint.
func (p *probe) endpoint() string {
	if p.check.whip() {
		return p.at(p.config.WHIP)
	}
	return p.at(p.config.WHEP)
}

func (p *probe) at(pattern string) string {
	return strings.ReplaceAll(pattern, streamMark, url.PathEscape(p.stream))
}

// reply is the answer to a request.
type reply struct {
	*http.Response
	probe     *probe
	what      string // was sent
	body      string
	redirects int // that led here
}

// send makes a request and reads its answer. The header pairs override the usual headers; "" as value leaves one out. POST
// follows 307 and 308 (RFC 9725 section 4.5). What is created is deleted at the end of the check.
func (p *probe) send(what, method, target, body string, pairs ...string) *reply {
	r, err := p.try(p.ctx, what, method, target, body, pairs...)
	p.need(what+" got no answer", err)
	return r
}

// try is send that returns its error: for use on goroutines of a check.
func (p *probe) try(ctx context.Context, what, method, target, body string, pairs ...string) (*reply, error) {
	r := &reply{probe: p, what: what}
	for {
		response, err := p.once(ctx, method, target, body, pairs)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
		_ = response.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("reading the body: %w", err)
		}
		r.Response, r.body = response, string(text)
		if p.pausedBy(ctx, response) {
			continue
		}
		next, moved := elsewhere(method, response)
		if !moved || r.redirects == maxRedirects {
			return r, nil
		}
		r.redirects++
		target = next
	}
}

// elsewhere is where a POST is redirected to.
func elsewhere(method string, response *http.Response) (target string, moved bool) {
	if method != http.MethodPost || response.StatusCode != http.StatusTemporaryRedirect && response.StatusCode != http.StatusPermanentRedirect {
		return "", false
	}
	next, err := response.Location()
	if err != nil {
		return "", false
	}
	return next.String(), true
}

// once makes one request.
func (p *probe) once(ctx context.Context, method, target, body string, pairs []string) (*http.Response, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, err
	}
	request.Header = p.config.Header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Header.Set("User-Agent", "bongsu-check")
	if p.config.Token != "" {
		request.Header.Set("Authorization", "Bearer "+p.config.Token)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		request.Header.Del(pairs[i])
		if pairs[i+1] != "" {
			request.Header.Set(pairs[i], pairs[i+1])
		}
	}
	if request.Header.Get("Transfer-Encoding") == "chunked" { // which net/http does by itself if it doesn't know the length
		request.Header.Del("Transfer-Encoding")
		request.ContentLength = -1
	}
	response, err := p.http.Do(request)
	if err == nil && response.Header.Get("Location") != "" && (response.StatusCode == http.StatusCreated || response.StatusCode == http.StatusNotAcceptable) {
		p.owes(response)
	}
	return response, err
}

// owes remembers to delete what the server has created.
func (p *probe) owes(response *http.Response) {
	location, err := response.Location()
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.defers(func(ctx context.Context) {
		if response, err := p.once(ctx, http.MethodDelete, location.String(), "", nil); err == nil {
			_ = response.Body.Close()
		}
	})
}

// pausedBy waits as long as a 429 says and reports that the request is worth repeating. A check of the limits sees them all.
func (p *probe) pausedBy(ctx context.Context, response *http.Response) bool {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if response.StatusCode != http.StatusTooManyRequests || err != nil || p.check.Needs&Load != 0 {
		return false
	}
	return wait(ctx, min(max(time.Duration(seconds)*time.Second, 100*time.Millisecond), longestRetry))
}

// wait waits for d, and reports whether ctx still lives.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// eventually asks until it is so, or until d is over.
func (p *probe) eventually(d time.Duration, so func() bool) bool {
	ctx, cancel := context.WithTimeout(p.ctx, d)
	defer cancel()
	for !so() {
		if !wait(ctx, 100*time.Millisecond) {
			return false
		}
	}
	return true
}

// wants fails the check unless ok: what was sent, what came, what should have come.
func (r *reply) wants(ok bool, format string, args ...any) {
	if !ok {
		r.probe.failf("%s was answered %s; %s asks for %s", r.what, r.summary(), r.probe.check.Section, fmt.Sprintf(format, args...))
	}
}

// summary is the status, with the server's own words where it has some.
func (r *reply) summary() string {
	text := fmt.Sprintf("%d %s", r.StatusCode, http.StatusText(r.StatusCode))
	if detail := r.problem().Detail; detail != "" && r.StatusCode >= 400 {
		text += fmt.Sprintf(" (%.160q)", detail)
	}
	return text
}

func (r *reply) success() bool { return r.StatusCode/100 == 2 }
func (r *reply) client() bool  { return r.StatusCode/100 == 4 }
func (r *reply) gone() bool {
	return r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusGone
}

// refused wants a client error; best is the status that fits best, 0 if all do.
func (r *reply) refused(best int) {
	if best == 0 {
		r.wants(r.client(), "a refusal (4xx)")
	}
	r.wants(r.client(), "a refusal (4xx, best %d)", best)
}
