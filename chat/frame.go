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
	last  string                // id of the event before pos
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
func (c *chain) add(pos uint64, last string, data []byte) {
	f, before := &frame{data: data, pos: pos, last: last, ready: make(chan struct{})}, c.last()
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

// lastID is the id of the last event of a frame that is in the room's history, "" if there is none.
func lastID(frame []byte) string {
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
func frameOf(events ...json.RawMessage) []byte {
	size := 2
	for _, e := range events {
		size += len(e) + 1
	}
	data := append(make([]byte, 0, size), '[')
	for i, e := range events {
		if i > 0 {
			data = append(data, ',')
		}
		data = append(data, e...)
	}
	return append(data, ']')
}

// fitting is how many of some events a frame takes: one at least.
func fitting(events []json.RawMessage) (n int) {
	for size := 1; n < len(events) && (n == 0 || size+len(events[n])+1 <= maxFrame); n++ {
		size += len(events[n]) + 1
	}
	return n
}
