package broadcast

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// pollInterval is the time between two rounds for a viewer who catches up.
const pollInterval = int64(2 * time.Millisecond)

// never is a due time that does not come.
const never = int64(1<<63 - 1)

// writer is a goroutine that owns some of the subscribers. It works viewer by viewer over all that is new for each, so that
// a transport can gather a frame's packets into few system calls.
type writer struct {
	hub  *Hub
	id   int
	kick chan struct{}
	quit chan struct{}
	load atomic.Int32 // subscribers

	mu    sync.Mutex
	posts []func()

	// The goroutine's own.
	shards  []*shard
	read    []packet
	burst   []Packet
	scratch []byte // payloads that had to be changed
	sent    bool   // since the last flush
}

func newWriter(h *Hub, id int) *writer {
	return &writer{
		hub: h, id: id, kick: make(chan struct{}, 1), quit: make(chan struct{}),
		read: make([]packet, 64), burst: make([]Packet, 0, 2*64),
	}
}

// post has f run by the writer's goroutine. It never blocks; after the writer's end f is not run.
func (w *writer) post(f func()) {
	w.mu.Lock()
	w.posts = append(w.posts, f)
	w.mu.Unlock()
	w.wake()
}

func (w *writer) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

func (w *writer) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-w.kick:
		case <-timer.C:
		case <-w.quit:
			return
		}
		w.mu.Lock()
		posts := w.posts
		w.posts = nil
		w.mu.Unlock()
		for _, f := range posts {
			f()
		}
		due := w.round()
		if w.sent && w.hub.Flush != nil {
			w.hub.Flush(w.id)
		}
		w.sent = false
		if due != never {
			timer.Reset(time.Duration(max(due-w.hub.now(), 0)))
		}
	}
}

// round serves the shards that have news or a viewer who is due, and gives when the next one is.
func (w *writer) round() (due int64) {
	due = never
	now := w.hub.now()
	for _, sh := range w.shards {
		if sh.dirty.Swap(false) || sh.due <= now {
			sh.due = never
			for _, s := range sh.subscribers {
				sh.due = min(sh.due, s.serve(w, now))
			}
		}
		due = min(due, sh.due)
	}
	return due
}

// shard is the part of a stream's subscribers that one writer owns.
type shard struct {
	stream *Stream
	writer *writer
	used   atomic.Bool // has subscribers
	dirty  atomic.Bool

	// The writer's own.
	subscribers []*Subscriber
	due         int64
}

func (sh *shard) wake() {
	if sh.used.Load() && !sh.dirty.Swap(true) {
		sh.writer.wake()
	}
}

func (sh *shard) add(s *Subscriber) {
	if len(sh.subscribers) == 0 {
		sh.writer.shards = append(sh.writer.shards, sh)
		sh.used.Store(true)
	}
	sh.subscribers = append(sh.subscribers, s)
	sh.due = 0
}

func (sh *shard) remove(s *Subscriber) {
	i := slices.Index(sh.subscribers, s)
	if i < 0 {
		return
	}
	last := len(sh.subscribers) - 1
	sh.subscribers[i] = sh.subscribers[last]
	sh.subscribers[last] = nil
	sh.subscribers = sh.subscribers[:last]
	if last == 0 {
		sh.used.Store(false)
		sh.writer.shards = slices.DeleteFunc(sh.writer.shards, func(o *shard) bool { return o == sh })
	}
}
