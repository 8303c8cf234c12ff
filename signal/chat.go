package signal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"bongsu/wish"
)

// maxChat are the frames of a client that may wait for the chat.
const maxChat = 32

// ChatConn carries the chat of a session's stream over a socket, with which it ends: a client that comes back joins again, and
// says what it had last.
type ChatConn struct {
	Request   *wish.Request // that began the session: the stream, the token, the client's address
	Publishes bool          // the client is the stream's publisher

	socket *socket
	head   []byte // of a frame that goes out
	in     chan []byte
	life   context.Context
	cancel context.CancelFunc
}

// ReadFrame waits for the next message of the client. The error is io.EOF.
func (c *ChatConn) ReadFrame() ([]byte, error) {
	select {
	case f := <-c.in:
		return f, nil
	case <-c.life.Done():
		return nil, io.EOF
	}
}

// WriteFrame queues a message for the client, which is JSON. A client that reads too slowly loses its socket. After the end the
// error is io.EOF.
func (c *ChatConn) WriteFrame(frame []byte) error {
	out := make([]byte, 0, len(c.head)+len(frame)+1)
	if out = append(append(append(out, c.head...), frame...), '}'); c.life.Err() != nil || !c.socket.send(out) {
		return io.EOF
	}
	return nil
}

// Close has both fail. It may be called twice.
func (c *ChatConn) Close() error {
	c.cancel()
	return nil
}

// chat takes a message of the client to the chat, which begins with the first.
func (s *session) chat(t *talk, m *request) {
	switch {
	case s.request == nil:
		return
	case s.chats == nil || s.chats.socket != t.socket || s.chats.life.Err() != nil:
		s.chats = s.beginChat(t)
	}
	select {
	case s.chats.in <- m.Frame:
	default:
		s.tell(refusal(m.Type, "", fmt.Errorf("%w: %d messages wait for the chat already", wish.ErrTooFast, maxChat), nil))
	}
}

// beginChat starts a conversation that ends with the session or with the socket, whichever ends first.
func (s *session) beginChat(t *talk) *ChatConn {
	id, _ := json.Marshal(s.id)
	c := &ChatConn{Request: s.request, Publishes: s.publishes, socket: t.socket, in: make(chan []byte, maxChat),
		head: fmt.Appendf(nil, `{"type":"chat","id":%s,"frame":`, id)}
	c.life, c.cancel = context.WithCancel(s.life)
	stop := context.AfterFunc(t.life, c.cancel)
	s.line.working.Go(func() {
		defer c.cancel()
		defer stop()
		t.server.Chat(c.life, c)
		s.line.mu.Lock()
		defer s.line.mu.Unlock()
		if !s.line.closed {
			s.queue(func() { s.chatEnded(c) })
		}
	})
	return c
}

// chatEnded ends a session that had nothing else, unless another chat has begun.
func (s *session) chatEnded(c *ChatConn) {
	if s.started == nil && s.chats == c {
		s.line.remove(s, message{Type: "bye", ID: s.id, Code: "closed", Reason: "the chat has ended"})
		s.cancel()
	}
}
