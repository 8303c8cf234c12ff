package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/web"
)

// TestTLS: with one certificate, made on request, there are https and wss on the main port, and the relay on a port of its own,
// where any path and any origin will do, as clients of the original expect (S11 of the relay's tests, by TLS).
func TestTLS(t *testing.T) {
	data, relay := t.TempDir(), freeAddress(t)
	url := startGateway(t, func(c *Config) {
		c.Data, c.Web.TLS.Mode, c.Relay.Listen = data, web.TLSSelf, relay
	})
	host, found := strings.CutPrefix(url, "https://")
	if !found {
		t.Fatalf("the greeting says %s", url)
	}
	text, err := os.ReadFile(filepath.Join(data, "tls", "self.crt"))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal("there is no certificate: ", err)
	}
	trust := &tls.Config{RootCAs: roots}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: true}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for address, major := range map[string]int{url + "/healthz": 2, "https://" + relay + "/": 1} {
		response, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || response.ProtoMajor != major {
			t.Errorf("%s: %d by HTTP/%d", address, response.StatusCode, response.ProtoMajor)
		}
	}

	dial := func(address, origin string) (*websocket.Conn, error) {
		d := websocket.Dialer{TLSClientConfig: trust, HandshakeTimeout: 10 * time.Second}
		conn, response, err := d.DialContext(t.Context(), address, http.Header{"Origin": {origin}})
		if response != nil {
			_ = response.Body.Close()
		}
		return conn, err
	}
	for _, c := range []struct {
		address, origin string
		open            bool
	}{
		{"wss://" + host + "/signal", url, true},
		{"wss://" + host + "/signal", "https://elsewhere.example", false},
		{"wss://" + host + "/relay", url, true},
		{"wss://" + host + "/relay", "https://elsewhere.example", false},
		{"wss://" + relay + "/", "https://elsewhere.example", true},
		{"wss://" + relay + "/some/path", "https://elsewhere.example", true},
		{"ws://" + relay + "/", "", false},
	} {
		conn, err := dial(c.address, c.origin)
		if (err == nil) != c.open {
			t.Errorf("%s for a page of %q: %v", c.address, c.origin, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}

	// Who is on the relay's own port and who is on the main one are in the same channels.
	near, err := dial("wss://"+host+"/relay", url)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := dial("wss://"+relay+"/", "https://elsewhere.example")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	write := func(conn *websocket.Conn, frame string) {
		t.Helper()
		if err := conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(conn *websocket.Conn) string {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, frame, err := conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		return string(frame)
	}
	write(far, `{"open":true,"channel":"c"}`)
	write(far, `{"checkPresence":true,"channel":"c"}`)
	if got := read(far); got != `{"isChannelPresent":true}` {
		t.Error(got)
	}
	write(near, `{"channel":"c","data":"by TLS"}`)
	if got := read(far); got != `"by TLS"` {
		t.Error(got)
	}
}

// freeAddress is a loopback address whose port is free now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}
