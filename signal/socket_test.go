package signal

import (
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
)

// TestSocketCloseSlowReader: a remote that reads a little now and then, so that each frame gets through in its time, does not
// hold up the end.
func TestSocketCloseSlowReader(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := NewRelay(DefaultRelayConfig(), nil, slog.New(slog.DiscardHandler))
	defer func() { _ = r.Close() }()
	e := echo.New()
	e.GET("/", r.Handle)
	server := httptest.NewServer(e)
	defer server.Close()
	dialer := websocket.Dialer{NetDialContext: (&net.Dialer{}).DialContext}
	conn, response, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	defer func() { _ = conn.Close() }()
	slow := &relayPeer{t, conn}
	_ = conn.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	slow.send(`{"open":true,"channel":"c"}`)
	slow.settle()
	r.mu.Lock()
	client := r.channels["c"][0]
	r.mu.Unlock()
	_ = client.conn.NetConn().(*net.TCPConn).SetWriteBuffer(4 << 10)
	for range 60 {
		client.send(make([]byte, 64<<10))
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = r.Close()
	}()
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	buffer := make([]byte, 32<<10)
	for range 40 { // in which much is still to come
		select {
		case <-closed:
			return
		case <-tick.C:
			_, _ = conn.NetConn().Read(buffer)
		}
	}
	t.Fatal("the relay waits for a slow remote")
}
