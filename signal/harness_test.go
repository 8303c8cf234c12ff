package signal

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"bongsu/auth"
	"bongsu/rtc"
	"bongsu/wish"
)

const testAnswer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 109\r\n" +
	"a=mid:0\r\na=ice-ufrag:serv\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n" +
	"a=candidate:1 1 udp 1 192.0.2.1 8443 typ host\r\na=candidate:2 1 udp 1 192.0.2.2 8443 typ host\r\na=end-of-candidates\r\n"

var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	parts := map[string]*jsonschema.Schema{}
	for _, part := range []string{"client", "server"} {
		var err error
		if parts[part], err = jsonschema.NewCompiler().Compile("../docs/signaling.schema.json#/$defs/" + part); err != nil {
			return nil, err
		}
	}
	return parts, nil
})

// conforms checks a frame against one part of the schema.
func conforms(t testing.TB, part string, frame []byte) {
	t.Helper()
	parts, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(frame))
	if err == nil {
		err = parts[part].Validate(v)
	}
	if err != nil {
		t.Errorf("%s\nis no message of the %s: %v", frame, part, err)
	}
}

// testSession is a session whose media nobody sees.
type testSession struct {
	life context.Context
	end  context.CancelCauseFunc

	mu       sync.Mutex
	trickled []string
	restarts int
}

func newTestSession() *testSession {
	s := &testSession{}
	s.life, s.end = context.WithCancelCause(context.Background())
	return s
}

func (s *testSession) Done() <-chan struct{} { return s.life.Done() }
func (s *testSession) AfterDone(f func())    { context.AfterFunc(s.life, f) }
func (s *testSession) Err() error            { return context.Cause(s.life) }
func (s *testSession) Close() error          { s.end(rtc.ErrClosed); return nil }

func (s *testSession) Trickle(candidates []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trickled = append(s.trickled, candidates...)
}

func (s *testSession) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.trickled...)
}

func (s *testSession) Restart(context.Context, string, string, []string) (string, error) {
	s.restarts++
	return strings.ReplaceAll(testAnswer, "serv", "new"+string(rune('0'+s.restarts))), nil
}

// testServer is /signal in front of endpoints that open testSessions.
type testServer struct {
	*Server
	url    string
	opened chan *testSession
	hold   chan struct{} // what opens the stream "slow" waits for it
}

func startServer(t *testing.T, change func(*Server)) *testServer {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	resources := wish.NewResources(wish.Limits{})
	s := &testServer{Server: NewServer(DefaultConfig(), nil, slog.New(slog.DiscardHandler)),
		opened: make(chan *testSession, 100), hold: make(chan struct{})}
	open := func(r *wish.Request) (string, wish.Session, error) {
		if r.Stream == "slow" {
			select {
			case <-s.hold:
			case <-r.Context().Done():
				return "", nil, r.Context().Err()
			}
		}
		session := newTestSession()
		s.opened <- session
		return testAnswer, session, nil
	}
	authorize := func(r *wish.Request) error {
		if r.Stream == "locked" && r.Token != "key" {
			return auth.ErrUnauthorized
		}
		if r.Stream == "full" {
			r.Reply.Set("Retry-After", "7")
			return wish.ErrFull
		}
		return nil
	}
	publish := wish.Endpoint{Role: wish.Publish, Resources: resources, Open: open, Authorize: authorize}
	play := wish.Endpoint{Role: wish.Play, Resources: resources, Open: open, Authorize: authorize}
	s.Publish, s.Play = publish.Start, play.Start
	s.ICEServers = []wish.ICEServer{{URLs: []string{"turn:turn.example.org"}, Secret: "north"}, {URLs: []string{"stun:stun.example.org"}}}
	if change != nil {
		change(s.Server)
	}
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		status, p := Status(err)
		_ = c.JSON(status, p)
	}
	e.GET("/signal", s.Handle)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	t.Cleanup(resources.Close)
	t.Cleanup(func() { _ = s.Close() })
	s.url = "ws" + strings.TrimPrefix(server.URL, "http") + "/signal"
	return s
}

// caller is a client of /signal.
type caller struct {
	t    *testing.T
	conn *websocket.Conn
	word string // of its hello
}

// heard is a message as a client reads it.
type heard struct {
	Type, ID, Resume, SDP, Candidate, SDPMid, Fragment, Code, Reason, About string
	Within, RetryAfter                                                      int
	Sessions                                                                []string
	ICEServers                                                              []struct {
		URLs                 []string
		Username, Credential string
	}
	Frame   json.RawMessage
	Problem struct {
		Status       int
		Code, Detail string
	}
}

func (s *testServer) dial(t *testing.T, protocols ...string) *caller {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: protocols}
	conn, response, err := dialer.DialContext(t.Context(), s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	c := &caller{t: t, conn: conn}
	if hello := c.hear("hello", ""); hello.Resume == "" || hello.Within < 1 || hello.Sessions != nil {
		t.Fatalf("%+v", hello)
	} else {
		c.word = hello.Resume
	}
	return c
}

func (c *caller) raw(frame string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		c.t.Fatal(err)
	}
}

// say sends a message given as pairs.
func (c *caller) say(pairs ...any) {
	c.t.Helper()
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	frame, err := json.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	conforms(c.t, "client", frame)
	c.raw(string(frame))
}

// hear reads the next message, which has to be of this type and about this session.
func (c *caller) hear(kind, id string) (m heard) {
	c.t.Helper()
	_, frame, err := c.conn.ReadMessage()
	if err != nil {
		c.t.Fatalf("no %s of %q: %v", kind, id, err)
	}
	conforms(c.t, "server", frame)
	if err := json.Unmarshal(frame, &m); err != nil || m.Type != kind || m.ID != id {
		c.t.Fatalf("heard %s, want %s of %q", frame, kind, id)
	}
	return m
}

// refused hears an error.
func (c *caller) refused(id, about, code string) heard {
	c.t.Helper()
	m := c.hear("error", id)
	if m.Problem.Code != code || m.About != about {
		c.t.Fatalf("error %+v, want %q about %q", m, code, about)
	}
	return m
}

// ends reads up to the close.
func (c *caller) ends(code int) {
	c.t.Helper()
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, code) {
				c.t.Fatalf("closed by %v, want code %d", err, code)
			}
			return
		}
	}
}

func offerText(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("../wish/testdata/" + name + ".sdp")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
}

// play opens a session and hears its answer.
func (s *testServer) play(c *caller, id, stream string) *testSession {
	c.t.Helper()
	c.say("type", "play", "id", id, "stream", stream, "sdp", offerText(c.t, "whep-firefox"))
	c.hear("answer", id)
	return <-s.opened
}
