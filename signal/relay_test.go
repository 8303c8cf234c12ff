package signal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"bongsu/wish"
)

// relayServer is a relay behind a real listener.
type relayServer struct {
	*Relay
	url string
}

func startRelay(t *testing.T, change func(*RelayConfig), allow func(*http.Request) bool) relayServer {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	config := DefaultRelayConfig()
	if change != nil {
		change(&config)
	}
	r := NewRelay(config, allow, slog.New(slog.DiscardHandler))
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		status, p := Status(err)
		_ = c.JSON(status, p)
	}
	e.IPExtractor = echo.ExtractIPFromXFFHeader()
	e.GET("/*", r.HandleAll)
	if allow != nil {
		e.GET("/*", r.Handle)
	}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = r.Close() })
	return relayServer{r, "ws" + strings.TrimPrefix(server.URL, "http")}
}

// relayPeer is a client of the relay.
type relayPeer struct {
	t    *testing.T
	conn *websocket.Conn
}

func (r relayServer) dial(t *testing.T, path string, header http.Header) *relayPeer {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), r.url+path, header)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	return &relayPeer{t, conn}
}

func (p *relayPeer) send(frame string) {
	p.t.Helper()
	if err := p.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *relayPeer) expect(want string) {
	p.t.Helper()
	kind, frame, err := p.conn.ReadMessage()
	if err != nil || kind != websocket.TextMessage || string(frame) != want {
		p.t.Fatalf("got %q (kind %d, error %v), want %q", frame, kind, err, want)
	}
}

// settle returns when the server has dealt with all that this client has sent.
func (p *relayPeer) settle() {
	p.t.Helper()
	p.send(`{"checkPresence":true,"channel":"nobody is ever here"}`)
	p.expect(`{"isChannelPresent":false}`)
}

// expectClose reads up to the end and checks its code.
func (p *relayPeer) expectClose(code int) {
	p.t.Helper()
	for {
		if _, _, err := p.conn.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, code) {
				p.t.Fatalf("closed by %v, want code %d", err, code)
			}
			return
		}
	}
}

func (p *relayPeer) awaitPresence(channel string, want bool) {
	p.t.Helper()
	question, _ := json.Marshal(map[string]any{"checkPresence": true, "channel": channel})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		<-tick.C
		p.send(string(question))
		var answer struct{ IsChannelPresent bool }
		if err := p.conn.ReadJSON(&answer); err != nil {
			p.t.Fatal(err)
		}
		if answer.IsChannelPresent == want {
			return
		}
	}
	p.t.Fatalf("presence of %s never became %v", channel, want)
}

// TestRelayPresence: S1, and S10: words that mean something to JavaScript are names like others.
func TestRelayPresence(t *testing.T) {
	r := startRelay(t, nil, nil)
	a, b := r.dial(t, "/", nil), r.dial(t, "/", nil)
	for _, channel := range []string{"room", "constructor", "__proto__", "봉수"} {
		a.awaitPresence(channel, false)
		b.send(fmt.Sprintf(`{"open":true,"channel":%q}`, channel))
		a.awaitPresence(channel, true)
	}
	_ = b.conn.Close()
	a.awaitPresence("room", false)
	a.awaitPresence("constructor", false)
	a.send(`{"checkPresence":true}`) // without a channel there is no answer
	a.settle()
}

// TestRelayData: S2, S3, S4, S6, S7, S8: what comes out, where, and what does not.
func TestRelayData(t *testing.T) {
	r := startRelay(t, nil, nil)
	a, b, outsider := r.dial(t, "/", nil), r.dial(t, "/", nil), r.dial(t, "/", nil)
	for _, p := range []*relayPeer{a, b, b} { // b comes in twice, and counts once
		p.send(`{"open":true,"channel":"one"}`)
	}
	b.send(`{"open":true,"channel":"two"}`)
	b.send(`{"open":true,"channel":7}`)
	a.settle()
	b.settle()
	for _, c := range []struct {
		from *relayPeer
		send string
		want string // "" is nothing
	}{
		{a, `{"channel":"one","data":{"sdp":{"type":"offer"}, "userid":"A"}}`, `{"sdp":{"type":"offer"},"userid":"A"}`},
		{a, `{"channel":"one","data":"{\"a\":1}"}`, `"{\"a\":1}"`},
		{a, `{"channel":"one","data":["<b>"]}`, `["<b>"]`},
		{outsider, `{"channel":"one","data":{"from":"outside"}}`, `{"from":"outside"}`},
		{a, `{"channel":"two","data":2}`, `2`},
		{a, `{"channel":"7","data":true}`, `true`},
		{a, `{"channel":"one","data":0}`, ""},
		{a, `{"channel":"one","data":-0.0}`, ""},
		{a, `{"channel":"one","data":""}`, ""},
		{a, `{"channel":"one","data":false}`, ""},
		{a, `{"channel":"one","data":null}`, ""},
		{a, `{"channel":"one"}`, ""},
		{a, `{"channel":"nobody","data":1}`, ""},
		{a, `{"channel":"","data":1}`, ""},
		{a, `{"channel":["one"],"data":1}`, ""},
		{a, `{"channel":"one","data":{"to":"gateway"}}`, `{"to":"gateway"}`}, // there is no gateway here
	} {
		c.from.send(c.send)
		c.from.settle()
		if c.want != "" {
			b.expect(c.want)
		}
		if c.from == outsider {
			a.expect(c.want)
		}
	}
	b.settle() // nothing more has come
	a.settle() // and nothing came back
}

// TestRelayGarbage: S5: what is not a message is nobody's end.
func TestRelayGarbage(t *testing.T) {
	r := startRelay(t, nil, nil)
	a := r.dial(t, "/", nil)
	for _, frame := range []string{"", "hello", "{", "null", "[]", `{"open":true}`, `{"open":true,"channel":{}}`, "{\"channel\":\"a\xff\",\"data\":1}"} {
		a.send(frame)
	}
	if err := a.conn.WriteMessage(websocket.BinaryMessage, []byte(`{"open":true,"channel":"binary"}`)); err != nil {
		t.Fatal(err)
	}
	a.settle()
	a.awaitPresence("binary", false)
}

// TestRelayOrder: S9.
func TestRelayOrder(t *testing.T) {
	r := startRelay(t, func(c *RelayConfig) { c.Rate = 100000 }, nil)
	a, b := r.dial(t, "/", nil), r.dial(t, "/", nil)
	b.send(`{"open":true,"channel":"c"}`)
	b.settle()
	for i := 1; i <= 1000; i++ {
		a.send(fmt.Sprintf(`{"channel":"c","data":%d}`, i))
	}
	for i := 1; i <= 1000; i++ {
		b.expect(fmt.Sprint(i))
	}
}

// TestRelayAnyPath: S11, and what a browser sees that is not a WebSocket.
func TestRelayAnyPath(t *testing.T) {
	r := startRelay(t, nil, nil)
	a := r.dial(t, "/any/path?x=1", http.Header{"Origin": {"https://elsewhere.example"}})
	a.settle()
	response, err := http.Get("http" + strings.TrimPrefix(r.url, "ws") + "/any")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	page, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK || !strings.Contains(string(page), "WebSocket") {
		t.Errorf("GET answered %d %q", response.StatusCode, page)
	}
}

// TestRelayOrigin: on the main listener, pages of other sites stay out unless they are let in.
func TestRelayOrigin(t *testing.T) {
	r := startRelay(t, nil, func(*http.Request) bool { return false })
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), r.url, nil)
	if err == nil {
		_ = conn.Close()
		t.Fatal("a refused origin got in")
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", response.StatusCode)
	}
}

// TestRelayLimits: who asks for too much is told, and others go on.
func TestRelayLimits(t *testing.T) {
	r := startRelay(t, func(c *RelayConfig) { c.Members, c.Channels, c.Sockets, c.FrameBytes = 2, 3, 4, 1000 }, nil)
	a, b, c, d := r.dial(t, "/", nil), r.dial(t, "/", nil), r.dial(t, "/", nil), r.dial(t, "/", nil)
	_, response, err := websocket.DefaultDialer.DialContext(t.Context(), r.url, nil)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("the fifth socket: %v", err)
	}
	_ = response.Body.Close()
	for _, p := range []*relayPeer{a, b} {
		p.send(`{"open":true,"channel":"1"}`)
		p.settle()
	}
	c.send(`{"open":true,"channel":"1"}`)
	c.expectClose(websocket.CloseTryAgainLater)
	a.send(`{"open":true,"channel":"2"}`)
	a.send(`{"open":true,"channel":"3"}`)
	a.settle()
	b.send(`{"open":true,"channel":"4"}`)
	b.expectClose(websocket.CloseTryAgainLater)
	d.send(`{"channel":"1","data":"` + strings.Repeat("x", 1000) + `"}`)
	d.expectClose(websocket.CloseMessageTooBig)
	a.awaitPresence("3", true)
}

// TestRelaySlow: a member that does not read is let go, and holds up nobody.
func TestRelaySlow(t *testing.T) {
	r := startRelay(t, func(c *RelayConfig) { c.Rate = 100000 }, nil)
	slow, sender, watcher := r.dial(t, "/", nil), r.dial(t, "/", nil), r.dial(t, "/", nil)
	_ = slow.conn.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	slow.send(`{"open":true,"channel":"c"}`)
	slow.settle()
	frame := `{"channel":"c","data":"` + strings.Repeat("x", 200<<10) + `"}`
	for range 100 {
		sender.send(frame)
	}
	sender.settle()
	watcher.awaitPresence("c", false)
}

// TestRelayClose: the end is told, is waited for, and may come twice.
func TestRelayClose(t *testing.T) {
	r := startRelay(t, nil, nil)
	a := r.dial(t, "/", nil)
	a.settle()
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	a.expectClose(websocket.CloseGoingAway)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, response, err := websocket.DefaultDialer.DialContext(ctx, r.url, nil)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after the end: %v", err)
	}
	_ = response.Body.Close()
}

func FuzzRelay(f *testing.F) {
	for _, seed := range []string{
		`{"checkPresence":true,"channel":"c"}`, `{"open":1,"channel":1e300}`, `{"channel":"c","data":{"to":"gateway","sdp":null}}`,
		`{"channel":"c","data":"x"}`, `[`, "\xff", `{"channel":"c","data":{"to":1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		r := NewRelay(DefaultRelayConfig(), nil, slog.New(slog.DiscardHandler))
		r.Publish = func(*wish.Request, []byte) (*wish.Started, error) { return nil, wish.ErrMalformed }
		e := echo.New()
		c := e.NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
		from := &relayClient{context: c, socket: &socket{life: t.Context(), end: func(error) {}, ready: make(chan struct{}, 1)}}
		to := &relayClient{socket: &socket{life: t.Context(), end: func(error) {}, ready: make(chan struct{}, 1)}}
		r.open(to, "c")
		r.take(from, frame)
		for _, out := range append(from.queue, to.queue...) {
			if !json.Valid(out) {
				t.Errorf("%q led to %q", frame, out)
			}
		}
	})
}
