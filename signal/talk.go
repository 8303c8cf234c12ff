package signal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/time/rate"

	"bongsu/broadcast"
	"bongsu/wish"
)

// closeMoved is how a socket ends whose line was resumed by another (RFC 6455 section 7.4.2).
const closeMoved = 4000

// talk is one socket, and the line that it speaks for.
type talk struct {
	*socket
	server   *Server
	base     *wish.Request // what all requests of this socket begin with
	line     *line
	word     string          // that line is registered by, as long as it is this socket's
	moved    <-chan struct{} // closes when another socket has resumed it
	begun    bool            // something else than hello has come
	mistakes int
}

// talk serves a socket to its end, and then waits for the next one of its line. It calls leave in between.
func (s *Server) talk(conn *websocket.Conn, base *wish.Request, leave func()) {
	t := &talk{server: s, base: base, line: newLine(s),
		socket: newSocket(s.life, conn, maxFrame, rate.NewLimiter(frameRate, frameRate))}
	defer func() {
		if l := s.claim(t.word); l != nil {
			l.close()
		}
	}()
	t.word = s.register(t.line)
	t.moved, _ = t.line.attach(t.socket, t.word, nil)
	t.run(t.take)
	leave()
	if !t.line.detach(t.socket) || t.final() {
		return
	}
	patience := time.NewTimer(s.within)
	defer patience.Stop()
	select {
	case <-patience.C:
	case <-t.moved:
	case <-s.life.Done():
	}
}

// final reports whether nobody will come back for the sessions: the client has said goodbye, or was sent away.
func (t *talk) final() bool {
	cause := context.Cause(t.life)
	if sent := (*closing)(nil); errors.As(cause, &sent) {
		return true
	}
	said := (*websocket.CloseError)(nil)
	return errors.As(cause, &said) && slices.Contains(
		[]int{websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived}, said.Code)
}

// take does what a frame says, or starts what does it: a session's work never keeps other sessions waiting.
func (t *talk) take(frame []byte) {
	m, err := parseRequest(frame)
	if err != nil {
		id := m.ID
		if !validID(id) {
			id = ""
		}
		t.line.tell(refusal(m.about(), id, err, nil))
		if t.mistakes++; t.mistakes >= maxMistakes {
			t.close(websocket.ClosePolicyViolation, "too much of what you send is no message")
		}
		return
	}
	if err := t.do(m); err != nil {
		t.line.tell(refusal(m.Type, m.ID, err, nil))
	}
	t.begun = true
}

func (t *talk) do(m *request) error {
	switch m.Type {
	case "hello":
		return t.resume(m)
	case "publish", "play":
		return t.open(m)
	case "chat":
		if err := t.enter(m); err != nil {
			return err
		}
		return t.line.work(m, func(s *session) { s.chat(t, m) })
	}
	return t.line.work(m, func(s *session) { s.take(m) })
}

// resume gives this socket the line of an earlier one, in place of its own.
func (t *talk) resume(m *request) error {
	switch {
	case m.Resume == "":
		return nil
	case t.begun:
		return fmt.Errorf("%w: a hello that resumes is the first message of its socket", ErrMessage)
	case m.Resume == t.word:
		return fmt.Errorf("%w: this is the word of this very socket; resume by that of the one before", ErrMessage)
	}
	l := t.server.claim(m.Resume)
	if l == nil {
		return fmt.Errorf("%w: that socket ended too long ago, or was resumed already; begin anew", ErrGone)
	}
	word := t.server.register(l)
	moved, err := l.attach(t.socket, word, m.Received)
	if err != nil {
		t.server.claim(word)
		l.close()
		return err
	}
	t.line.detach(t.socket)
	if fresh := t.server.claim(t.word); fresh != nil {
		fresh.close() // nothing has happened on it
	}
	t.line, t.word, t.moved = l, word, moved
	return nil
}

// open begins a session.
func (t *talk) open(m *request) error {
	stream := norm.NFC.String(m.Stream)
	if m.Type != "publish" || stream != "" {
		if err := broadcast.ValidName(stream); err != nil {
			return err
		}
	}
	r := *t.base
	r.Reply, r.Stream = make(http.Header), stream
	if m.Token != "" {
		r.Token = m.Token
	}
	var start Starter
	switch m.Type {
	case "publish":
		start = t.server.Publish
	case "play":
		start, r.Counter = t.server.Play, m.SDP == ""
	}
	return t.line.open(m, &r, start)
}

// enter opens a session that has nothing but the chat, for a first message with a stream.
func (t *talk) enter(m *request) error {
	switch {
	case t.server.Chat == nil:
		return fmt.Errorf("%w: there is no chat here", wish.ErrUnprocessable)
	case m.Stream == "" || t.line.has(m.ID):
		return nil
	}
	return t.open(m)
}
