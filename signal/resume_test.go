package signal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"bongsu/broadcast"
	"bongsu/lite"
	"bongsu/rtc"
	"bongsu/wish"
)

// drop breaks the connection without a word.
func (c *caller) drop() { _ = c.conn.NetConn().Close() }

// resume comes back on another socket.
func (c *caller) resume(s *testServer, pairs ...any) *caller {
	c.t.Helper()
	next := s.dial(c.t)
	next.say(append(pairs, "type", "hello", "resume", c.word)...)
	return next
}

// back hears that these sessions are still there.
func (c *caller) back(sessions ...string) {
	c.t.Helper()
	m := c.hear("hello", "")
	if m.Resume == "" || m.Resume == c.word || !slices.Equal(m.Sessions, sessions) {
		c.t.Fatalf("resumed with %+v, want %q", m, sessions)
	}
	c.word = m.Resume
}

// alone waits until the server knows that a line has no socket.
func (s *testServer) alone(t *testing.T, word string) {
	t.Helper()
	s.mu.Lock()
	l := s.lines[word]
	s.mu.Unlock()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10_000 {
		<-tick.C
		l.mu.Lock()
		gone := l.socket == nil
		l.mu.Unlock()
		if gone {
			return
		}
	}
	t.Fatal("the socket is still there")
}

// TestSignalResume: sessions outlive their socket, and what they had to say waits.
func TestSignalResume(t *testing.T) {
	s := startServer(t, nil)
	c := s.dial(t)
	s.play(c, "a", "s")
	b := s.play(c, "b", "s")
	c.drop()
	s.alone(t, c.word)
	b.end(broadcast.ErrReplaced)
	<-b.Done()
	next := c.resume(s)
	first := next.word
	next.back("a")
	if m := next.hear("bye", "b"); m.Code != "replaced" {
		t.Errorf("%+v", m)
	}
	next.say("type", "restart", "id", "a", "fragment", "a=ice-ufrag:next\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n")
	next.hear("restart", "a")

	late := c.resume(s) // by a word that has been used
	late.refused("", "hello", "not-resumable")
	late.say("type", "hello", "resume", first) // of the socket's first moments
	late.refused("", "hello", "bad-message")
	s.play(late, "a", "s") // it is as good as new
	own := s.dial(t)
	own.say("type", "hello", "resume", own.word)
	own.refused("", "hello", "bad-message")
	other := s.dial(t)
	other.say("type", "hello", "resume", own.word)
	other.back()
	own.ends(closeMoved)

	again := next.resume(s) // in place of one that seems to live
	again.back("a")
	next.ends(closeMoved)
	again.say("type", "bye", "id", "a")
	again.hear("bye", "a")
}

// TestSignalReceived: who says what has come gets all that has not, also what was lost on its way.
func TestSignalReceived(t *testing.T) {
	s := startServer(t, nil)
	c := s.dial(t)
	s.play(c, "a", "s")
	s.play(c, "b", "s")
	c.say("type", "bye", "id", "nobody")
	c.refused("nobody", "bye", "no-session")
	c = c.resume(s, "received", 1)
	c.back("a", "b")
	c.hear("answer", "b")
	c.refused("nobody", "bye", "no-session")
	c = c.resume(s, "received", 3)
	c.back("a", "b")
	session := s.play(c, "c", "s")
	gone := c.resume(s, "received", 5)
	gone.refused("", "hello", "not-resumable")
	c.ends(closeMoved)
	<-session.Done()
}

// TestSignalTooLate: sessions end when nobody comes.
func TestSignalTooLate(t *testing.T) {
	s := startServer(t, func(s *Server) { s.within = 50 * time.Millisecond })
	c := s.dial(t)
	session := s.play(c, "a", "s")
	c.drop()
	<-session.Done()
	c.resume(s).refused("", "hello", "not-resumable")
}

// TestSignalGoodbye: sessions end at once when their client has closed the socket itself.
func TestSignalGoodbye(t *testing.T) {
	s := startServer(t, func(s *Server) { s.within = time.Hour })
	for _, code := range []int{websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived} {
		c := s.dial(t)
		session := s.play(c, "a", "s")
		if err := c.conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, "")); err != nil {
			t.Fatal(err)
		}
		<-session.Done()
	}
}

// TestSignalMissedTooMuch: what waits for a client is bounded, and who has lost some of it begins anew.
func TestSignalMissedTooMuch(t *testing.T) {
	s := startServer(t, func(s *Server) { s.within = time.Hour })
	c := s.dial(t)
	session := s.play(c, "a", "s")
	c.drop()
	s.alone(t, c.word)
	s.mu.Lock()
	l := s.lines[c.word]
	s.mu.Unlock()
	for range maxKept / 1000 {
		l.tell(message{Type: "error", Problem: &Problem{Type: "about:blank", Detail: strings.Repeat("x", 1000)}})
	}
	c.resume(s).refused("", "hello", "not-resumable")
	<-session.Done()
}

// TestWhy: programs are told why a session has ended.
func TestWhy(t *testing.T) {
	for _, c := range []struct {
		err  error
		late bool // the server's offer was not answered
		want string
	}{
		{rtc.ErrHungUp, false, "hung-up"},
		{lite.ErrHungUp, false, "hung-up"},
		{fmt.Errorf("%w: no packets", lite.ErrLost), false, "lost"},
		{rtc.ErrNeverConnected, false, "unreached"},
		{rtc.ErrNeverConnected, true, "expired"},
		{rtc.ErrClosed, true, "expired"},
		{rtc.ErrClosed, false, "closed"},
		{broadcast.ErrReplaced, false, "replaced"},
		{errors.New("a secret"), false, "closed"},
	} {
		one := newTestSession()
		one.end(c.err)
		s := &session{life: t.Context(), started: &wish.Started{Session: one, Counter: c.late}}
		if code, reason := s.why(); code != c.want || reason == "" || strings.Contains(reason, "secret") {
			t.Errorf("%v: %q, %q", c.err, code, reason)
		}
	}
}

// TestSignalChat: the chat goes by the socket, and begins anew with the next.
func TestSignalChat(t *testing.T) {
	begun := make(chan *ChatConn, 10)
	s := startServer(t, func(s *Server) {
		s.Chat = func(ctx context.Context, c *ChatConn) {
			begun <- c
			defer func() { _ = c.Close() }()
			for {
				f, err := c.ReadFrame()
				if err != nil || c.WriteFrame(fmt.Appendf(nil, "[%s]", f)) != nil || ctx.Err() != nil {
					return
				}
			}
		}
	})
	c := s.dial(t)
	view := s.play(c, "v\"", "s")
	chat := func(text string) {
		t.Helper()
		c.say("type", "chat", "id", "v\"", "frame", map[string]string{"text": text})
		var f []struct{ Text string }
		if m := c.hear("chat", "v\""); json.Unmarshal(m.Frame, &f) != nil || f[0].Text != text {
			t.Fatalf("%s", m.Frame)
		}
	}
	chat("안녕")
	chat("2")
	first := <-begun
	if first.Request.Stream != "s" || first.Publishes {
		t.Errorf("%+v", first)
	}
	c.drop()
	<-first.life.Done()
	c = c.resume(s)
	c.back("v\"")
	chat("3")
	second := <-begun
	_ = second.Close() // the chat ends it
	chat("4")
	third := <-begun
	c.say("type", "chat", "id", "talk", "stream", "로비", "frame", map[string]string{})
	c.hear("chat", "talk")
	if alone := <-begun; alone.Request.Stream != "로비" {
		t.Errorf("%+v", alone)
	}
	c.say("type", "restart", "id", "talk", "fragment", "x")
	c.refused("talk", "restart", "no-session")
	c.say("type", "bye", "id", "talk")
	c.hear("bye", "talk")
	c.say("type", "chat", "id", "talk", "frame", map[string]string{})
	c.refused("talk", "chat", "no-session")
	c.say("type", "chat", "id", "talk", "stream", "a b", "frame", map[string]string{})
	c.refused("talk", "chat", "bad-name")
	c.say("type", "chat", "id", "talk", "stream", "s", "frame", map[string]string{})
	c.hear("chat", "talk")
	_ = (<-begun).Close()
	c.hear("bye", "talk")
	view.end(rtc.ErrHungUp)
	c.hear("bye", "v\"")
	<-third.life.Done()
	if _, err := third.ReadFrame(); !errors.Is(err, io.EOF) || !errors.Is(third.WriteFrame([]byte("[]")), io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// TestSignalSlow: who does not read loses the socket and the sessions, and holds up nobody.
func TestSignalSlow(t *testing.T) {
	flood := []byte("[\"" + strings.Repeat("x", 60<<10) + "\"]")
	s := startServer(t, func(s *Server) {
		s.Chat = func(_ context.Context, c *ChatConn) {
			for c.WriteFrame(flood) == nil {
			}
		}
	})
	c := s.dial(t)
	_ = c.conn.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	slow := s.play(c, "v", "s")
	c.say("type", "chat", "id", "v", "frame", map[string]string{})
	<-slow.Done()
	s.play(s.dial(t), "v", "s")
}
