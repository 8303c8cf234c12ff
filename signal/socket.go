package signal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"
)

const (
	pingEvery    = 20 * time.Second // RFC 6455 section 5.5.2
	silence      = 50 * time.Second // without any frame, a pong included, the remote is gone
	writeTimeout = 10 * time.Second // for one frame
	closeTimeout = 2 * time.Second  // for what is queued, and the closing handshake (RFC 6455 section 7.1.1)
	maxQueue     = 4 << 20          // bytes that wait for a slow remote
)

// errRemote is the end that the remote brought about.
var errRemote = errors.New("the remote closed the WebSocket")

// socket is a WebSocket (RFC 6455) whose frames go out by a goroutine of its own: who sends never waits for a slow remote.
type socket struct {
	conn *websocket.Conn
	pace *rate.Limiter // of the frames that come in; a remote that is faster is read more slowly
	life context.Context
	end  context.CancelCauseFunc

	mu    sync.Mutex
	queue [][]byte
	size  int           // bytes in queue
	ready chan struct{} // holds one when queue is not empty
}

// closing is an end that is told to the remote, with a close code (RFC 6455 section 7.4).
type closing struct {
	code   int
	reason string // at most 123 bytes
}

func (c *closing) Error() string { return c.reason }

// newSocket takes over a connection that has been upgraded; run has to follow. It ends with ctx.
func newSocket(ctx context.Context, conn *websocket.Conn, maxFrame int, pace *rate.Limiter) *socket {
	s := &socket{conn: conn, pace: pace, ready: make(chan struct{}, 1)}
	s.life, s.end = context.WithCancelCause(ctx)
	context.AfterFunc(s.life, func() { // one that is slow, or does not close too, is not waited for any longer
		time.AfterFunc(closeTimeout, func() { _ = conn.Close() })
	})
	conn.SetReadLimit(int64(maxFrame))
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(silence)) }
	_ = alive("")
	conn.SetPongHandler(alive)
	return s
}

// run hands each text frame to handle until the socket ends, and returns when nothing of it is left.
func (s *socket) run(handle func(frame []byte)) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write()
	}()
	s.read(handle)
	<-written
	_ = s.conn.Close()
}

func (s *socket) read(handle func(frame []byte)) {
	for {
		kind, frame, err := s.conn.ReadMessage()
		if err != nil {
			s.end(fmt.Errorf("%w: %w", errRemote, err))
			return
		}
		_ = s.conn.SetReadDeadline(time.Now().Add(silence))
		if s.pace.Wait(s.life) != nil || kind != websocket.TextMessage {
			continue // after the end, what still comes is read and forgotten, until the remote has closed too
		}
		handle(frame)
	}
}

// write sends what is queued, and pings, until the end; then it says goodbye.
func (s *socket) write() {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-s.ready:
			if !s.flush() {
				return
			}
		case <-ping.C:
			_ = s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout))
		case <-s.life.Done():
			if s.flush() {
				code, reason := s.goodbye()
				_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(closeTimeout))
			}
			return
		}
	}
}

// flush reports whether all went out, each frame in its time.
func (s *socket) flush() bool {
	s.mu.Lock()
	frames := s.queue
	s.queue, s.size = nil, 0
	s.mu.Unlock()
	for _, f := range frames {
		_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err := s.conn.WriteMessage(websocket.TextMessage, f); err != nil {
			s.end(err)
			return false
		}
	}
	return true
}

func (s *socket) goodbye() (code int, reason string) {
	if c := (*closing)(nil); errors.As(context.Cause(s.life), &c) {
		return c.code, c.reason
	}
	return websocket.CloseGoingAway, "the server is shutting down"
}

// send queues a text frame, which must not be changed afterwards. A remote for whom too much waits is closed. After the end
// it reports false.
func (s *socket) send(frame []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return false
	}
	if s.size += len(frame); s.size > maxQueue {
		s.queue = nil
		s.close(websocket.ClosePolicyViolation, "you read more slowly than others send")
		return false
	}
	s.queue = append(s.queue, frame)
	select {
	case s.ready <- struct{}{}:
	default:
	}
	return true
}

// close ends the socket, after what is queued has gone out.
func (s *socket) close(code int, reason string) { s.end(&closing{code, reason}) }
