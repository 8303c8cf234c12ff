package ingest

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/pion/rtp"

	"bongsu/auth"
	"bongsu/broadcast"
	"bongsu/rtc"
	"bongsu/udp"
	"bongsu/wish"
)

// endpoint runs the WHIP endpoint on a real HTTP server.
type endpoint struct {
	t   *testing.T
	url string
	hub *broadcast.Hub
}

func startEndpoint(t *testing.T, keys auth.Keys) *endpoint {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	port, err := udp.Listen("127.0.0.1:0", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	api, err := rtc.New(port, rtc.Config{Writers: 1}, log)
	if err != nil {
		t.Fatal(err)
	}
	port.Start(nil)
	hub := broadcast.New(broadcast.Config{})
	t.Cleanup(hub.Close)
	resources := wish.NewResources(wish.Limits{})
	t.Cleanup(resources.Close)
	s := New(hub, api, keys, resources, log)
	e := echo.New()
	e.Any("/whip", s.Handle)
	e.Any("/whip/:stream", s.Handle)
	e.Any("/session/:id", resources.Handle)
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(599, err.Error()) }
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return &endpoint{t, server.URL, hub}
}

func (e *endpoint) do(method, path, token, body string) *http.Response {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.url+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/sdp")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(strings.NewReader(string(b)))
	return resp
}

func (e *endpoint) post(path, token, offer string) (*http.Response, string) {
	e.t.Helper()
	b, err := os.ReadFile("../wish/testdata/" + offer)
	if err != nil {
		e.t.Fatal(err)
	}
	resp := e.do(http.MethodPost, path, token, string(b))
	text, _ := io.ReadAll(resp.Body)
	return resp, string(text)
}

func TestPublishersOfEveryKindAreAnswered(t *testing.T) {
	e := startEndpoint(t, nil)
	for _, offer := range []string{"whip-obs.sdp", "whip-ffmpeg.sdp", "whip-ffmpeg-video.sdp", "whip-chromium.sdp", "whip-firefox.sdp", "whip-gstreamer.sdp", "whip-chromium-simulcast.sdp"} {
		resp, answer := e.post("/whip", strings.TrimSuffix(offer, ".sdp"), offer)
		if resp.StatusCode != http.StatusCreated || !strings.Contains(answer, "a=recvonly\r\n") || strings.Contains(answer, "m=video 0 ") {
			t.Errorf("%s: %s\n%s", offer, resp.Status, answer)
			continue
		}
		if info, ok := e.hub.Info(strings.TrimSuffix(offer, ".sdp")); !ok || info.State != broadcast.Offline {
			t.Errorf("%s: the stream is %+v, %v before any media", offer, info, ok)
		}
		if resp := e.do(http.MethodDelete, resp.Header.Get("Location"), "", ""); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: DELETE: %s", offer, resp.Status)
		}
	}
	if left := e.hub.Streams(); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestKeysDecide(t *testing.T) {
	e := startEndpoint(t, auth.Keys{"lobby": "secret"})
	for _, c := range []struct{ path, token, want string }{
		{"/whip", "", auth.ErrUnauthorized.Error()},
		{"/whip/lobby", "wrong", auth.ErrUnauthorized.Error()},
		{"/whip/other", "secret", auth.ErrForbidden.Error()},
	} {
		resp, text := e.post(c.path, c.token, "whip-obs.sdp")
		if resp.StatusCode != 599 || !strings.Contains(text, c.want) {
			t.Errorf("%s with %q: %s %q", c.path, c.token, resp.Status, text)
		}
		if challenge := resp.Header.Get("WWW-Authenticate"); strings.HasPrefix(challenge, "Bearer ") != (c.want == auth.ErrUnauthorized.Error()) {
			t.Errorf("%s with %q: WWW-Authenticate %q", c.path, c.token, challenge)
		}
	}
	if resp, text := e.post("/whip", "secret", "whip-obs.sdp"); resp.StatusCode != http.StatusCreated {
		t.Errorf("the right key: %s %s", resp.Status, text)
	}
	if _, ok := e.hub.Info("lobby"); !ok {
		t.Error("the key did not name its stream")
	}
}

func TestSecondPublisher(t *testing.T) {
	e := startEndpoint(t, nil)
	first, _ := e.post("/whip/lobby", "mine", "whip-obs.sdp")
	if resp, text := e.post("/whip/lobby", "other", "whip-obs.sdp"); resp.StatusCode != 599 || !strings.Contains(text, broadcast.ErrBusy.Error()) {
		t.Errorf("another publisher: %s %q", resp.Status, text)
	}
	if resp := e.do(http.MethodGet, first.Header.Get("Location"), "", ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("the first one was disturbed: %s", resp.Status)
	}
	second, _ := e.post("/whip/lobby", "mine", "whip-obs.sdp")
	if second.StatusCode != http.StatusCreated {
		t.Fatalf("the same publisher again: %s", second.Status)
	}
	for deadline := time.After(10 * time.Second); e.do(http.MethodGet, first.Header.Get("Location"), "", "").StatusCode != 599; {
		select {
		case <-deadline:
			t.Fatal("the session that was taken over is still there")
		case <-time.After(10 * time.Millisecond):
		}
	}
	if resp := e.do(http.MethodGet, second.Header.Get("Location"), "", ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("the second one: %s", resp.Status)
	}
}

func TestPlayMediaStopsWithItsStream(t *testing.T) {
	hub := broadcast.New(broadcast.Config{})
	defer hub.Close()
	m, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	ended := make(chan error, 1)
	go func() { ended <- PlayMedia(t.Context(), hub, "demo", m, slog.New(slog.DiscardHandler)) }()
	for deadline := time.After(10 * time.Second); ; {
		if info, _ := hub.Info("demo"); info.State == broadcast.Live && len(info.Tracks) == 2 {
			break
		}
		select {
		case <-deadline:
			t.Fatal("the demo is not live")
		case <-time.After(10 * time.Millisecond):
		}
	}
	live, err := hub.Publish("demo", broadcast.Publication{})
	if err != nil {
		t.Fatalf("a publisher beside the file: %v", err)
	}
	live.AddLayer(broadcast.Codec{MimeType: "audio/opus", ClockRate: 48000}, "", nil).Write(&rtp.Packet{Payload: []byte{1}})
	if info, _ := hub.Info("demo"); len(info.Tracks) != 1 {
		t.Errorf("the publisher is not the one that is seen: %+v", info)
	}
	live.Close()
	if info, _ := hub.Info("demo"); len(info.Tracks) != 2 {
		t.Errorf("the file did not come back: %+v", info)
	}
	hub.Close()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("PlayMedia ended without an error though its stream was taken away")
		}
	case <-time.After(10 * time.Second):
		t.Error("PlayMedia goes on")
	}
}
