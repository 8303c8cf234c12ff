package egress

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
	"go.uber.org/goleak"

	"bongsu/broadcast"
	"bongsu/lite"
	"bongsu/rtc"
	"bongsu/udp"
	"bongsu/wish"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startEndpoint(t *testing.T, c Config) (url string, hub *broadcast.Hub) {
	t.Helper()
	url, hub, _ = startService(t, c)
	return url, hub
}

func startService(t *testing.T, c Config) (url string, hub *broadcast.Hub, s *Service) {
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
	lean, err := lite.New(port, 1, lite.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lean.Close() })
	port.Start(lean.Handle)
	hub = broadcast.New(broadcast.Config{Writers: 1})
	hub.Flush = func(writer int) {
		lean.Flush(writer)
		api.Flush(writer)
	}
	t.Cleanup(hub.Close)
	resources := wish.NewResources(wish.Limits{})
	t.Cleanup(resources.Close)
	s = New(c, hub, lean, api, resources, log)
	s.pace = pace{period: 20 * time.Millisecond, keepAlive: 100 * time.Millisecond, write: 5 * time.Second, grace: 100 * time.Millisecond}
	e := echo.New()
	e.Any("/whep/:stream", s.Handle)
	e.Any("/session/:id", resources.Handle)
	for path, handler := range s.Extensions() {
		e.Any("/session/:id/"+path, handler)
	}
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(599, err.Error()) }
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return server.URL, hub, s
}

func request(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/sdp")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func readOffer(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../wish/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestViewersOfEveryKindAreAnswered(t *testing.T) {
	passive := strings.NewReplacer("a=setup:actpass", "a=setup:passive")
	for _, c := range []struct {
		offer, transport string
		lean             bool // which of the two answers
	}{
		{"whep-chromium.sdp", TransportAuto, true}, {"whep-firefox.sdp", TransportAuto, true}, {"whep-safari.sdp", TransportAuto, true},
		{"whep-gstreamer.sdp", TransportAuto, true}, {"whep-aiortc.sdp", TransportAuto, true}, {"whep-mediamtx-page.sdp", TransportAuto, true},
		{"whep-chromium.sdp", TransportPC, false}, {"whep-firefox.sdp", TransportPC, false}, {"whep-mediamtx-page.sdp", TransportPC, false},
		{"passive", TransportAuto, false},
	} {
		t.Run(c.transport+" "+c.offer, func(t *testing.T) {
			url, hub := startEndpoint(t, Config{Wait: true, Transport: c.transport})
			var offer string
			if c.offer == "passive" { // a client that waits for the handshake
				offer = passive.Replace(readOffer(t, "whep-chromium.sdp"))
			} else {
				offer = readOffer(t, c.offer)
			}
			resp, answer := request(t, http.MethodPost, url+"/whep/lobby", offer)
			if resp.StatusCode != http.StatusCreated || !strings.Contains(answer, "a=sendonly\r\n") {
				t.Fatalf("%s\n%s", resp.Status, answer)
			}
			if got := strings.Contains(answer, "a=ice-lite\r\n"); got != c.lean {
				t.Errorf("lean: %v, want %v", got, c.lean)
			}
			if info, _ := hub.Info("lobby"); info.Viewers != 1 {
				t.Errorf("%d viewers", info.Viewers)
			}
			if resp, text := request(t, http.MethodDelete, url+resp.Header.Get("Location"), ""); resp.StatusCode != http.StatusOK {
				t.Errorf("DELETE: %s %s", resp.Status, text)
			}
			if info, ok := hub.Info("lobby"); ok {
				t.Errorf("left behind: %+v", info)
			}
		})
	}
}

func TestNobodyWaits(t *testing.T) {
	url, hub := startEndpoint(t, Config{Wait: false})
	offer := readOffer(t, "whep-chromium.sdp")
	if resp, text := request(t, http.MethodPost, url+"/whep/lobby", offer); resp.StatusCode != 599 || !strings.Contains(text, broadcast.ErrNotFound.Error()) {
		t.Errorf("an unknown stream: %s %q", resp.Status, text)
	}
	release, err := hub.Pin("lobby")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	resp, text := request(t, http.MethodPost, url+"/whep/lobby", offer)
	if resp.StatusCode != 599 || !strings.Contains(text, ErrOffline.Error()) || resp.Header.Get("Retry-After") == "" {
		t.Errorf("an offline stream: %s %q %v", resp.Status, text, resp.Header)
	}
	src, err := hub.Publish("lobby", broadcast.Publication{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	src.AddLayer(broadcast.Codec{MimeType: "video/H265", ClockRate: 90000}, "", nil).Write(&rtp.Packet{Payload: []byte{1, 2, 3}})
	if resp, text := request(t, http.MethodPost, url+"/whep/lobby", readOffer(t, "whep-firefox.sdp")); resp.StatusCode != 599 || !strings.Contains(text, "H265") {
		t.Errorf("a codec that the viewer lacks: %s %q", resp.Status, text)
	}
}
