package broadcast

import (
	"context"
	"errors"
	"sync"
)

// ErrBehind is the error of a reader who has missed messages.
var ErrBehind = errors.New("the reader is too slow for the stream's messages")

const (
	// dataBytes is how far a reader of messages may fall behind, in bytes.
	dataBytes = 4 << 20
	// noteBytes is what a message counts for besides its own bytes.
	noteBytes = 64
)

// Message is what goes beside sound and picture: a caption, a score, a cue point. Its data is stored once for all, and must not
// be changed.
type Message struct {
	Text bool
	Data []byte
}

// Messenger is one participant's place among the messages of a stream. It gets what comes after its making, but for its own.
type Messenger struct {
	board  *board
	from   any         // the source or the subscriber
	active func() bool // what it says counts
	next   uint64

	close sync.Once
}

// Messenger makes a place for the publisher. It is heard while the source is the one that viewers see.
func (s *Source) Messenger() *Messenger {
	return newMessenger(&s.stream.board, s, func() bool { return s.stream.active.Load() == s })
}

// Messenger makes a place for the viewer.
func (s *Subscriber) Messenger() *Messenger {
	return newMessenger(&s.stream.board, s, func() bool { return true })
}

func newMessenger(b *board, from any, active func() bool) *Messenger {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers++
	return &Messenger{board: b, from: from, active: active, next: b.end()}
}

// Send gives a message to all others. It is false for a source that viewers do not see now: nobody got the message.
func (m *Messenger) Send(message Message) bool {
	if !m.active() {
		return false
	}
	m.board.put(note{message, m.from})
	return true
}

// Next waits for the next message. A reader who has fallen behind gets ErrBehind, or, if it may skip, the newest message and the
// number of those that it has missed.
func (m *Messenger) Next(ctx context.Context, skip bool) (message Message, missed int, err error) {
	for {
		n, lost, news, err := m.board.get(&m.next, skip)
		missed += lost
		switch {
		case err != nil:
			return Message{}, missed, err
		case news == nil && n.from != m.from:
			return n.Message, missed, nil
		case news == nil:
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Message{}, missed, ctx.Err()
		}
	}
}

// Close gives up the place. It may be called twice.
func (m *Messenger) Close() {
	m.close.Do(func() {
		m.board.mu.Lock()
		defer m.board.mu.Unlock()
		if m.board.readers--; m.board.readers == 0 {
			m.board.trim(0)
		}
	})
}

// board has the latest messages of a stream. A reader has a cursor into it and no queue of its own.
type board struct {
	mu      sync.Mutex
	readers int
	first   uint64 // the number of notes[0]
	notes   []note
	bytes   int
	news    chan struct{} // closes with the next note; nil if nobody waits
}

type note struct {
	Message
	from any
}

func (b *board) end() uint64 { return b.first + uint64(len(b.notes)) }

func (b *board) put(n note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.readers < 2 {
		return // there is nobody but the sender
	}
	b.notes = append(b.notes, n)
	b.bytes += len(n.Data) + noteBytes
	b.trim(dataBytes)
	if b.news != nil {
		close(b.news)
		b.news = nil
	}
}

// trim forgets the oldest until no more than so many bytes are left.
func (b *board) trim(limit int) {
	for b.bytes > limit {
		b.bytes -= len(b.notes[0].Data) + noteBytes
		b.notes[0] = note{}
		b.notes = b.notes[1:]
		b.first++
	}
	if len(b.notes) == 0 {
		b.notes = nil
	}
}

// get gives the note at a cursor, which it sets forward, or else what closes with the next.
func (b *board) get(next *uint64, skip bool) (n note, missed int, news <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *next < b.first {
		if !skip {
			return note{}, 0, nil, ErrBehind
		}
		newest := max(b.first, b.end()-1)
		missed = int(newest - *next)
		*next = newest
	}
	if *next == b.end() {
		if b.news == nil {
			b.news = make(chan struct{})
		}
		return note{}, missed, b.news, nil
	}
	n = b.notes[*next-b.first]
	*next++
	return n, missed, nil, nil
}
