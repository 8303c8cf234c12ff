package wish

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// fakeSession ends by Close, or when a test says that its network is gone.
type fakeSession struct {
	once sync.Once
	done chan struct{}
}

func newSession() *fakeSession               { return &fakeSession{done: make(chan struct{})} }
func (s *fakeSession) Done() <-chan struct{} { return s.done }
func (s *fakeSession) AfterDone(f func())    { go func() { <-s.done; f() }() }
func (s *fakeSession) Close() error          { s.once.Do(func() { close(s.done) }); return nil }

func (s *fakeSession) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// gateway is an endpoint of each role over real HTTP.
type gateway struct {
	*httptest.Server
	resources *Resources
	sessions  chan *fakeSession // those that were opened
	errors    chan error        // those that handlers returned
}

var errNobody = errors.New("nobody may")

func newGateway(t *testing.T, limits Limits, change func(e *Endpoint)) *gateway {
	t.Helper()
	g := &gateway{resources: NewResources(limits), sessions: make(chan *fakeSession, 1000), errors: make(chan error, 1000)}
	e := echo.New()
	e.Use(CORS)
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		g.errors <- err
		_ = c.NoContent(statusOf(err))
	}
	for role, path := range map[Role]string{Publish: "/whip/:stream", Play: "/whep/:stream"} {
		endpoint := &Endpoint{Role: role, Resources: g.resources, Open: func(*Request) (string, Session, error) {
			s := newSession()
			g.sessions <- s
			return "v=0\r\n", s, nil
		}}
		if change != nil {
			change(endpoint)
		}
		e.Any(path, endpoint.Handle)
	}
	e.Any("/session/:id", g.resources.Handle)
	g.Server = httptest.NewServer(e)
	g.Client().Transport.(*http.Transport).ExpectContinueTimeout = 10 * time.Second
	t.Cleanup(g.Server.Close)
	t.Cleanup(g.resources.Close)
	return g
}

func statusOf(err error) int {
	for kind, status := range map[error]int{
		ErrMediaType: 415, ErrTooLarge: 413, ErrMalformed: 400, ErrUnprocessable: 422, ErrNoSession: 404,
		ErrMethod: 405, ErrStale: 412, ErrPrecondition: 428, ErrTooManySessions: 429, ErrFull: 503, errNobody: 401,
		ErrTooFast: 429, ErrNotNow: 409, ErrRedirect: 307,
	} {
		if errors.Is(err, kind) {
			return status
		}
	}
	return 500
}

func (g *gateway) do(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = g.URL + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := g.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	return response
}

// post opens a session with a good offer.
func (g *gateway) post(t *testing.T, path string) *http.Response {
	t.Helper()
	name := "whip-obs"
	if strings.HasPrefix(path, "/whep") {
		name = "whep-firefox"
	}
	return g.do(t, "POST", path, offerText(t, name), "Content-Type", "application/sdp")
}

func (g *gateway) count() int {
	g.resources.mu.Lock()
	defer g.resources.mu.Unlock()
	return g.resources.total
}

func TestEndpointMethods(t *testing.T) {
	g := newGateway(t, Limits{}, nil)
	location := g.post(t, "/whip/x").Header.Get("Location")
	for _, c := range []struct {
		method, path string
		status       int
		headers      map[string]string
	}{
		{"GET", "/whip/x", 204, nil},  // W-01
		{"HEAD", "/whip/x", 204, nil}, // W-03
		{"GET", "/whep/x", 200, map[string]string{"Content-Type": mediaTypeSDP, "Content-Length": "0"}},                          // E-01, E-04
		{"HEAD", "/whep/x", 200, map[string]string{"Content-Type": mediaTypeSDP, "Content-Length": "0"}},                         // E-02, E-03
		{"OPTIONS", "/whip/x", 200, map[string]string{"Accept-Post": mediaTypeSDP, "Allow": endpointMethods}},                    // W-05, W-06
		{"OPTIONS", "/whep/x", 200, map[string]string{"Accept-Post": mediaTypeSDP, "Access-Control-Allow-Methods": corsMethods}}, // E-05
		{"PUT", "/whip/x", 405, map[string]string{"Allow": endpointMethods}},                                                     // W-04
		{"DELETE", "/whip/x", 405, map[string]string{"Allow": endpointMethods}},                                                  //
		{"PATCH", "/whep/x", 405, map[string]string{"Allow": endpointMethods}},                                                   // E-07
		{"GET", location, 204, nil}, // W-02
		{"HEAD", location, 204, nil},
		{"OPTIONS", location, 200, map[string]string{"Allow": sessionMethods}},
		{"POST", location, 405, map[string]string{"Allow": sessionMethods}},
		{"PUT", location, 405, map[string]string{"Allow": sessionMethods}},
		{"PATCH", location, 405, map[string]string{"Allow": sessionMethods}}, // W-53
	} {
		response := g.do(t, c.method, c.path, "", "Origin", "https://example.org")
		if body, _ := io.ReadAll(response.Body); response.StatusCode != c.status || len(body) != 0 {
			t.Errorf("%s %s: %d with %d bytes, want %d with none", c.method, c.path, response.StatusCode, len(body), c.status)
		}
		for key, value := range c.headers {
			if got := response.Header.Get(key); got != value {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, key, got, value)
			}
		}
		if response.Header.Get("Access-Control-Allow-Origin") != "*" { // W-09
			t.Errorf("%s %s: no Access-Control-Allow-Origin", c.method, c.path)
		}
	}
}

func TestPostCreates(t *testing.T) { // W-14..W-17, W-54, W-103, E-09
	g := newGateway(t, Limits{}, nil)
	ids, tags := map[string]bool{}, map[string]bool{}
	for _, path := range []string{"/whip/x", "/whip/x", "/whep/y"} {
		response := g.post(t, path)
		body, _ := io.ReadAll(response.Body)
		location, tag := response.Header.Get("Location"), response.Header.Get("ETag")
		if response.StatusCode != 201 || response.Header.Get("Content-Type") != mediaTypeSDP || string(body) != "v=0\r\n" {
			t.Fatalf("%s: %d %v %q", path, response.StatusCode, response.Header, body)
		}
		if !regexp.MustCompile(`^/session/[0-9a-f]{32}$`).MatchString(location) || ids[location] {
			t.Errorf("Location is %q, before were %v", location, ids)
		}
		if !regexp.MustCompile(`^"[0-9a-f]+"$`).MatchString(tag) || tags[tag] {
			t.Errorf("ETag is %q, before were %v", tag, tags)
		}
		if exposed := response.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Location, Link, ETag") { // W-10
			t.Errorf("exposed are %q", exposed)
		}
		ids[location], tags[tag] = true, true
	}
}

func TestPostRefuses(t *testing.T) { // W-18..W-21, W-25, E-10, E-12
	g := newGateway(t, Limits{}, func(e *Endpoint) {
		e.Authorize = func(r *Request) error {
			if r.Token == "wrong" {
				r.Reply.Set("WWW-Authenticate", "Bearer")
				return errNobody
			}
			return nil
		}
	})
	obs := offerText(t, "whip-obs")
	for _, c := range []struct {
		name, path, body string
		headers          []string
		status           int
	}{
		{"plain text", "/whip/x", obs, []string{"Content-Type", "text/plain"}, 415},
		{"no type", "/whip/x", obs, nil, 415},
		{"a type that is none", "/whip/x", obs, []string{"Content-Type", ";;"}, 415},
		{"a type with a parameter", "/whip/x", obs, []string{"Content-Type", "Application/SDP; charset=utf-8"}, 201},
		{"empty", "/whip/x", "", []string{"Content-Type", mediaTypeSDP}, 400},
		{"not SDP", "/whep/x", "hello", []string{"Content-Type", mediaTypeSDP}, 400},
		{"a megabyte", "/whip/x", strings.Repeat("v", 1<<20), []string{"Content-Type", mediaTypeSDP}, 413},
		{"a publisher at WHEP", "/whep/x", obs, []string{"Content-Type", mediaTypeSDP}, 422},
		{"a wrong token", "/whip/x", obs, []string{"Content-Type", "text/plain", "Authorization", "Bearer wrong"}, 401},
		{"a megabyte that waits to be asked for", "/whip/x", strings.Repeat("v", 1<<20), []string{"Content-Type", mediaTypeSDP, "Expect", "100-continue"}, 413},
		{"an offer that waits to be asked for", "/whip/x", obs, []string{"Content-Type", mediaTypeSDP, "Expect", "100-continue"}, 201},
	} {
		before := g.count()
		response := g.do(t, "POST", c.path, c.body, c.headers...)
		if response.StatusCode != c.status || response.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v, want %d", c.name, response.StatusCode, response.Header, c.status)
		}
		if c.status == 415 && response.Header.Get("Accept-Post") != mediaTypeSDP || c.status == 401 && response.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: headers are %v", c.name, response.Header)
		}
		if c.status != 201 && g.count() != before {
			t.Errorf("%s: a place is lost", c.name)
		}
	}
	response := g.do(t, "POST", "/whip/a%20b", obs, "Content-Type", mediaTypeSDP)
	if response.StatusCode == 201 {
		t.Error("a bad name is accepted")
	}
}

// rawPost writes a request by hand and reads the response.
func rawPost(t *testing.T, g *gateway, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func TestPostChunked(t *testing.T) {
	g := newGateway(t, Limits{}, nil)
	head := "POST /whip/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n\r\n"
	obs := offerText(t, "whip-obs")
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	if r := rawPost(t, g, head+chunk(obs[:100])+chunk(obs[100:])+"0\r\n\r\n"); r.StatusCode != 201 {
		t.Errorf("an offer in chunks: %d", r.StatusCode)
	}
	if r := rawPost(t, g, head+chunk(strings.Repeat("v", maxOffer))+chunk("v")+"0\r\n\r\n"); r.StatusCode != 413 {
		t.Errorf("more than is allowed, in chunks: %d", r.StatusCode)
	}
	if g.count() != 1 {
		t.Errorf("%d places are taken, want 1", g.count())
	}
}

// A client that goes away while it sends, or while the session opens, leaves nothing behind.
func TestPostGoesAway(t *testing.T) {
	opened := make(chan *fakeSession, 1)
	g := newGateway(t, Limits{}, func(e *Endpoint) {
		e.Open = func(r *Request) (string, Session, error) {
			s := newSession()
			opened <- s
			<-r.Context().Done() // the server sees the connection go
			return "v=0\r\n", s, nil
		}
	})
	obs := offerText(t, "whip-obs")
	head := "POST /whip/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(obs)) + "\r\n\r\n"
	for _, sent := range []string{head + obs[:200], head + obs} {
		conn, err := net.Dial("tcp", g.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		var s *fakeSession
		if sent == head+obs {
			s = <-opened
		}
		conn.Close()
		select {
		case <-g.errors:
		case <-time.After(10 * time.Second):
			t.Fatal("the handler goes on")
		}
		if s != nil && !s.ended() {
			t.Error("the session goes on")
		}
		g.waitCount(t, 0)
	}
}

func TestPostLimits(t *testing.T) { // W-87, W-102
	remote := ""
	g := newGateway(t, Limits{PerAddress: 2, Total: 4}, nil)
	e := echo.New()
	endpoint := &Endpoint{Resources: g.resources, Open: func(*Request) (string, Session, error) { return "v=0\r\n", newSession(), nil }}
	var last error
	e.POST("/whip", func(c echo.Context) error {
		c.Request().RemoteAddr = remote
		last = endpoint.Handle(c)
		return last
	})
	for _, c := range []struct {
		remote string
		kind   error
	}{
		{"[2001:db8:1:2::1]:1", nil},
		{"[2001:db8:1:2::9]:1", nil},
		{"[2001:db8:1:2:3::1]:1", ErrTooManySessions}, // the same /64
		{"127.0.0.1:1", nil},                          // exempt
		{"127.0.0.1:1", nil},
		{"127.0.0.1:1", ErrFull},
		{"198.51.100.1:1", ErrFull},
	} {
		remote = c.remote
		request := httptest.NewRequest("POST", "/whip", strings.NewReader(offerText(t, "whip-obs")))
		request.Header.Set("Content-Type", mediaTypeSDP)
		recorder := httptest.NewRecorder()
		e.ServeHTTP(recorder, request)
		if !errors.Is(last, c.kind) {
			t.Errorf("%s: %v, want %v", c.remote, last, c.kind)
		}
		if seconds, _ := strconv.Atoi(recorder.Header().Get("Retry-After")); (seconds > 0) != (c.kind != nil) {
			t.Errorf("%s: Retry-After is %q", c.remote, recorder.Header().Get("Retry-After"))
		}
	}
}

// An Open that fails gives back its place, and closes what it has begun.
func TestPostOpenFails(t *testing.T) {
	s := newSession()
	g := newGateway(t, Limits{}, func(e *Endpoint) {
		e.Open = func(*Request) (string, Session, error) { return "", s, ErrUnprocessable }
	})
	if response := g.post(t, "/whip/x"); response.StatusCode != 422 || response.Header.Get("Location") != "" || response.Header.Get("ETag") != "" {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
	if !s.ended() || g.count() != 0 {
		t.Errorf("the session goes on, or a place is lost: %d", g.count())
	}
}
