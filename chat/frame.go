package chat

import (
	"encoding/json"
	"slices"
	"sync/atomic"
)

// frame is one text frame, the same for all members of a room, and a link of the room's chain. Members walk the chain without
// a lock; at its end they wait for ready.
type frame struct {
	data  []byte
	pos   uint64                // the room's log has been sent up to here
	ready chan struct{}         // closes when next is set
	next  atomic.Pointer[frame] // nil again when the frame has left the room's window: who still stands here has lost its place
}

// chain is the window of frames that a room keeps.
type chain struct {
	frames []*frame // the oldest first, never empty
}

func newChain(pos uint64) *chain {
	return &chain{frames: []*frame{{pos: pos, ready: make(chan struct{})}}}
}

func (c *chain) last() *frame { return c.frames[len(c.frames)-1] }

// add appends a frame and wakes all who wait for it.
func (c *chain) add(pos uint64, data []byte) {
	f, before := &frame{data: data, pos: pos, ready: make(chan struct{})}, c.last()
	c.frames = append(c.frames, f)
	if len(c.frames) > frameWindow {
		c.frames[0].next.Store(nil)
		c.frames[0] = nil
		c.frames = c.frames[1:]
	}
	before.next.Store(f)
	close(before.ready)
}

// after gives the frame that comes after f, or nil; lost tells that f has left the window.
func (f *frame) after() (next *frame, lost bool) {
	if next = f.next.Load(); next != nil {
		return next, false
	}
	select {
	case <-f.ready: // it had, or has just got, a next one
		next = f.next.Load()
		return next, next == nil
	default:
		return nil, false
	}
}

// LastID is the id of the last event of a frame that is in the room's history: who has got it may say so as the since of the
// next join. It is empty if there is none.
func LastID(frame []byte) string {
	var events []struct{ Type, ID string }
	if json.Unmarshal(frame, &events) != nil {
		return ""
	}
	for _, e := range slices.Backward(events) {
		if e.ID != "" && e.Type != "done" { // which names an event that may be long past
			return e.ID
		}
	}
	return ""
}

// frameOf is the frame of some events: a JSON array.
func frameOf(events ...json.RawMessage) []byte { return framesOf(events)[0] }

// framesOf puts events into as few frames as their size allows.
func framesOf(events []json.RawMessage) [][]byte {
	var frames [][]byte
	for len(events) > 0 {
		size, n := 1, 0
		for n < len(events) && (n == 0 || size+len(events[n])+1 <= maxFrame) {
			size += len(events[n]) + 1
			n++
		}
		data := append(make([]byte, 0, size), '[')
		for i, e := range events[:n] {
			if i > 0 {
				data = append(data, ',')
			}
			data = append(data, e...)
		}
		frames, events = append(frames, append(data, ']')), events[n:]
	}
	return frames
}
