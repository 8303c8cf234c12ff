package wish

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// described is a client's local description with candidates of these ports.
func described(ufrag string, complete bool, ports ...int) string {
	lines := []string{"v=0", "a=group:BUNDLE 0", "a=ice-options:trickle", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=ice-ufrag:" + ufrag, "a=ice-pwd:" + longPwd}
	for _, p := range ports {
		lines = append(lines, fmt.Sprintf("a=candidate:1 1 udp 1 127.0.0.1 %d typ host", p))
	}
	if complete {
		lines = append(lines, "a=end-of-candidates")
	}
	return crlf(lines...)
}

// patches is a server of somebody else's making that notes each PATCH, and answers it.
type patches struct {
	header http.Header // of the 201
	answer func(w http.ResponseWriter, n int)
	match  []string
	bodies []string
}

func (p *patches) open(t *testing.T, offer string) *Resource {
	t.Helper()
	_, c := serve(t, map[string]http.HandlerFunc{
		"POST /whip": func(w http.ResponseWriter, _ *http.Request) {
			maps.Copy(w.Header(), p.header)
			w.Header().Set("Location", "/s")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "v=0\r\n")
		},
		"PATCH /s": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			p.match, p.bodies = append(p.match, strings.Join(r.Header.Values("If-Match"), "|")), append(p.bodies, string(body))
			if r.Header.Get("Content-Type") != mediaTypeFragment || r.Header.Get("Authorization") != "Bearer secret" {
				w.WriteHeader(http.StatusTeapot)
			} else {
				p.answer(w, len(p.bodies))
			}
		},
	})
	_, r, err := c.Post(t.Context(), offer)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func noContent(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusNoContent) }

// TestClientTrickle: each candidate goes out once, with the ETag; those of another ICE session don't (RFC 9725 section 4.3.2).
func TestClientTrickle(t *testing.T) {
	p := &patches{header: http.Header{"Etag": {`"e1"`}}, answer: noContent}
	r := p.open(t, described("owns", false, 1))
	for _, step := range []struct {
		description string
		want        []string // ports and whether it is the end; nil if nothing goes out
	}{
		{described("owns", false, 1), nil},
		{described("owns", false, 1, 2, 3), []string{" 2 ", " 3 "}},
		{described("owns", false, 1, 2, 3), nil},
		{described("others", true, 4), nil},
		{described("owns", true, 1, 2, 3, 5), []string{" 5 ", "end-of-candidates"}},
		{described("owns", true, 1, 2, 3, 5), nil},
	} {
		before := len(p.bodies)
		if err := r.Trickle(t.Context(), step.description); err != nil {
			t.Fatal(err)
		}
		if len(p.bodies)-before != min(len(step.want), 1) {
			t.Fatalf("%d PATCHes, want %d for\n%s", len(p.bodies)-before, min(len(step.want), 1), step.description)
		}
		if step.want == nil {
			continue
		}
		body := p.bodies[before]
		for _, want := range append(step.want, "a=ice-ufrag:owns\r\n", "a=mid:0\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "a=ice-options:trickle\r\n") {
			if !strings.Contains(body, want) {
				t.Errorf("no %q in\n%s", want, body)
			}
		}
		if strings.Count(body, "a=candidate:") != strings.Count(strings.Join(step.want, ""), "  ")+1 || strings.Contains(body, "end-of") != slices.Contains(step.want, "end-of-candidates") {
			t.Errorf("more than is new:\n%s", body)
		}
	}
	for _, m := range p.match {
		if m != `"e1"` {
			t.Errorf("If-Match: %s", m)
		}
	}
	if f, err := parseFragment([]byte(p.bodies[0])); err != nil || len(f.candidates) != 2 {
		t.Errorf("our own server reads %+v, %v", f, err)
	}
}

// TestClientTrickleStarts: only where the server shows that it takes fragments, with the ETag that it gave, of whatever form.
func TestClientTrickleStarts(t *testing.T) {
	for name, c := range map[string]struct {
		header http.Header
		match  string
		none   bool
	}{
		"nothing shown":    {nil, "", true},
		"other patches":    {http.Header{"Accept-Patch": {"application/json, text/plain"}}, "", true},
		"Accept-Patch":     {http.Header{"Accept-Patch": {"application/json, application/trickle-ice-sdpfrag;x=y"}}, "", false},
		"an ETag":          {http.Header{"Etag": {`"e"`}}, `"e"`, false},
		"a weak ETag":      {http.Header{"Etag": {`W/"e"`}}, `W/"e"`, false},
		"* as in MediaMTX": {http.Header{"Etag": {`*`}}, `*`, false},
		"without quotes":   {http.Header{"Etag": {`e`}}, `e`, false},
	} {
		p := &patches{header: c.header, answer: noContent}
		r := p.open(t, described("owns", false))
		if err := r.Trickle(t.Context(), described("owns", true, 1)); err != nil || (len(p.bodies) == 0) != c.none || !c.none && p.match[0] != c.match {
			t.Errorf("%s: %v; %d PATCHes with %q", name, err, len(p.bodies), p.match)
		}
		if _, err := r.Restart(t.Context(), described("news", true, 1), ""); errors.Is(err, ErrNoRestart) != c.none {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClientTrickleStops: where it is refused for good, it stops; what fails for now goes out again with the next.
func TestClientTrickleStops(t *testing.T) {
	for status, c := range map[int]struct {
		again, afterRestart bool
	}{405: {}, 501: {}, 422: {}, 412: {afterRestart: true}, 428: {afterRestart: true}, 404: {afterRestart: true}, 400: {afterRestart: true}, 415: {afterRestart: true},
		429: {true, true}, 503: {true, true}, 500: {true, true}, 307: {afterRestart: true}} {
		p := &patches{header: http.Header{"Etag": {`"e1"`}}, answer: func(w http.ResponseWriter, n int) {
			if n == 1 {
				w.Header().Set("Retry-After", "3")
				w.WriteHeader(status)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}}
		r := p.open(t, described("owns", false))
		err := r.Trickle(t.Context(), described("owns", false, 1))
		if !isStatus(err, status) {
			t.Errorf("%d: %v", status, err)
		}
		if e := (*StatusError)(nil); errors.As(err, &e) && (e.Temporary() != c.again || e.RetryAfter != 3*time.Second) {
			t.Errorf("%d: temporary %v, after %v", status, e.Temporary(), e.RetryAfter)
		}
		if err := r.Trickle(t.Context(), described("owns", false, 1, 2)); err != nil || len(p.bodies) == 2 != c.again {
			t.Errorf("%d: %v, %d PATCHes", status, err, len(p.bodies))
		}
		if c.again && !strings.Contains(p.bodies[1], " 1 typ") {
			t.Errorf("%d: what did not get there is not sent again:\n%s", status, p.bodies[1])
		}
		p.answer = func(w http.ResponseWriter, _ int) {
			w.Header().Set("ETag", `"e2"`)
			_, _ = io.WriteString(w, "a=ice-ufrag:server\na=ice-pwd:secret\na=candidate:"+host+"\n") // LF only
		}
		if next, err := r.Restart(t.Context(), described("news", false), crlf("v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:x", "a=ice-pwd:y")); err != nil || lineOf(next, "ice-pwd") != "secret" {
			t.Errorf("%d: %v\n%s", status, err, next)
		}
		p.answer = noContent
		before := len(p.bodies)
		if err := r.Trickle(t.Context(), described("news", true, 9)); err != nil || len(p.bodies) > before != c.afterRestart {
			t.Errorf("%d: after a restart: %v, %d PATCHes", status, err, len(p.bodies)-before)
		}
		if c.afterRestart && p.match[before] != `"e2"` {
			t.Errorf("%d: If-Match %s after a restart", status, p.match[before])
		}
	}
}

// TestClientRestartRefused: a restart that fails leaves the session as it was, for candidates and for another try.
func TestClientRestartRefused(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, n int){
		"nothing new":    noContent,
		"404":            func(w http.ResponseWriter, _ int) { w.WriteHeader(404) },
		"412":            func(w http.ResponseWriter, _ int) { w.WriteHeader(412) },
		"428":            func(w http.ResponseWriter, _ int) { w.WriteHeader(428) },
		"503":            func(w http.ResponseWriter, _ int) { w.WriteHeader(503) },
		"no credentials": func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, "a=ice-ufrag:x\r\n") },
		"a page":         func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, "<html>") },
		"too much":       func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, strings.Repeat("a=b\r\n", maxAnswerRead)) },
	} {
		p := &patches{header: http.Header{"Etag": {`"e1"`}}, answer: answer}
		r := p.open(t, described("owns", false))
		if next, err := r.Restart(t.Context(), described("news", true, 1), "v=0\r\n"); err == nil || next != "" {
			t.Errorf("%s: %q, %v", name, next, err)
		}
		p.answer = noContent
		if err := r.Trickle(t.Context(), described("owns", true, 1)); err != nil || len(p.match) != 2 || p.match[0] != "*" || p.match[1] != `"e1"` {
			t.Errorf("%s: %v, If-Match %q", name, err, p.match)
		}
	}
}
