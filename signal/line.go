package signal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"bongsu/wish"
)

const (
	maxSessions = 16 // of one line
	maxWork     = 100
	maxKept     = 256 << 10
	// keepTime is longer than a socket may have been dead before its line can't be resumed any more.
	keepTime = silence + resumeTime + 5*time.Second
)

// line is what outlives a socket: its sessions, and what they had to say lately. It has a socket, or waits for one.
type line struct {
	server *Server
	life   context.Context // ends with the line
	cancel context.CancelFunc

	working sync.WaitGroup // added to with mu held while not closed, or by who is counted already

	mu       sync.Mutex
	closed   bool
	socket   *socket       // nil: it waits
	moved    chan struct{} // closes when another socket takes over
	sessions map[string]*session
	kept     []keptFrame // the last of the frames told
	size     int         // bytes in kept
	told     int         // frames, hello and chat not counted
	handed   int         // of these, to a socket
}

type keptFrame struct {
	data []byte
	at   time.Time
}

func newLine(s *Server) *line {
	l := &line{server: s, sessions: map[string]*session{}}
	l.life, l.cancel = context.WithCancel(s.life)
	return l
}

func newWord() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails; it would end the program
	return hex.EncodeToString(b)
}

// attach gives the line a socket, in place of the one that it may have. The client learns of the word that resumes it the
// next time, and of all that it has missed since it had received so many messages; without that number, of what no socket was
// there for. The error, which wraps ErrGone, is for who has missed too much.
func (l *line) attach(s *socket, word string, received *int) (moved <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, first := l.handed, l.told-len(l.kept)
	if received != nil {
		next = *received
	}
	if l.closed || next < first || next > l.told {
		return nil, fmt.Errorf("%w: not all that you have missed is known any more; begin anew", ErrGone)
	}
	hello := message{Type: "hello", Resume: word, Within: max(1, int(l.server.within.Seconds()))}
	if l.moved != nil {
		close(l.moved)
		hello.Sessions = slices.AppendSeq([]string{}, maps.Keys(l.sessions))
		slices.Sort(hello.Sessions)
	}
	if l.socket != nil {
		l.socket.close(closeMoved, "another socket has resumed this one")
	}
	l.socket, l.moved = s, make(chan struct{})
	s.send(hello.encode())
	for _, f := range l.kept[next-first:] {
		s.send(f.data)
	}
	l.handed = l.told
	return l.moved, nil
}

// detach takes the socket away, unless it is not the line's any more. It reports whether anything is left to come back for.
func (l *line) detach(s *socket) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.socket != s {
		return false
	}
	l.socket = nil
	return len(l.sessions) > 0
}

// tell sends a message to the client, now or when it is back.
func (l *line) tell(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tellLocked(m)
}

func (l *line) tellLocked(m message) {
	f := keptFrame{m.encode(), time.Now()}
	l.told++
	l.kept = append(l.kept, f)
	l.size += len(f.data)
	for l.size > maxKept || f.at.Sub(l.kept[0].at) > keepTime {
		l.size -= len(l.kept[0].data)
		l.kept[0] = keptFrame{}
		l.kept = l.kept[1:]
	}
	if l.socket != nil && l.socket.send(f.data) {
		l.handed = l.told
	}
}

func (l *line) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sessions[id] != nil
}

// open makes a session and has it start. One without a start has only a chat.
func (l *line) open(m *request, r *wish.Request, start Starter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil
	case l.sessions[m.ID] != nil:
		return fmt.Errorf("%w by another session of this socket; choose another, or end that one first", ErrTaken)
	case len(l.sessions) >= maxSessions:
		return fmt.Errorf("%w: this socket has %d, as many as one may have", wish.ErrTooManySessions, maxSessions)
	}
	s := &session{id: m.ID, line: l, publishes: m.Type == "publish"}
	s.life, s.cancel = context.WithCancel(l.life)
	r.Request = r.WithContext(s.life)
	l.sessions[m.ID] = s
	s.queue(func() { s.open(m, r, start) })
	return nil
}

// work has a session do something, after what it has to do already.
func (l *line) work(m *request, f func(*session)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sessions[m.ID]
	switch {
	case l.closed, s == nil && m.Type == "candidate": // many are still on their way when a session ends
		return nil
	case s == nil:
		return fmt.Errorf("%w: it has ended, or there never was one with this id", wish.ErrNoSession)
	case m.Type == "bye":
		s.cancel() // also what it is doing now
	case len(s.jobs) >= maxWork:
		return fmt.Errorf("%w: %d messages wait for this session already", wish.ErrTooFast, maxWork)
	}
	s.queue(func() { f(s) })
	return nil
}

// remove ends what the client knows of a session, with a last message.
func (l *line) remove(s *session, last message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sessions[s.id] == s {
		delete(l.sessions, s.id)
		l.tellLocked(last)
	}
}

// close ends every session, and waits. It may be called twice.
func (l *line) close() {
	l.mu.Lock()
	l.closed = true
	if l.socket != nil {
		l.socket.close(closeMoved, "the sessions of this socket have ended")
		l.socket = nil
	}
	l.cancel()
	for _, s := range l.sessions {
		s.queue(s.end)
	}
	l.mu.Unlock()
	l.working.Wait()
}
