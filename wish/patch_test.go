package wish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/sdp/v3"
)

// restarter is a session that takes note of what it is told. Its own credentials count its restarts.
type restarter struct {
	*fakeSession
	calls    atomic.Int32 // at the moment; more than one is an error
	overlap  atomic.Bool
	mu       sync.Mutex
	trickled []string
	restarts []string // ufrag, password and candidates of each
	fail     error
	hold     chan struct{} // if not nil, Restart waits for it
}

func (s *restarter) enter() func() {
	if s.calls.Add(1) > 1 {
		s.overlap.Store(true)
	}
	return func() { s.calls.Add(-1) }
}

func (s *restarter) Trickle(candidates []string) {
	defer s.enter()()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trickled = append(s.trickled, candidates...)
}

func (s *restarter) Restart(ctx context.Context, ufrag, password string, candidates []string) (string, error) {
	defer s.enter()()
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return "", s.fail
	}
	s.restarts = append(s.restarts, fmt.Sprint(ufrag, " ", password, " ", candidates))
	n := len(s.restarts)
	return crlf(fmt.Sprintf("a=ice-ufrag:server%d", n), fmt.Sprintf("a=ice-pwd:secret%d", n), "a=candidate:1 1 udp 1 127.0.0.1 5000 typ host"), nil
}

// state is all that a refused PATCH must not change.
func (s *restarter) state() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.trickled, s.restarts, s.ended())
}

// patched is an open session over real HTTP, and its client's side.
type patched struct {
	*gateway
	*restarter
	location, etag, ufrag, pwd string
}

const testAnswer = "v=0\r\na=ice-options:ice2 trickle\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"

func newPatched(t *testing.T, path, precondition string) *patched {
	t.Helper()
	p := &patched{restarter: &restarter{fakeSession: newSession()}}
	p.gateway = newGateway(t, Limits{}, func(e *Endpoint) {
		e.Open = func(*Request) (string, Session, error) { return testAnswer, p.restarter, nil }
	})
	p.resources.Precondition = precondition
	response := p.post(t, path)
	if response.StatusCode != 201 || response.Header.Get("Accept-Patch") != mediaTypeFragment {
		t.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	p.location, p.etag = response.Header.Get("Location"), response.Header.Get("ETag")
	name := "whip-obs"
	if strings.HasPrefix(path, "/whep") {
		name = "whep-firefox"
	}
	text := offerText(t, name)
	p.ufrag, p.pwd = lineOf(text, "ice-ufrag"), lineOf(text, "ice-pwd")
	return p
}

// lineOf gives the first value of an attribute.
func lineOf(text, key string) string {
	_, rest, _ := strings.Cut(text, "a="+key+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// patch sends a fragment of the lines. The tag "-" is no If-Match at all.
func (p *patched) patch(t *testing.T, tag string, lines ...string) *http.Response {
	t.Helper()
	headers := []string{"Content-Type", mediaTypeFragment, "Origin", "https://example.org"}
	if tag != "-" {
		headers = append(headers, "If-Match", tag)
	}
	return p.do(t, "PATCH", p.location, crlf(lines...), headers...)
}

func (p *patched) mine(lines ...string) []string {
	return append([]string{"a=ice-ufrag:" + p.ufrag, "a=ice-pwd:" + p.pwd}, lines...)
}

func fresh(n int, lines ...string) []string {
	return append([]string{fmt.Sprintf("a=ice-ufrag:fresh%d", n), fmt.Sprintf("a=ice-pwd:%s%d", longPwd, n)}, lines...)
}

var roles = map[string]string{"WHIP": "/whip/x", "WHEP": "/whep/x"}

// TestPatchStatus has each rule for one PATCH of a fresh session, in both directions. A refused one changes nothing.
func TestPatchStatus(t *testing.T) {
	const tag = "the current tag"
	for _, c := range []struct {
		name   string // the checks that it is for
		strict bool
		tag    string
		lines  func(p *patched) []string
		status int
	}{
		{"W-57 E-34 trickle", true, tag, func(p *patched) []string { return p.mine(hostLine) }, 204},
		{"W-63 no candidates", true, tag, func(p *patched) []string { return p.mine() }, 204},
		{"W-60 only candidates that can't be used", true, tag, func(p *patched) []string {
			return p.mine("a=candidate:1 1 tcp 1 192.0.2.1 9 typ host", "a=candidate:1 1 udp 1 x.local 9 typ host", "a=candidate:1 1 udp")
		}, 204},
		{"W-58 a list with the tag", true, `"a", the current tag, "b"`, func(p *patched) []string { return p.mine(hostLine) }, 204},
		{"W-58 a list without it", true, `"a", "b"`, func(p *patched) []string { return p.mine(hostLine) }, 412},
		{"W-58 a weak tag", true, "W/the current tag", func(p *patched) []string { return p.mine(hostLine) }, 412},
		{"W-58 the tag without quotes", true, "x", func(p *patched) []string { return p.mine(hostLine) }, 412},
		{"W-58 empty", true, "", func(p *patched) []string { return p.mine(hostLine) }, 412},
		{"W-56 E-33 an unknown tag", false, `"0123456789abcdef"`, func(p *patched) []string { return p.mine(hostLine) }, 412},
		{"W-55 E-33 no If-Match, strict", true, "-", func(p *patched) []string { return p.mine(hostLine) }, 428},
		{"W-55 no If-Match, lenient", false, "-", func(p *patched) []string { return p.mine(hostLine) }, 204},
		{"W-55 no If-Match, and no password, lenient", false, "-", func(p *patched) []string { return p.mine(hostLine)[:1] }, 204},
		{"W-55 no If-Match, another user name", false, "-", func(*patched) []string { return fresh(1, hostLine) }, 428},
		{"W-67 no If-Match, new credentials, strict", true, "-", func(*patched) []string { return fresh(1) }, 428},
		{"W-55 no If-Match, no credentials", false, "-", func(*patched) []string { return []string{hostLine} }, 428},
		{"W-62 no credentials, the tag", true, tag, func(*patched) []string { return []string{hostLine} }, 204},
		{"W-62 no credentials, *", false, "*", func(*patched) []string { return []string{hostLine} }, 400},
		{"W-62 no credentials, an unknown tag", false, `"x"`, func(*patched) []string { return []string{hostLine} }, 412},
		{"W-59 * with the current credentials", true, "*", func(p *patched) []string { return p.mine(hostLine) }, 204},
		{"W-59 \"*\" with the current credentials", true, `"*"`, func(p *patched) []string { return p.mine(hostLine) }, 204},
		{"W-65 E-35 restart", true, "*", func(*patched) []string { return fresh(1, hostLine) }, 200},
		{"W-65 restart as RFC 9725 writes it", true, `"*"`, func(*patched) []string { return fresh(1) }, 200},
		{"W-67 restart with the tag", true, tag, func(*patched) []string { return fresh(1, hostLine) }, 200},
		{"W-67 restart with an unknown tag", false, `"x"`, func(*patched) []string { return fresh(1) }, 412},
		{"W-71 half a restart: the old password", true, "*", func(p *patched) []string { return []string{"a=ice-ufrag:" + p.ufrag, "a=ice-pwd:" + longPwd} }, 400},
		{"W-71 half a restart: no password", true, "*", func(*patched) []string { return []string{"a=ice-ufrag:fresh"} }, 400},
		{"W-73 a bad password", true, "*", func(*patched) []string { return []string{"a=ice-ufrag:fresh", "a=ice-pwd:short"} }, 400},
		{"W-73 a bad user name", true, "*", func(*patched) []string { return []string{"a=ice-ufrag:f", "a=ice-pwd:" + longPwd} }, 400},
		{"W-52 E-31 nothing of ICE", true, tag, func(*patched) []string { return []string{"m=audio 9 RTP/AVP 0"} }, 400},
		{"W-52 E-31 prose", true, tag, func(*patched) []string { return []string{"hello"} }, 400},
		{"W-52 E-31 empty", true, tag, func(*patched) []string { return nil }, 400},
	} {
		for role, path := range roles {
			t.Run(role+" "+c.name, func(t *testing.T) {
				precondition := PreconditionLenient
				if c.strict {
					precondition = PreconditionStrict
				}
				p := newPatched(t, path, precondition)
				before := p.state()
				response := p.patch(t, strings.ReplaceAll(c.tag, tag, p.etag), c.lines(p)...)
				body, _ := io.ReadAll(response.Body)
				if response.StatusCode != c.status {
					t.Fatalf("%d %q, want %d", response.StatusCode, body, c.status)
				}
				if response.Header.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("%v", response.Header)
				}
				if c.status >= 400 && p.state() != before {
					t.Errorf("it was %s, and is %s", before, p.state())
				}
				if c.status == 204 && (len(body) > 0 || response.Header.Get("ETag") != "" || len(p.restarts) != 0) {
					t.Errorf("204 with %q, ETag %q, restarts %q", body, response.Header.Get("ETag"), p.restarts)
				}
				if next := p.patch(t, p.etag, p.mine(hostLine)...).StatusCode; (next == 204) != (c.status != 200) { // W-66
					t.Errorf("then, with the first tag: %d", next)
				}
			})
		}
	}
}

func TestPatchTypes(t *testing.T) { // W-51, E-31
	p := newPatched(t, "/whip/x", "")
	body := crlf(p.mine(hostLine)...)
	for kind, status := range map[string]int{
		"application/sdp": 415, "application/json": 415, "": 415, ";": 415,
		mediaTypeFragment: 204, "Application/Trickle-ICE-sdpfrag; charset=utf-8": 204,
	} {
		response := p.do(t, "PATCH", p.location, body, "Content-Type", kind, "If-Match", p.etag)
		if response.StatusCode != status || response.Header.Get("Accept-Patch") != mediaTypeFragment {
			t.Errorf("%q: %d %v", kind, response.StatusCode, response.Header)
		}
	}
	response := p.do(t, "PATCH", p.location, strings.Repeat("a=b\r\n", maxOffer), "Content-Type", mediaTypeFragment, "If-Match", p.etag)
	if response.StatusCode != 413 {
		t.Errorf("a large one: %d", response.StatusCode)
	}
	for _, preflight := range []string{"", "PATCH"} { // W-08
		headers := []string{"Origin", "https://example.org"}
		if preflight != "" {
			headers = append(headers, "Access-Control-Request-Method", preflight)
		}
		h := p.do(t, "OPTIONS", p.location, "", headers...).Header
		if !strings.Contains(h.Get("Allow"), "PATCH") || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "PATCH") || h.Get("Accept-Patch") != mediaTypeFragment {
			t.Errorf("OPTIONS: %v", h)
		}
	}
	if allow := p.do(t, "PUT", p.location, "").Header.Get("Allow"); !strings.Contains(allow, "PATCH") {
		t.Errorf("PUT: Allow is %q", allow)
	}
}

// TestPatchRestarts: twice, and what each leaves valid.
func TestPatchRestarts(t *testing.T) { // W-63, W-65, W-66, W-68, W-69, E-35
	for _, path := range roles {
		p := newPatched(t, path, PreconditionStrict)
		p.patch(t, p.etag, p.mine(srflxLine)...)
		tags := []string{p.etag}
		for n := 1; n <= 2; n++ {
			response := p.patch(t, "*", fresh(n, hostLine, hostLine)...)
			body, _ := io.ReadAll(response.Body)
			wanted := crlf("a=ice-options:ice2 trickle", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", fmt.Sprintf("a=ice-ufrag:server%d", n),
				fmt.Sprintf("a=ice-pwd:secret%d", n), "a=candidate:1 1 udp 1 127.0.0.1 5000 typ host", "a=end-of-candidates")
			tag := response.Header.Get("ETag")
			if response.StatusCode != 200 || response.Header.Get("Content-Type") != mediaTypeFragment || string(body) != wanted {
				t.Fatalf("%d %v\n%s\nwant\n%s", response.StatusCode, response.Header, body, wanted)
			}
			if !strings.HasPrefix(tag, `"`) || slices.Contains(tags, tag) || !strings.Contains(response.Header.Get("Access-Control-Expose-Headers"), "ETag") {
				t.Errorf("ETag %q, before %q", tag, tags)
			}
			for _, old := range tags {
				if r := p.patch(t, old, fresh(n, hostLine)...); r.StatusCode != 412 {
					t.Errorf("an old tag: %d", r.StatusCode)
				}
			}
			tags = append(tags, tag)
			for range 3 { // the second time, nothing is new
				if r := p.patch(t, tag, fresh(n, hostLine, srflxLine)...); r.StatusCode != 204 {
					t.Errorf("trickle after the restart: %d", r.StatusCode)
				}
			}
			if r := p.patch(t, "*", fresh(n, hostLine)...); r.StatusCode != 204 {
				t.Errorf("the same credentials again: %d", r.StatusCode)
			}
		}
		if want := fmt.Sprintf("fresh2 %s2 [%s]", longPwd, host); len(p.restarts) != 2 || p.restarts[1] != want {
			t.Errorf("restarts %q, want %q last", p.restarts, want)
		}
		if want := []string{srflx, srflx, srflx}; !slices.Equal(p.trickled, want) { // once in each ICE session
			t.Errorf("trickled %q", p.trickled)
		}
	}
}

func TestPatchRestartFails(t *testing.T) { // W-71
	p := newPatched(t, "/whip/x", "")
	p.fail = errors.New("no")
	if r := p.patch(t, "*", fresh(1)...); r.StatusCode != 422 || r.Header.Get("ETag") != "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if r := p.patch(t, p.etag, p.mine(hostLine)...); r.StatusCode != 204 || p.ended() {
		t.Errorf("after it: %d", r.StatusCode)
	}
	p.fail = nil
	if r := p.patch(t, "*", fresh(2)...); r.StatusCode != 200 {
		t.Errorf("once more: %d", r.StatusCode)
	}
	_ = p.restarter.Close()
	for _, lines := range [][]string{p.mine(hostLine), fresh(3), {"hello"}, nil} {
		if r := p.patch(t, "*", lines...); r.StatusCode != 404 {
			t.Errorf("PATCH of a dead session: %d", r.StatusCode)
		}
	}
}

// A session that can neither trickle nor restart has no PATCH (W-53).
func TestPatchOfOthers(t *testing.T) {
	g := newGateway(t, Limits{}, nil)
	response := g.post(t, "/whip/x")
	location := response.Header.Get("Location")
	if response.Header.Get("Accept-Patch") != "" {
		t.Error("it promises PATCH")
	}
	r := g.do(t, "PATCH", location, crlf(hostLine), "Content-Type", mediaTypeFragment, "If-Match", "*")
	if r.StatusCode != 405 || r.Header.Get("Allow") != sessionMethods || r.Header.Get("Accept-Patch") != "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
}

// Answers of every offer that is known lead to a head that a fragment needs (W-69).
func TestHeadsOfAnswers(t *testing.T) {
	for _, answer := range []string{answerText(host), testAnswer} {
		head := iceHead(answer)
		var d sdp.SessionDescription
		if err := d.UnmarshalString("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + head); err != nil || len(d.MediaDescriptions) != 1 {
			t.Errorf("%v in\n%s", err, head)
		}
	}
}

// TestPreconditionPages: only web pages may leave out If-Match where that is so configured.
func TestPreconditionPages(t *testing.T) {
	p := newPatched(t, "/whep/x", PreconditionPages)
	if r := p.patch(t, "-", p.mine(hostLine)...); r.StatusCode != 204 {
		t.Errorf("a page: %d", r.StatusCode)
	}
	if r := p.do(t, "PATCH", p.location, crlf(p.mine(hostLine)...), "Content-Type", mediaTypeFragment); r.StatusCode != 428 {
		t.Errorf("a program: %d", r.StatusCode)
	}
	if r := p.patch(t, "-", fresh(1)...); r.StatusCode != 428 {
		t.Errorf("a page with unknown credentials: %d", r.StatusCode)
	}
}
