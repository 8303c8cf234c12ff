package chat

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// errorsEvery is the shortest time between two equal errors to one member; those between are counted.
const errorsEvery = time.Second

// Member is one window of one person on a room. Next is for one goroutine; Receive and Close for any.
type Member struct {
	rooms     *Rooms
	room      *room
	speaker   *speaker
	identity  string
	token     string // empty: the identity is the caller's
	address   string
	entryRole Role
	invited   int    // epoch of the invitation; -1: none
	at        *frame // the newest that Next has given
	requests  *rate.Limiter
	wake      chan struct{} // holds one when there is something in greeting or notes, or the membership has ended

	mu       sync.Mutex
	greeting [][]byte // a welcome and the history; before all else
	notes    [][]byte // frames for this member alone
	err      error    // why the membership has ended
	refused  int      // for speed, in a row
	lastCode string
	lastTold time.Time
	merged   int
	close    sync.Once
}

// ID is the identity, as others see it.
func (m *Member) ID() string { return m.identity }

// Next gives the next frame to the member: a JSON array of events, at most 64 KiB, shared with others and not to be changed.
// It waits for one until ctx ends. Who asks too seldom is set forward, to a new welcome and the history that was missed. The
// error is the context's, or says why the membership has ended: ErrClosed, ErrBanned, ErrFull, ErrSlow or ErrFlood.
func (m *Member) Next(ctx context.Context) ([]byte, error) {
	for {
		if note, err := m.takeNote(); note != nil || err != nil {
			return note, err
		}
		next, lost := m.at.after()
		switch {
		case next != nil:
			m.at = next
			return next.data, nil
		case lost:
			m.room.resume(m)
			continue
		}
		select {
		case <-m.at.ready:
		case <-m.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (m *Member) takeNote() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, queue := range []*[][]byte{&m.greeting, &m.notes} {
		if len(*queue) > 0 {
			note := (*queue)[0]
			(*queue)[0] = nil
			*queue = (*queue)[1:]
			return note, nil
		}
	}
	return nil, m.err
}

// send puts an event for this member alone into a frame.
func (m *Member) send(raw json.RawMessage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.notes) >= maxNotes {
		m.endLocked(refuse(ErrSlow, "%d answers are unread", len(m.notes)))
		return
	}
	m.notes = append(m.notes, frameOf(raw))
	m.signal()
}

func (m *Member) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// end ends the membership: what is in notes can still be read.
func (m *Member) end(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endLocked(err)
}

func (m *Member) endLocked(err error) {
	if m.err == nil {
		m.err = err
		m.signal()
	}
}

// Close takes the member out of the room. It has to be called however the membership ends; a second call does no harm.
func (m *Member) Close() error {
	m.close.Do(func() {
		m.end(ErrClosed)
		m.room.part(m)
		m.rooms.leave(m.room)
	})
	return nil
}

// Receive takes a frame from the member: one request. What was wrong with it is told to the member by Next. The error says
// that the membership has ended.
func (m *Member) Receive(data []byte) error {
	if err := m.ended(); err != nil {
		return err
	}
	if wait, _ := take(time.Now(), m.requests); wait > 0 {
		return m.tell("", refuseFor(ErrTooFast, wait, "%d requests a second are the most", requestRate))
	}
	q, err := parseRequest(data)
	if err == nil {
		err = m.handle(q)
	}
	return m.tell(q.Ref, err)
}

func (m *Member) ended() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// tell tells the member of a refusal. Equal ones in quick succession are merged, and endless ones end the membership.
func (m *Member) tell(ref string, err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.refused = 0
		return m.err
	}
	if errors.Is(err, ErrTooFast) {
		if m.refused++; m.refused >= floodLimit {
			m.endLocked(refuseFor(ErrFlood, time.Minute, "%d requests in a row were too fast", m.refused))
			return m.err
		}
	}
	code, now := Code(err), time.Now()
	if code == m.lastCode && now.Sub(m.lastTold) < errorsEvery && ref == "" {
		m.merged++
		return m.err
	}
	merged := 0
	if code == m.lastCode {
		merged = m.merged
	}
	m.lastCode, m.lastTold, m.merged = code, now, 0
	if len(m.notes) >= maxNotes {
		m.endLocked(refuse(ErrSlow, "%d answers are unread", len(m.notes)))
		return m.err
	}
	m.notes = append(m.notes, frameOf(encode(newErrorEvent(err, ref, merged))))
	m.signal()
	return m.err
}

// done answers a request that has a ref.
func (m *Member) done(ref string) {
	if ref != "" {
		m.send(encode(doneEvent{Type: "done", Ref: ref}))
	}
}

type doneEvent struct {
	Type   string `json:"type"`
	Ref    string `json:"ref"`
	ID     string `json:"id,omitempty"`
	Stored *bool  `json:"stored,omitempty"`
}
