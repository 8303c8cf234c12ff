package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"bongsu/broadcast"
	"bongsu/wish"

	"github.com/labstack/echo/v4"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// built is a front end as "make web" leaves it.
func built() fs.FS {
	page := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("<!doctype html><html><head>" + headMark + "<title>dev</title></head><body>" + name + "</body></html>")}
	}
	return fstest.MapFS{
		"dist/.gitkeep":            {},
		"dist/index.html":          page("index"),
		"dist/watch.html":          page("watch"),
		"dist/embed.html":          page("embed"),
		"dist/embed-chat.html":     page("embed-chat"),
		"dist/publish.html":        page("publish"),
		"dist/player.js":           {Data: []byte(strings.Repeat("export class Player {}\n", 200))},
		"dist/player.d.ts":         {Data: []byte("export declare class Player {}\n")},
		"dist/favicon.svg":         {Data: []byte("<svg/>")},
		"dist/assets/app-Bx_1.js":  {Data: []byte(strings.Repeat("console.log(1)\n", 200))},
		"dist/assets/app-Bx_1.css": {Data: []byte("a{}")},
	}
}

// server is a running one, and the client that talks to it.
type server struct {
	*http.Client
	url string
	hub *broadcast.Hub
	log *bytes.Buffer // read it only after stop
	// stop ends the server and returns what Serve returned. It may be called twice.
	stop func() error
}

// services answers as the real rooms do where a test needs it: by the stream's name.
func services(hub *broadcast.Hub) Services {
	wire := func(c echo.Context) error {
		switch c.Param("stream") {
		case "busy":
			return fmt.Errorf("%w: studio", broadcast.ErrBusy)
		case "bad":
			return fmt.Errorf("%w: m-line 1 has no ice-ufrag", wish.ErrUnprocessable)
		case "broken":
			return fmt.Errorf("open /var/lib/secret: %w", fs.ErrNotExist)
		case "panic":
			panic("secret thing")
		}
		return c.String(http.StatusCreated, "v=0\r\n")
	}
	return Services{Hub: hub, Ingest: wire, Egress: wire, Sessions: wire, Version: "1.2.3"}
}

func start(t *testing.T, cfg Config, files fs.FS, change ...func(*Services)) *server {
	t.Helper()
	hub := broadcast.New(broadcast.Config{})
	t.Cleanup(hub.Close)
	s := services(hub)
	for _, f := range change {
		f(&s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	web := newServer(cfg, s, files, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { defer close(served); served <- web.Serve(ctx, l) }()
	client := &http.Client{
		Timeout:       20 * time.Second,
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	stop := func() error {
		client.CloseIdleConnections()
		cancel()
		return <-served // nil once closed
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return &server{Client: client, url: "http://" + l.Addr().String(), hub: hub, log: &log, stop: stop}
}

// do sends a request with headers given as "Name: value" and returns the answer with its body read.
func (s *server) do(t *testing.T, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	res, err := s.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func (s *server) get(t *testing.T, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	return s.do(t, http.MethodGet, path, headers...)
}

// decode reads a JSON answer.
func decode(t *testing.T, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return v
}

// goLive publishes a stream with sound and a picture of 320x180.
func goLive(t *testing.T, hub *broadcast.Hub, name string) {
	t.Helper()
	source, err := hub.Publish(name, broadcast.Publication{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	opus := broadcast.Codec{MimeType: "audio/opus", ClockRate: 48000, Channels: 2}
	source.AddLayer(opus, "", nil).Write(&rtp.Packet{Header: rtp.Header{SequenceNumber: 1}, Payload: []byte{0xfc, 1, 2}})
	// A VP8 payload descriptor, then a keyframe's header (RFC 7741 section 4.2, RFC 6386 section 9.1): 320x180.
	keyframe := []byte{0x10, 0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00, 0, 0, 0}
	vp8 := broadcast.Codec{MimeType: "video/VP8", ClockRate: 90000}
	source.AddLayer(vp8, "", nil).Write(&rtp.Packet{Header: rtp.Header{SequenceNumber: 1, Marker: true}, Payload: keyframe})
}

func TestHealth(t *testing.T) {
	ready := make(chan bool, 1)
	s := start(t, Config{}, built(), func(s *Services) { s.Ready = func() bool { return <-ready } })
	if res, body := s.get(t, "/healthz"); res.StatusCode != 200 || body != "ok\n" {
		t.Errorf("healthz: %d %q", res.StatusCode, body)
	}
	for answer, status := range map[bool]int{true: 200, false: 503} {
		ready <- answer
		if res, _ := s.get(t, "/readyz"); res.StatusCode != status {
			t.Errorf("readyz when ready is %v: %d", answer, res.StatusCode)
		}
	}
}

// A request that runs when the server is told to stop is answered; a new one finds nobody; Close may be called again.
func TestGracefulStop(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, Config{}, built(), func(s *Services) {
		s.Egress = func(c echo.Context) error {
			close(entered)
			<-release
			return c.String(http.StatusCreated, "late but here")
		}
	})
	answered := make(chan string, 1)
	go func() {
		res, err := s.Post(s.url+"/whep/lobby", "application/sdp", nil)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for { // until the listener is closed
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			break
		}
		c.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("Serve returned (%v) while a request ran", err)
	default:
	}
	close(release)
	if body := <-answered; body != "late but here" {
		t.Errorf("the running request got %q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// Serve tells when its listener fails.
func TestServeError(t *testing.T) {
	hub := broadcast.New(broadcast.Config{})
	defer hub.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	web := New(Config{}, services(hub), slog.New(slog.DiscardHandler))
	if err := web.Serve(t.Context(), l); err == nil {
		t.Error("no error from a closed listener")
	}
	for range 2 {
		if err := web.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The access log has the route and the stream, and neither session ids nor tokens; what broke is in the log, with its cause.
func TestLog(t *testing.T) {
	s := start(t, Config{}, built())
	s.get(t, "/session/0123456789abcdef", "Authorization: Bearer hunter2")
	s.get(t, "/watch/lobby?token=hunter3")
	s.do(t, http.MethodPost, "/whip/broken")
	s.do(t, http.MethodPost, "/whip/panic")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	log := s.log.String()
	for _, want := range []string{"route=/session/:id", "stream=lobby", "status=201", "/var/lib/secret", "secret thing", "level=ERROR"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	for _, secret := range []string{"0123456789abcdef", "hunter2", "hunter3"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells %q:\n%s", secret, log)
		}
	}
}
