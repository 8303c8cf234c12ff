package egress

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"bongsu/broadcast"
	"bongsu/wish"
)

// listener reads an event stream as a browser does.
type listener struct {
	*http.Response
	events   chan string // "3 active {}": id, name, data
	comments chan string
	ended    chan struct{}
	stop     context.CancelFunc
}

func listen(ctx context.Context, t *testing.T, url, lastID string) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", "gzip")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Response: resp, events: make(chan string, 1000), comments: make(chan string, 1000), ended: make(chan struct{}), stop: cancel}
	go l.read(t)
	t.Cleanup(func() { cancel(); <-l.ended })
	return l
}

func (l *listener) read(t *testing.T) {
	defer close(l.ended)
	defer l.Body.Close()
	var id, name, data string
	for lines := bufio.NewScanner(l.Body); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && name != "":
			l.events <- strings.TrimSpace(id + " " + name + " " + data)
			id, name, data = "", "", ""
		case lines.Text() == "":
		case key == "":
			l.comments <- value
		case key == "id" && id == "":
			id = value
		case key == "event" && name == "":
			name = value
		case key == "data" && data == "":
			data = value
		default:
			t.Errorf("line %q", lines.Text())
		}
	}
}

func (l *listener) wants(ctx context.Context, t *testing.T, events ...string) {
	t.Helper()
	for _, want := range events {
		if got := await(ctx, t, want, l.events); got != want {
			t.Fatalf("event %q, want %q", got, want)
		}
	}
}

// watching opens a session, and gives its URL and its Links by relation.
func watching(ctx context.Context, t *testing.T, url string) (session string, links map[string]wish.Link) {
	t.Helper()
	_, resource, err := (&wish.Client{Endpoint: url + "/whep/lobby"}).Post(ctx, readOffer(t, "whep-chromium.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	links = map[string]wish.Link{}
	for _, l := range resource.Links {
		links[l.Rel] = l
	}
	return resource.URL, links
}

// ask opens an event stream.
func ask(ctx context.Context, t *testing.T, events, body string) (url string) {
	t.Helper()
	headers := []string{"Content-Type", "application/json"}
	if body == "" {
		headers = nil
	}
	resp, text := send(ctx, t, http.MethodPost, events, body, headers...)
	if resp.StatusCode != http.StatusCreated || !strings.HasPrefix(resp.Header.Get("Location"), "/session/") {
		t.Fatalf("%s %v %s", resp.Status, resp.Header, text)
	}
	return events[:strings.Index(events, "/session/")] + resp.Header.Get("Location")
}

// TestEventStream: a player asks for events and hears them, those too that happened before it listened, or while its
// connection was broken, and none twice (V-01..V-12, V-17, V-19..V-21).
func TestEventStream(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	url, hub := startEndpoint(t, Config{Wait: true})
	_, links := watching(ctx, t, url)
	link := links[relEvents]
	if link.Params["events"] != "active,inactive,layers,reconnect,viewercount" {
		t.Fatalf("links %+v", links)
	}
	turns, all := ask(ctx, t, link.URL, `["inactive","active"]`), ask(ctx, t, link.URL, "")
	if turns == all || len(turns) < len(link.URL)+20 {
		t.Errorf("%s, %s", turns, all)
	}
	stop := show(ctx, t, hub)
	stop()
	l := listen(ctx, t, turns, "")
	if h := l.Header; l.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Content-Encoding") != "" {
		t.Errorf("%s %v", l.Status, h)
	}
	l.wants(ctx, t, "1 active {}", "2 inactive {}")
	stop = show(ctx, t, hub)
	l.wants(ctx, t, "3 active {}")

	other := listen(ctx, t, turns, "2") // the connection was lost, and the third event with it
	await(ctx, t, "the end of the first", l.ended)
	other.wants(ctx, t, "3 active {}")
	for _, wrong := range []string{"99999", "-1", "x", "18446744073709551616"} {
		other = listen(ctx, t, turns, wrong)
	}
	stop()
	other.wants(ctx, t, "4 inactive {}")

	every := listen(ctx, t, all, "")
	every.wants(ctx, t, "1 active {}", "2 inactive {}", "3 active {}", "4 inactive {}", `viewercount {"viewercount":1}`)
	defer show(ctx, t, hub)()
	every.wants(ctx, t, "5 active {}")
	for got := ""; !strings.Contains(got, `"width":320,"height":240}]}`); { // the first of it may have no picture yet
		if got = await(ctx, t, "layers", every.events); !strings.HasPrefix(got, `layers {"1":[{"spatialLayerId":0,"bitrate":`) {
			t.Fatal(got)
		}
	}
	session2, _ := watching(ctx, t, url)
	for got := ""; got != `viewercount {"viewercount":2}`; {
		if got = await(ctx, t, "the second viewer", every.events); !strings.HasPrefix(got, "layers ") && !strings.HasPrefix(got, "viewercount ") {
			t.Fatal(got)
		}
	}
	if resp, _ := send(ctx, t, http.MethodDelete, session2, ""); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
	other.wants(ctx, t, "5 active {}")
	for range 3 {
		await(ctx, t, "comment", other.comments)
	}
	if len(other.events) > 0 {
		t.Errorf("more: %s", <-other.events)
	}
}

// show publishes a picture until stop, after which the stream is offline.
func show(ctx context.Context, t *testing.T, hub *broadcast.Hub) (stop func()) {
	t.Helper()
	stop = shoot(t, hub, "")
	await(ctx, t, "picture", live(ctx, hub))
	return stop
}

// TestEventStreamEnds: by DELETE, with its session, by a newer reader, and with the server; then there is nothing there
// (V-14..V-18, V-26).
func TestEventStreamEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	url, _, s := startService(t, Config{Wait: true})
	session, links := watching(ctx, t, url)
	events := links[relEvents].URL
	gone := func(method, url, why string) {
		t.Helper()
		if resp, text := send(ctx, t, method, url, ""); resp.StatusCode != 599 || !strings.Contains(text, why) {
			t.Errorf("%s: %s %q, want %s", method, resp.Status, text, why)
		}
	}
	first := ask(ctx, t, events, "")
	l := listen(ctx, t, first, "")
	again := listen(ctx, t, first, "")
	await(ctx, t, "the end of the first reader", l.ended)
	if resp, text := send(ctx, t, http.MethodDelete, first, ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %s %s", resp.Status, text)
	}
	await(ctx, t, "the end by DELETE", again.ended)
	gone(http.MethodGet, first, "no such event stream")
	gone(http.MethodDelete, first, "no such event stream")
	gone(http.MethodGet, events+"/x", "no such event stream")
	gone(http.MethodPut, first, "DELETE, GET, OPTIONS")
	gone(http.MethodGet, events, "OPTIONS, POST")
	if resp, _ := send(ctx, t, http.MethodOptions, events, ""); resp.StatusCode != 200 || resp.Header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("OPTIONS: %s %v", resp.Status, resp.Header)
	}

	var all []string
	for range maxStreams {
		all = append(all, ask(ctx, t, events, `["reconnect"]`))
	}
	gone(http.MethodPost, events, "too many event streams")
	if resp, text := send(ctx, t, http.MethodPost, events, "[]", "Content-Type", "text/plain"); resp.StatusCode != 599 || !strings.Contains(text, "application/json") {
		t.Errorf("text/plain: %s %s", resp.Status, text)
	}
	l = listen(ctx, t, all[0], "")
	if resp, text := send(ctx, t, http.MethodDelete, session, ""); resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, text)
	}
	await(ctx, t, "the end by the session", l.ended)
	gone(http.MethodGet, all[0], "no such session")
	gone(http.MethodPost, events, "no such session")
	gone(http.MethodDelete, links[relLayer].URL, "no such session")

	_, links = watching(ctx, t, url)
	heard, deaf := ask(ctx, t, links[relEvents].URL, ""), ask(ctx, t, links[relEvents].URL, `["active"]`)
	l, again = listen(ctx, t, heard, ""), listen(ctx, t, deaf, "")
	l.wants(ctx, t, `viewercount {"viewercount":1}`)
	s.Drain()
	s.Drain()
	l.wants(ctx, t, "reconnect {}")
	await(ctx, t, "the end by the server", l.ended)
	await(ctx, t, "the end by the server", again.ended)
}

// pipes is a listener whose connections hold nothing that was not read.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestSlowReader: who takes nothing is cut (V-18).
func TestSlowReader(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, _, s := startService(t, Config{Wait: true})
	s.pace.write = 50 * time.Millisecond
	started, v := startViewer(ctx, t, s)
	defer started.End()
	cut := make(chan error, 1)
	e := echo.New()
	e.GET("/", func(c echo.Context) error {
		stream := &eventStream{watch: v.watch(eventNames())}
		cut <- stream.send(ctx, c)
		return nil
	})
	listener := make(pipes, 1)
	client, server := net.Pipe()
	defer client.Close()
	listener <- server
	close(listener)
	h := http.Server{Handler: e}
	defer h.Close()
	_ = h.Serve(listener)
	if _, err := client.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := await(ctx, t, "cut", cut); err != nil || ctx.Err() != nil {
		t.Error(err)
	}
}

// TestNoExtensionsBefore: OPTIONS tells of no extension (V-01, E-43), and neither does a refusal.
func TestNoExtensionsBefore(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	url, _ := startEndpoint(t, Config{Wait: false})
	for _, method := range []string{http.MethodOptions, http.MethodHead, http.MethodPost} {
		resp, _ := send(ctx, t, method, url+"/whep/lobby", readOffer(t, "whep-chromium.sdp"), "Content-Type", "application/sdp")
		if links := resp.Header.Values("Link"); slices.ContainsFunc(links, func(l string) bool { return strings.Contains(l, "whep:ext") }) {
			t.Errorf("%s: %q", method, links)
		}
	}
}
