package signal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"bongsu/rtc"
)

func TestSignalSession(t *testing.T) {
	s := startServer(t, nil)
	c := s.dial(t)
	c.say("type", "publish", "id", "cam", "stream", "로비", "sdp", offerText(t, "whip-obs"))
	if m := c.hear("answer", "cam"); m.SDP != testAnswer || len(m.ICEServers) != 2 || m.ICEServers[0].Credential == "" || m.ICEServers[1].Username != "" {
		t.Errorf("%+v", m)
	}
	session := <-s.opened
	view := s.play(c, "view", "로비")

	c.say("type", "candidate", "id", "cam", "candidate", "candidate:1 1 udp 1 192.0.2.9 5000 typ host", "sdpMid", "0")
	c.say("type", "candidate", "id", "cam", "candidate", "")
	c.say("type", "candidate", "id", "nobody", "candidate", "")
	restart := []any{"type", "restart", "id", "cam", "fragment", "a=ice-ufrag:next\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"}
	c.say(restart...)
	first := c.hear("restart", "cam")
	if !strings.Contains(first.Fragment, "a=ice-ufrag:new1\r\n") || !strings.Contains(first.Fragment, "a=end-of-candidates") {
		t.Errorf("restart answered %q", first.Fragment)
	}
	if got := session.seen(); len(got) != 1 || !strings.Contains(got[0], "192.0.2.9") {
		t.Errorf("candidates %q", got)
	}
	c.say(restart...) // the answer was lost
	if again := c.hear("restart", "cam"); again.Fragment != first.Fragment {
		t.Errorf("then answered %q", again.Fragment)
	}
	c.say("type", "restart", "id", "cam", "fragment", "a=ice-ufrag:next\r\n")
	c.refused("cam", "restart", "malformed")
	c.say("type", "answer", "id", "cam", "sdp", "v=0")
	c.refused("cam", "answer", "not-now")
	c.say("type", "publish", "id", "cam", "stream", "x", "sdp", "v=0")
	c.refused("cam", "publish", "id-taken")

	c.say("type", "bye", "id", "cam")
	if m := c.hear("bye", "cam"); m.Code != "hung-up" {
		t.Errorf("%+v", m)
	}
	<-session.Done()
	c.say("type", "restart", "id", "cam", "fragment", "x")
	c.refused("cam", "restart", "no-session")
	s.play(c, "cam", "로비") // the id is free

	view.end(rtc.ErrLost)
	if m := c.hear("bye", "view"); m.Code != "lost" || m.Reason != rtc.ErrLost.Error() {
		t.Errorf("%+v", m)
	}
}

func TestSignalTrickle(t *testing.T) {
	s := startServer(t, nil)
	c := s.dial(t)
	c.say("type", "play", "id", "v", "stream", "s", "sdp", offerText(t, "whep-firefox"), "trickle", true)
	if m := c.hear("answer", "v"); strings.Contains(m.SDP, "candidate") || !strings.HasSuffix(m.SDP, "uv\r\n") {
		t.Errorf("%q", m.SDP)
	}
	for _, want := range []string{"candidate:1 1 udp 1 192.0.2.1 8443 typ host", "candidate:2 1 udp 1 192.0.2.2 8443 typ host", ""} {
		if m := c.hear("candidate", "v"); m.Candidate != want || m.SDPMid != "0" {
			t.Errorf("%+v, want %q", m, want)
		}
	}
}

func TestSignalRefusals(t *testing.T) {
	s := startServer(t, nil)
	c := s.dial(t)
	offer := offerText(t, "whep-firefox")
	for _, r := range []struct {
		code  string
		retry int
		m     []any
	}{
		{"unauthorized", 0, []any{"type", "play", "stream", "locked", "sdp", offer}},
		{"full", 7, []any{"type", "play", "stream", "full", "sdp", offer}},
		{"malformed", 0, []any{"type", "play", "stream", "s", "sdp", "hello"}},
		{"bad-name", 0, []any{"type", "play", "stream", "a b", "sdp", offer}},
		{"unprocessable", 0, []any{"type", "publish", "stream", "s", "sdp", offer}},
		{"no-session", 0, []any{"type", "bye"}},
		{"no-session", 0, []any{"type", "layers"}},
	} {
		c.say(append(r.m, "id", "it")...)
		if m := c.refused("it", r.m[1].(string), r.code); m.RetryAfter != r.retry || m.Problem.Status < 400 || m.Problem.Detail == "" {
			t.Errorf("%+v", m)
		}
	}
	c.say("type", "play", "id", "it", "stream", "locked", "token", "key", "sdp", offer)
	c.hear("answer", "it")
	c.say("type", "layers", "id", "it", "rid", "h")
	c.refused("it", "layers", "unprocessable") // testSessions have none
	c.say("type", "chat", "id", "it", "frame", map[string]any{})
	c.refused("it", "chat", "unprocessable")

	bearer := s.dial(t, protocol, keyPrefix+base64.RawURLEncoding.EncodeToString([]byte("key")))
	if bearer.conn.Subprotocol() != protocol {
		t.Errorf("subprotocol %q", bearer.conn.Subprotocol())
	}
	s.play(bearer, "it", "locked")
	bearer.say("type", "play", "id", "2", "stream", "locked", "token", "other", "sdp", offer)
	bearer.refused("2", "play", "unauthorized")
}

// TestSignalMistakes: what is no message is told, ten times.
func TestSignalMistakes(t *testing.T) {
	s := startServer(t, nil)
	c := s.dial(t)
	session := s.play(c, "v", "s")
	for _, m := range []struct{ frame, id, about string }{
		{"hello", "", ""},
		{"[]", "", ""},
		{"null", "", ""},
		{`{"type":"play"}`, "", "play"},
		{`{"type":"play","id":"` + strings.Repeat("x", 65) + `"}`, "", "play"},
		{`{"type":"publish","id":"a"}`, "a", "publish"},
		{`{"type":"dance","id":"a"}`, "a", "dance"},
		{`{"type":"candidate","id":"v","candidate":"candidate:1\r\na=ice-ufrag:x"}`, "v", "candidate"},
		{`{"type":"hello","resume":7}`, "", "hello"},
	} {
		c.raw(m.frame)
		c.refused(m.id, m.about, "bad-message")
	}
	if err := c.conn.WriteMessage(websocket.BinaryMessage, []byte{0}); err != nil { // is nothing
		t.Fatal(err)
	}
	c.raw("\xff")
	c.refused("", "", "bad-message")
	c.ends(websocket.ClosePolicyViolation)
	<-session.Done()
}

// TestSignalOrder: a session that takes its time to open keeps no other waiting, what is said of it waits, and bye does not.
func TestSignalOrder(t *testing.T) {
	s := startServer(t, nil)
	c := s.dial(t)
	slow := []any{"type", "play", "id", "slow", "stream", "slow", "sdp", offerText(t, "whep-firefox")}
	c.say(slow...)
	for range 3 {
		c.say("type", "candidate", "id", "slow", "candidate", "candidate:1 1 udp 1 192.0.2.9 5000 typ host")
	}
	s.play(c, "quick", "s")
	s.hold <- struct{}{}
	c.hear("answer", "slow")
	session := <-s.opened
	c.say("type", "restart", "id", "slow", "fragment", "a=ice-ufrag:next\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n")
	c.hear("restart", "slow")
	if got := session.seen(); len(got) != 1 {
		t.Errorf("candidates %q", got)
	}
	c.say("type", "bye", "id", "slow")
	c.hear("bye", "slow")

	c.say(slow...)
	for range maxWork + 1 {
		c.raw(`{"type":"restart","id":"slow","fragment":"x"}`)
	}
	c.refused("slow", "restart", "too-fast") // one is in work
	c.say("type", "bye", "id", "slow")
	if m := c.hear("bye", "slow"); m.Code != "hung-up" {
		t.Errorf("%+v", m)
	}
	for i := range maxSessions - 1 {
		s.play(c, strings.Repeat("x", i+1), "s")
	}
	c.say(slow...)
	c.refused("slow", "play", "too-many-sessions")
}

// TestSignalRefusesSockets: who does not get a socket is told why by HTTP.
func TestSignalRefusesSockets(t *testing.T) {
	s := startServer(t, func(s *Server) {
		s.gate = newGate(3, 2)
		s.allow = AllowOrigins(nil, false)
	})
	proxied := http.Header{"X-Forwarded-For": {"192.0.2.1"}}
	try := func(want int, header http.Header, protocols ...string) *websocket.Conn {
		t.Helper()
		dialer := websocket.Dialer{Subprotocols: protocols}
		conn, response, err := dialer.DialContext(t.Context(), s.url, header)
		if response == nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		var p Problem
		if response.StatusCode != want || want != 101 && (json.Unmarshal(body, &p) != nil || p.Status != want) {
			t.Errorf("%d %s, want %d", response.StatusCode, body, want)
		}
		if busy := want == 429 || want == 503; busy != (response.Header.Get("Retry-After") != "") {
			t.Errorf("%d with %v", want, response.Header)
		}
		if conn != nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
		return conn
	}
	try(403, http.Header{"Origin": {"https://elsewhere.example"}})
	try(400, nil, "chat")
	try(400, nil, protocol, keyPrefix+"=")
	try(101, proxied)
	one := try(101, proxied)
	try(429, proxied)
	try(101, nil, protocol)
	try(503, nil)
	_ = one.Close()
	response, err := http.Get("http" + strings.TrimPrefix(s.url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("GET: %d", response.StatusCode)
	}
}

func TestSignalClose(t *testing.T) {
	s := startServer(t, nil)
	c := s.dial(t)
	session := s.play(c, "v", "s")
	gone := s.dial(t)
	left := s.play(gone, "v", "s")
	_ = gone.conn.NetConn().Close() // its session waits
	c.say("type", "play", "id", "slow", "stream", "slow", "sdp", offerText(t, "whep-firefox"))
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	c.ends(websocket.CloseGoingAway)
	if err := errors.Join(<-closed, s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, one := range []*testSession{session, left} {
		select {
		case <-one.Done():
		default:
			t.Error("a session outlived the server")
		}
	}
	_, response, err := websocket.DefaultDialer.DialContext(t.Context(), s.url, nil)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("after the end: %v", err)
	}
	_ = response.Body.Close()
}
