package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"bongsu/chat"
	"bongsu/cluster"
	"bongsu/wish"

	"github.com/labstack/echo/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// startChat runs a server with a chat whose administrator's token is "root".
func startChat(t *testing.T, cfg Config, change func(*Chat)) *server {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	node, err := cluster.Open(t.Context(), cluster.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	rooms, err := chat.Open(t.Context(), node.Conn(), chat.Config{Administrator: "root", Rate: 1000, Burst: 1000}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rooms.Close() })
	entry := func(r *wish.Request) chat.Entry {
		return chat.Entry{Stream: r.Stream, Address: r.Address.String(), Credential: r.Token}
	}
	c := NewChat(rooms, wish.NewResources(wish.Limits{}), entry, 2)
	if change != nil {
		change(c)
	}
	return start(t, cfg, built(), func(s *Services) { s.Chat = c })
}

// guestClient is a guest as a client has it.
type guestClient struct {
	t   *testing.T
	s   *server
	url string // without the server's
}

func (s *server) join(t *testing.T, stream, request string, headers ...string) *guestClient {
	t.Helper()
	r, body := s.send(t, http.MethodPost, "/chat/"+stream, request, headers...)
	url := r.Header.Get("Location")
	if r.StatusCode != http.StatusCreated || body != "" || !strings.HasPrefix(url, "/chat/"+stream+"/") {
		t.Fatalf("joined with %s, Location %q: %s", r.Status, url, body)
	}
	return &guestClient{t, s, url}
}

// send sends a body as JSON.
func (s *server) send(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := s.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func (g *guestClient) ask(request string) {
	g.t.Helper()
	if r, body := g.s.send(g.t, http.MethodPost, g.url, request); r.StatusCode != http.StatusAccepted || body != "" {
		g.t.Fatalf("%s: %s %s", request, r.Status, body)
	}
}

// chatEvent is what tests look at of an event.
type chatEvent struct {
	Type, ID, Text, Code, Token, Target string
	Resumed                             bool
	History                             int
	You, From                           struct{ ID, Name, Role string }
}

// chatReader reads the events of a guest.
type chatReader struct {
	t      *testing.T
	events chan chatEvent
	lastID string // for who has read all events
	quiet  chan struct{}
	cut    context.CancelFunc
	ended  chan struct{}
}

func (g *guestClient) read(query string, headers ...string) *chatReader {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.s.url+g.url+query, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := g.s.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	h := response.Header
	if response.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("X-Accel-Buffering") != "no" || h.Get("Access-Control-Allow-Origin") != "*" {
		g.t.Fatalf("%s, headers %v", response.Status, h)
	}
	reader := &chatReader{t: g.t, events: make(chan chatEvent, 1000), quiet: make(chan struct{}, 1), cut: cancel, ended: make(chan struct{})}
	go reader.run(response.Body)
	g.t.Cleanup(reader.stop)
	return reader
}

func (r *chatReader) run(body io.ReadCloser) {
	defer close(r.ended)
	defer body.Close()
	id := ""
	for lines := bufio.NewScanner(body); lines.Scan(); {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
		case "id":
			id = value
		case "data":
			r.lastID = id
			checkFrame(r.t, value)
			var events []chatEvent
			if err := json.Unmarshal([]byte(value), &events); err != nil {
				r.t.Error(err)
			}
			for _, e := range events {
				r.events <- e
			}
		case ":":
			select {
			case r.quiet <- struct{}{}:
			default:
			}
		}
	}
}

// stop cuts the connection.
func (r *chatReader) stop() {
	r.cut()
	<-r.ended
}

// next gives the next event of a type, or of any type without one.
func (r *chatReader) next(kind string) chatEvent {
	r.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case e := <-r.events:
			if kind == "" || e.Type == kind {
				return e
			}
		case <-deadline:
			r.t.Fatalf("no event %q", kind)
		}
	}
}

func (r *chatReader) texts(want ...string) {
	r.t.Helper()
	for _, text := range want {
		if e := r.next("message"); e.Text != text {
			r.t.Fatalf("message %q, want %q", e.Text, text)
		}
	}
}

func checkFrame(t *testing.T, frame string) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../docs/chat.schema.json#/$defs/frame")
	if err != nil {
		t.Error(err)
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(frame)))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		t.Errorf("%s: %v", frame, err)
	}
}

func TestChatByHTTP(t *testing.T) {
	s := startChat(t, Config{}, func(c *Chat) { c.pace.keepAlive = 20 * time.Millisecond })
	const stream = "%EB%B4%89%EC%88%98"
	ada := s.join(t, stream, `{"type":"join","name":"Ada"}`)
	reader := ada.read("")
	if w := reader.next(""); w.Type != "welcome" || w.You.Name != "Ada" || w.You.Role != "viewer" || w.Token == "" {
		t.Fatalf("%+v", w)
	}
	root := s.join(t, stream, `{"type":"join"}`, "Authorization: Bearer root")
	if w := root.read("").next("welcome"); w.You.Role != "administrator" {
		t.Fatalf("%+v", w)
	}
	ada.ask(`{"type":"message","text":"안녕"}`)
	root.ask(`{"type":"message","text":"two\nlines"}`)
	reader.texts("안녕", "two\nlines")
	ada.ask(`nonsense`)
	if e := reader.next("error"); e.Code != "malformed" {
		t.Errorf("%+v", e)
	}
	select {
	case <-reader.quiet:
	case <-time.After(10 * time.Second):
		t.Error("no comment in the silence")
	}
	if r, body := s.send(t, http.MethodDelete, ada.url, ""); r.StatusCode != http.StatusNoContent {
		t.Errorf("%s: %s", r.Status, body)
	}
	if e := reader.next("error"); e.Code != "closed" {
		t.Errorf("%+v", e)
	}
	<-reader.ended
	r, body := s.send(t, http.MethodPost, ada.url, `{"type":"members"}`)
	if r.StatusCode != http.StatusNotFound || !strings.Contains(body, `"no-session"`) {
		t.Errorf("%s: %s", r.Status, body)
	}
}

// TestChatReaderComesBack: whatever a cut connection had, nothing is missing afterwards, and nothing comes twice.
func TestChatReaderComesBack(t *testing.T) {
	s := startChat(t, Config{}, nil)
	ada := s.join(t, "lobby", `{"type":"join"}`)
	first := ada.read("")
	for i := range 5 {
		ada.ask(fmt.Sprintf(`{"type":"message","text":"%d"}`, i))
	}
	first.texts("0", "1", "2")
	first.stop()
	var seen chatEvent
	for len(first.events) > 0 { // what had come already
		seen = <-first.events
	}
	from := 3
	if seen.Text != "" {
		from = int(seen.Text[0]-'0') + 1
	}
	ada.ask(`{"type":"message","text":"5"}`)
	for _, way := range []func(id string) *chatReader{
		func(id string) *chatReader { return ada.read("", "Last-Event-ID: "+id) },
		func(id string) *chatReader { return ada.read("?since=" + id) },
	} {
		again := way(first.lastID)
		if w := again.next(""); w.Type != "welcome" || !w.Resumed || w.History > 6-from { // the newest may come after it
			t.Fatalf("%+v, %d events had come", w, from)
		}
		for i := from; i < 6; i++ {
			again.texts(fmt.Sprint(i))
		}
	}
	// This one takes the place of the one before, which has not gone, and knows nothing.
	third := ada.read("")
	if w := third.next(""); w.Type != "welcome" || w.Resumed || w.History != 6 {
		t.Fatalf("%+v", w)
	}
	third.texts("0", "1", "2", "3", "4", "5")
	ada.ask(`{"type":"message","text":"6"}`)
	third.texts("6")
}

func TestChatGuestsLeave(t *testing.T) {
	s := startChat(t, Config{}, func(c *Chat) { c.pace.absence = 30 * time.Millisecond })
	absent, present := s.join(t, "lobby", `{"type":"join"}`), s.join(t, "lobby", `{"type":"join"}`)
	reader := present.read("")
	reader.next("welcome")
	absent.leaves()
	present.ask(`{"type":"message","text":"still here"}`)
	reader.texts("still here")
	reader.stop()
	present.leaves()
}

// leaves waits until the guest has left.
func (g *guestClient) leaves() {
	g.t.Helper()
	for deadline := time.After(10 * time.Second); ; {
		if r, _ := g.s.send(g.t, http.MethodPost, g.url, `{"type":"members"}`); r.StatusCode == http.StatusNotFound {
			return
		}
		select {
		case <-deadline:
			g.t.Fatal("who does not read is here still")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestChatGuestsOfOneNetwork(t *testing.T) {
	s := startChat(t, Config{TrustProxy: true}, nil)
	from := func(address string) string { return "X-Forwarded-For: " + address }
	one := s.join(t, "lobby", `{"type":"join"}`, from("2001:db8::1"))
	s.join(t, "lobby", `{"type":"join"}`, from("2001:db8::2"))
	r, body := s.send(t, http.MethodPost, "/chat/other", `{"type":"join"}`, from("2001:db8::3"))
	if r.StatusCode != http.StatusTooManyRequests || !strings.Contains(body, `"too-many-sessions"`) {
		t.Errorf("%s %s", r.Status, body)
	}
	s.join(t, "lobby", `{"type":"join"}`, from("2001:db8:0:1::1"))
	s.send(t, http.MethodDelete, one.url, "")
	s.join(t, "other", `{"type":"join"}`, from("2001:db8::3"))
}

func TestChatProblems(t *testing.T) {
	s := startChat(t, Config{TrustProxy: true}, nil)
	root := s.join(t, "lobby", `{"type":"join","credential":"root"}`)
	troll := s.join(t, "lobby", `{"type":"join"}`, "X-Forwarded-For: 203.0.113.7")
	bad := troll.read("")
	id := bad.next("welcome").You.ID
	root.ask(fmt.Sprintf(`{"type":"ban","member":%q,"address":true,"seconds":60}`, id))
	if e := bad.next("error"); e.Code != "banned" {
		t.Errorf("%+v", e)
	}
	<-bad.ended
	for _, c := range []struct {
		name, method, path, body, header string
		status                           int
		code                             string
	}{
		{"banned by address", "POST", "/chat/lobby", `{"type":"join"}`, "X-Forwarded-For: 203.0.113.7", 403, "banned"},
		{"no JSON", "POST", "/chat/lobby", `x`, "", 400, "malformed"},
		{"no join", "POST", "/chat/lobby", `{"type":"message"}`, "", 400, "malformed"},
		{"nothing", "POST", "/chat/lobby", ``, "", 400, "malformed"},
		{"too much", "POST", "/chat/lobby", `{"type":"join","name":"` + strings.Repeat("x", 9000) + `"}`, "", 400, "malformed"},
		{"far too much", "POST", "/chat/lobby", strings.Repeat("x", 1<<17), "", 413, "too-large"},
		{"text", "POST", "/chat/lobby", `{"type":"join"}`, "Content-Type: text/plain", 415, "media-type"},
		{"bad name", "POST", "/chat/a%20b", `{"type":"join"}`, "", 400, "bad-name"},
		{"wrong method", "GET", "/chat/lobby", ``, "Accept: text/html", 405, "method"},
		{"nobody", "GET", "/chat/lobby/abc", ``, "", 404, "no-session"},
		{"nobody leaves", "DELETE", "/chat/lobby/abc", ``, "", 404, "no-session"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			r, body := s.send(t, c.method, c.path, c.body, headers...)
			if r.StatusCode != c.status || !strings.Contains(body, fmt.Sprintf(`"code":%q`, c.code)) || r.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s, want %d %s: %s", r.Status, c.status, c.code, body)
			}
			if c.code == "banned" && r.Header.Get(echo.HeaderRetryAfter) == "" {
				t.Error("not told when to come again")
			}
		})
	}
	r, _ := s.do(t, http.MethodOptions, troll.url, "Origin: https://other.example", "Access-Control-Request-Method: DELETE", "Access-Control-Request-Headers: content-type")
	if r.StatusCode >= 300 || !strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), "DELETE") || !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("preflight: %s %v", r.Status, r.Header)
	}
}

// TestChatEndsWithTheServer: who reads is told and does not keep the server waiting.
func TestChatEndsWithTheServer(t *testing.T) {
	s := startChat(t, Config{}, nil)
	reader := s.join(t, "lobby", `{"type":"join"}`).read("")
	reader.next("welcome")
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if e := reader.next("error"); e.Code != "closed" {
		t.Errorf("%+v", e)
	}
	if strings.Contains(s.log.String(), "were cut") {
		t.Error("the reader had to be cut")
	}
}
