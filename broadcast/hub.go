package broadcast

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrNotFound is the error of a stream that does not exist.
var ErrNotFound = errors.New("no such stream")

// ErrClosed is the error of a hub that is shutting down.
var ErrClosed = errors.New("the server is shutting down")

// Config of a hub. The zero value of a field stands for its default.
type Config struct {
	GOPBytes    int           `koanf:"gop_bytes"`    // most payload kept of a layer for viewers who join, in bytes
	GOPDuration time.Duration `koanf:"gop_duration"` // oldest keyframe kept for them
	CacheBytes  int           `koanf:"cache_bytes"`  // most payload kept of all layers together, in bytes
	Writers     int           `koanf:"writers"`      // goroutines that send; 0: one for each CPU
}

// DefaultConfig keeps 16 MiB and 30 s of each layer, and 512 MiB in all.
func DefaultConfig() Config {
	return Config{GOPBytes: 16 << 20, GOPDuration: 30 * time.Second, CacheBytes: 512 << 20}
}

// Hub holds the streams of a server.
type Hub struct {
	// Flush, if set, is called by a writer after it has given packets to sinks, with its number: time to send what the
	// transport has gathered. Set it before the first subscriber comes.
	Flush func(writer int)

	config  Config
	epoch   time.Time
	cache   budget
	writers []*writer
	running sync.WaitGroup
	ended   chan struct{} // closes when the writers have stopped

	mu      sync.Mutex
	streams map[string]*Stream
	events  []chan Event
	closed  bool
}

// New starts a hub and its writers; Close ends it.
func New(c Config) *Hub {
	d := DefaultConfig()
	if c.GOPBytes == 0 {
		c.GOPBytes = d.GOPBytes
	}
	if c.GOPDuration == 0 {
		c.GOPDuration = d.GOPDuration
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = d.CacheBytes
	}
	if c.Writers == 0 {
		c.Writers = runtime.GOMAXPROCS(0)
	}
	h := &Hub{config: c, epoch: time.Now(), streams: map[string]*Stream{}, writers: make([]*writer, c.Writers), ended: make(chan struct{})}
	h.cache.max = int64(c.CacheBytes)
	for i := range h.writers {
		h.writers[i] = newWriter(h, i)
		h.running.Go(h.writers[i].run)
	}
	return h
}

// Writers is how many goroutines send. Their numbers begin at 0.
func (h *Hub) Writers() int { return len(h.writers) }

// now is the time on the hub's clock, in nanoseconds since it was made.
func (h *Hub) now() int64 { return int64(time.Since(h.epoch)) }

// Publish makes a source of a stream. A live source of the same priority is taken over if its credential is the same; else
// the error is ErrBusy.
func (h *Hub) Publish(name string, p Publication) (*Source, error) {
	if err := ValidName(name); err != nil {
		return nil, err
	}
	h.mu.Lock()
	s, err := h.open(name)
	if err != nil {
		h.mu.Unlock()
		return nil, err
	}
	var old *Source
	if i := slices.IndexFunc(s.sources, func(o *Source) bool { return o.Priority == p.Priority }); i >= 0 {
		if old = s.sources[i]; old.Credential != p.Credential {
			h.mu.Unlock()
			return nil, fmt.Errorf("stream %q: %w", name, ErrBusy)
		}
		s.sources = slices.Delete(s.sources, i, i+1)
	}
	src := newSource(s, p)
	s.sources = append(s.sources, src)
	if old != nil {
		old.heir = src
	}
	h.mu.Unlock()
	if old != nil {
		old.stop(ErrReplaced)
	}
	return src, nil
}

// Pin keeps a stream in the list though nobody publishes or watches it, until release is called.
func (h *Hub) Pin(name string) (release func(), err error) {
	if err := ValidName(name); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s, err := h.open(name)
	if err != nil {
		return nil, err
	}
	s.pins++
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		s.pins--
		h.collect(s)
	}), nil
}

// open gives the stream of a name, made if need be. The caller holds mu.
func (h *Hub) open(name string) (*Stream, error) {
	if h.closed {
		return nil, ErrClosed
	}
	s := h.streams[name]
	if s == nil {
		s = newStream(h, name)
		h.streams[name] = s
	}
	return s, nil
}

// collect forgets a stream that nobody needs. The caller holds mu.
func (h *Hub) collect(s *Stream) {
	if len(s.sources) == 0 && s.viewers == 0 && s.pins == 0 && h.streams[s.name] == s {
		delete(h.streams, s.name)
	}
}

// remove takes a source out of its stream.
func (h *Hub) remove(src *Source) {
	s := src.stream
	h.mu.Lock()
	s.sources = slices.DeleteFunc(s.sources, func(o *Source) bool { return o == src })
	h.mu.Unlock()
	h.elect(s)
	h.mu.Lock()
	h.collect(s)
	h.mu.Unlock()
}

// elect makes the source with the highest priority that has media the one that viewers see.
func (h *Hub) elect(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var best *Source
	for _, src := range s.sources {
		if src.live.Load() && (best == nil || src.Priority > best.Priority) {
			best = src
		}
	}
	if heir := s.heir(); heir != nil && (best == nil || best.Priority < heir.Priority) {
		return // nobody need see the stream go for the moment until its new publisher has media
	}
	old := s.active.Swap(best)
	switch {
	case old == best:
		return
	case best == nil:
		s.since = time.Time{}
		s.turned()
		h.tell(Event{Stream: s.name, State: Offline})
	case old == nil:
		s.since = time.Now()
		s.turned()
		h.tell(Event{Stream: s.name, State: Live, Agent: best.Agent})
	default:
		h.tell(Event{Stream: s.name, State: Live, Agent: best.Agent})
	}
	s.wake()
}

// Streams lists all streams, by name.
func (h *Hub) Streams() []StreamInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]StreamInfo, 0, len(h.streams))
	for _, s := range h.streams {
		list = append(list, s.info())
	}
	slices.SortFunc(list, func(a, b StreamInfo) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Info describes one stream; ok is false when there is none of that name.
func (h *Hub) Info(name string) (info StreamInfo, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.streams[name]
	if s == nil {
		return StreamInfo{}, false
	}
	return s.info(), true
}

// Event is news of a stream: what feeds it has changed.
type Event struct {
	Stream string
	State  State
	Agent  string // of the source that is seen now
}

// Events gives the news until ctx ends. A reader who falls 64 events behind misses the rest.
func (h *Hub) Events(ctx context.Context) <-chan Event {
	c := make(chan Event, 64)
	h.mu.Lock()
	h.events = append(h.events, c)
	h.mu.Unlock()
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events = slices.DeleteFunc(h.events, func(o chan Event) bool { return o == c })
		close(c)
	})
	return c
}

// tell sends an event to who listens. The caller holds mu.
func (h *Hub) tell(e Event) {
	for _, c := range h.events {
		select {
		case c <- e:
		default:
		}
	}
}

// Close ends all sources and subscribers and waits for the writers. It may be called twice.
func (h *Hub) Close() {
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	var sources []*Source
	for _, s := range h.streams {
		sources = append(sources, s.sources...)
	}
	h.mu.Unlock()
	for _, src := range sources {
		src.stop(ErrClosed)
	}
	if first {
		for _, w := range h.writers {
			close(w.quit)
		}
	}
	h.running.Wait()
	if first {
		close(h.ended)
	}
	<-h.ended
}

// rebalance moves a subscriber from the busiest writer to the idlest, if many have left the one and few the other.
func (h *Hub) rebalance() {
	load := func(a, b *writer) int { return int(a.load.Load() - b.load.Load()) }
	from, to := slices.MaxFunc(h.writers, load), slices.MinFunc(h.writers, load)
	if n := from.load.Load(); n-to.load.Load() < max(8, n/4) {
		return
	}
	from.post(func() {
		if len(from.shards) > 0 {
			from.shards[0].subscribers[0].move(from, to)
		}
	})
}
