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
	at        *frame // the newest of the room's that Next has given
	own       []byte // what Next has given last, if it was for this member alone
	requests  *rate.Limiter
	wake      chan struct{} // holds one when there is something to be read before the room's frames, or the membership has ended

	mu       sync.Mutex
	welcome  []byte            // comes before all else; nil: has been given
	history  []json.RawMessage // comes after the welcome; shared with the log, so that who joins and does not read costs little
	notes    [][]byte          // frames for this member alone
	err      error             // why the membership has ended
	refused  int               // for speed, in a row
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
	m.own = nil
	for {
		if note, err := m.takeNote(); note != nil || err != nil {
			m.own = note
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

// LastID is the id of the last event of the room's history up to what Next has given: the since of a later join. It is "" where
// that has none. It is for the goroutine that calls Next.
func (m *Member) LastID() string {
	if m.own != nil {
		return lastID(m.own)
	}
	return m.at.last
}

func (m *Member) takeNote() (note []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.welcome != nil:
		note, m.welcome = m.welcome, nil
	case len(m.history) > 0:
		n := fitting(m.history)
		note, m.history = frameOf(m.history[:n]...), m.history[n:]
	case len(m.notes) > 0:
		note = m.notes[0]
		m.notes[0] = nil
		m.notes = m.notes[1:]
	default:
		err, m.history = m.err, nil
	}
	return note, err
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
	q, err := parseRequest(data)
	if wait, _ := take(time.Now(), m.requests); wait > 0 {
		err = refuseFor(ErrTooFast, wait, "%d requests a second are the most", requestRate)
	}
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
