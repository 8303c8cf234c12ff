package broadcast

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// reportInterval is the time between two sender reports to a viewer.
const reportInterval = int64(time.Second)

// Subscription is what a viewer asks for.
type Subscription struct {
	Sink         Sink
	Audio, Video *Output       // nil: not wanted
	Hold         time.Duration // between Start and the first packet: some clients lose what comes right after the handshake
}

// Subscriber is one viewer of a stream. It outlives the stream's sources: its SSRCs, numbers and timestamps go on without a
// break when the source, the layer or the codec changes. A writer goroutine owns its state.
type Subscriber struct {
	stream *Stream
	writer atomic.Pointer[writer]
	sink   Sink
	hold   time.Duration
	close  sync.Once

	packets, octets, dropped, resent atomic.Uint64

	// The writer's own.
	feeds     []*feed
	selection Selection
	from      int64 // no packet before
}

// SubscriberStats counts what a viewer was sent.
type SubscriberStats struct {
	Packets, Octets uint64 // RTP packets and their payload
	Dropped         uint64 // times that the viewer lost its place and went on at a later keyframe
	Resent          uint64 // packets sent again on request
}

// Subscribe makes a viewer of a stream, whether it is live or not. Nothing is sent before Start; Close ends it.
func (h *Hub) Subscribe(name string, c Subscription) (*Subscriber, error) {
	if err := ValidName(name); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	st, err := h.open(name)
	if err != nil {
		return nil, err
	}
	st.viewers++
	w := slices.MinFunc(h.writers, func(a, b *writer) int { return int(a.load.Load() - b.load.Load()) })
	w.load.Add(1)
	s := &Subscriber{stream: st, sink: c.Sink, hold: c.Hold}
	s.writer.Store(w)
	for kind, out := range []*Output{Audio: c.Audio, Video: c.Video} {
		if out != nil {
			s.feeds = append(s.feeds, &feed{Output: *out, kind: Kind(kind)})
		}
	}
	return s, nil
}

// Start lets the media flow; call it once, when the transport is connected.
func (s *Subscriber) Start() {
	s.post(func(w *writer) {
		if s.from == never {
			return // closed meanwhile
		}
		s.from = w.hub.now() + int64(s.hold)
		s.shard(w).add(s)
	})
}

// post has f run by the writer that owns the subscriber then.
func (s *Subscriber) post(f func(w *writer)) {
	w := s.writer.Load()
	w.post(func() {
		if s.writer.Load() != w {
			s.post(f) // it has moved
			return
		}
		f(w)
	})
}

func (s *Subscriber) shard(w *writer) *shard { return s.stream.shards[w.id] }

// move gives the subscriber to another writer. Its owner calls it.
func (s *Subscriber) move(from, to *writer) {
	s.shard(from).remove(s)
	from.load.Add(-1)
	to.load.Add(1)
	s.writer.Store(to)
	s.post(func(w *writer) {
		if s.from != never {
			s.shard(w).add(s)
		}
	})
}

// RequestKeyframe says that the viewer can't decode (PLI, RFC 4585 section 6.3.1; FIR, RFC 5104 section 4.3.1).
func (s *Subscriber) RequestKeyframe() {
	s.post(func(w *writer) {
		for _, f := range s.feeds {
			if f.kind == Video {
				f.pictureLost(w.hub.now())
			}
		}
		s.shard(w).due = 0
	})
}

// Resend sends packets again that the viewer missed (generic NACK, RFC 4585 section 6.2.1).
func (s *Subscriber) Resend(ssrc uint32, numbers []uint16) {
	s.post(func(w *writer) {
		w.reset()
		for _, f := range s.feeds {
			if f.SSRC != ssrc {
				continue
			}
			for _, n := range numbers {
				out := Packet{Again: true}
				out.Header.SSRC = ssrc
				if f.rewriter.again(n, &out, &w.scratch) {
					w.burst = append(w.burst, out)
				}
			}
		}
		if len(w.burst) > 0 {
			s.resent.Add(uint64(len(w.burst)))
			w.send(s.sink)
		}
	})
}

// Stats counts what was sent.
func (s *Subscriber) Stats() SubscriberStats {
	return SubscriberStats{Packets: s.packets.Load(), Octets: s.octets.Load(), Dropped: s.dropped.Load(), Resent: s.resent.Load()}
}

// Close ends the subscription and waits until the sink is no longer called. It must not be called by the sink itself, and
// may be called twice.
func (s *Subscriber) Close() {
	s.close.Do(func() {
		h := s.stream.hub
		gone := make(chan struct{})
		s.post(func(w *writer) {
			s.shard(w).remove(s)
			s.from = never
			w.load.Add(-1)
			close(gone)
		})
		select {
		case <-gone:
		case <-h.ended:
		}
		h.rebalance()
		h.mu.Lock()
		defer h.mu.Unlock()
		s.stream.viewers--
		h.collect(s.stream)
	})
}

// serve sends what is new and gives when the viewer wants to be served again without being woken.
func (s *Subscriber) serve(w *writer, now int64) (due int64) {
	if now < s.from {
		return s.from
	}
	due = never
	for more := true; more; {
		w.reset()
		more = false
		for _, f := range s.feeds {
			again, left := f.collect(s, w, now)
			due = min(due, again)
			more = more || left
		}
		if len(w.burst) > 0 {
			w.send(s.sink)
		}
	}
	for _, f := range s.feeds {
		if r := f.senderReport(now); r != nil {
			s.sink.Report(w.id, r)
			w.sent = true
		}
	}
	return due
}

// send gives the burst to a sink.
func (w *writer) send(to Sink) {
	to.Send(w.id, w.burst)
	w.sent = true
}

// reset empties the buffers of the last burst.
func (w *writer) reset() {
	w.burst = w.burst[:0]
	w.scratch = w.scratch[:0]
}
