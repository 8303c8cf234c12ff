package lite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"

	"bongsu/broadcast"
)

// Errors of a session's end.
var (
	ErrNeverConnected = errors.New("no connection came about: the client did not reach the media port")
	ErrLost           = errors.New("the connection was lost")
	ErrHungUp         = errors.New("the client hung up")
	ErrClosed         = errors.New("the session was closed")
)

// Session is one viewer: the broadcast.Sink of its subscription. Its end, whoever brings it about, closes Done.
type Session struct {
	server      *Server
	tracks      [2]*track // by kind; nil: not asked for
	fingerprint fingerprint
	born        time.Time

	heard    atomic.Int64           // when the last authentic packet came, Unix nanoseconds
	alive    atomic.Int64           // the same of the path's place
	path     atomic.Pointer[path]   // nil before the first check and after the end
	sender   atomic.Pointer[sender] // nil before the handshake
	feedback feedback
	data     *data // nil: no data channels were agreed on

	up      context.Context // is over when media can flow
	life    context.Context // is over with the session; its cause says why
	connect context.CancelFunc
	cancel  context.CancelCauseFunc
	closed  chan struct{}
	running sync.WaitGroup

	mu            sync.Mutex
	current, next *generation // next: during an ICE restart
	places        []place     // that the client has checked
	probes        []probe
	inbox         *inbox
	conn          *dtls.Conn
	ended         bool
}

func newSession(v *Server, o *offer) *Session {
	s := &Session{
		server: v, tracks: o.tracks, fingerprint: o.fingerprint, born: time.Now(),
		closed:  make(chan struct{}),
		current: &generation{own: newCredentials(), peer: o.credentials},
	}
	s.up, s.connect = context.WithCancel(context.Background())
	s.life, s.cancel = context.WithCancelCause(context.Background())
	if o.data {
		s.data = newData(o.maxMessage)
	}
	return s
}

// Output is how the viewer gets one kind; nil if it did not ask for it.
func (s *Session) Output(kind broadcast.Kind) *broadcast.Output {
	t := s.tracks[kind]
	if t == nil {
		return nil
	}
	return &broadcast.Output{SSRC: t.ssrc, PayloadType: t.payloadType}
}

// Connected closes when media can flow.
func (s *Session) Connected() <-chan struct{} { return s.up.Done() }

// AfterConnected has f run, on a goroutine of its own, when media can flow.
func (s *Session) AfterConnected(f func()) { context.AfterFunc(s.up, f) }

func (s *Session) isConnected() bool { return s.up.Err() != nil }

// Done closes when the session has come to its end; Err then says why.
func (s *Session) Done() <-chan struct{} { return s.life.Done() }

// AfterDone has f run, on a goroutine of its own, when Done has closed.
func (s *Session) AfterDone(f func()) { context.AfterFunc(s.life, f) }

// Err is nil until Done closes.
func (s *Session) Err() error { return context.Cause(s.life) }

// Close hangs up and waits until nothing of the session is left. It may be called twice.
func (s *Session) Close() error {
	s.end(ErrClosed)
	<-s.closed
	return nil
}

// hungUp is for a connection that ended on the client's side, or on ours. A failed handshake tells its own reason.
func (s *Session) hungUp() {
	if s.isConnected() {
		s.end(ErrHungUp)
	}
}

// expire ends the session if it is overdue.
func (s *Session) expire(now time.Time) {
	switch t := s.server.timeouts; {
	case !s.isConnected():
		if now.Sub(s.born) > t.setup {
			s.end(ErrNeverConnected)
		}
	case now.Sub(time.Unix(0, s.heard.Load())) > t.silence:
		s.end(ErrLost)
	}
}

// end brings the session to its end; the first reason counts. It does not wait, so that pion may call it.
func (s *Session) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	s.cancel(reason)
	go s.clear()
}

// clear says goodbye by close_notify and gives everything back.
func (s *Session) clear() {
	defer close(s.closed)
	if s.conn != nil {
		_ = s.conn.Close()
	}
	s.running.Wait()
	s.path.Store(nil)
	ufrags := []string{s.current.own.ufrag}
	if s.next != nil {
		ufrags = append(ufrags, s.next.own.ufrag)
	}
	s.server.forget(s, ufrags, s.places, s.probes)
}
