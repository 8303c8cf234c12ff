package broadcast

import (
	"time"

	"github.com/pion/rtcp"
)

// A viewer who joins gets the group of pictures so far at a pace that receivers were measured to take: Firefox loses a
// burst at line rate, and none at 20 Mbit/s above the live rate.
const (
	burstRate = 20_000_000 / 8 // bytes per second above the live rate
	burstHead = 16 << 10       // bytes sent at once at its beginning
)

// A viewer who can't decode gets the newest group of pictures once more, since many publishers ignore requests for a
// keyframe: soon, if it has only just begun, as it most likely missed the beginning; else if it repeats the request and no
// keyframe has come.
const (
	earlyLoss   = int64(3 * time.Second)
	rewindAfter = int64(300 * time.Millisecond) // since it last began, while early
	maxRewinds  = 2                             // while early
	answerTime  = int64(700 * time.Millisecond) // for the publisher
	rewindPause = int64(2 * time.Second)        // since it last began, later on
)

// feed is what a subscriber gets of one kind.
type feed struct {
	Output
	kind     Kind
	layer    *Layer // what it gets now
	refused  *Layer // what the viewer has no payload type for
	pos      uint64 // next position in the layer's ring
	seen     int64  // when the newest packet that was sent arrived here
	rewriter rewriter
	packets  uint64
	octets   uint64

	paced   bool  // catching up from a keyframe
	budget  int64 // bytes that may be sent now while paced
	filled  int64 // when the budget was last filled
	first   int64 // when the first packet was sent
	begun   int64 // when the current segment began
	rewinds int
	lostKey uint64 // newest keyframe when the viewer first asked for another
	lostAt  int64
	report  int64 // when the next sender report is due
}

// collect puts what is new into the writer's burst. due is when a paced viewer goes on; left says that there is more to be
// sent right now.
func (f *feed) collect(s *Subscriber, w *writer, now int64) (due int64, left bool) {
	f.choose(s, now)
	if f.layer == nil {
		return never, false
	}
	n, lost := f.layer.ring.read(f.pos, w.read)
	if lost {
		f.lose(s, w, now)
		return now + pollInterval, false
	}
	if f.paced {
		f.refill(now)
	}
	sent := 0
	for ; sent < n && (!f.paced || f.budget > 0); sent++ {
		p := &w.read[sent]
		out := Packet{}
		out.Header.SSRC = f.SSRC
		if !f.rewriter.rewrite(p, &out, now, &w.scratch) {
			continue
		}
		w.burst = append(w.burst, out)
		f.seen = max(f.seen, p.arrival)
		f.budget -= int64(len(p.payload))
		f.count(s, len(p.payload))
	}
	f.pos += uint64(sent)
	switch {
	case f.paced && sent < n:
		return now + pollInterval, false
	case n == len(w.read):
		return never, true
	}
	f.paced = false
	return never, false
}

func (f *feed) count(s *Subscriber, octets int) {
	f.packets++
	f.octets += uint64(octets)
	s.packets.Add(1)
	s.octets.Add(uint64(octets))
}

// refill gives a paced feed what the time since the last round allows.
func (f *feed) refill(now int64) {
	rate := int64(burstRate) + f.layer.stats.bitrate.Load()/8
	f.budget = min(f.budget+rate*(now-f.filled)/int64(time.Second), burstHead)
	f.filled = now
}

// choose follows the stream and the viewer's choice: to another source, layer or codec as soon as it can be decoded from its
// start.
func (f *feed) choose(s *Subscriber, now int64) {
	l := s.wanted(f.kind)
	if l == f.layer || l == f.refused {
		return
	}
	if l == nil {
		if f.drained() {
			f.layer = nil
		}
		return
	}
	pt, ok := f.PayloadType(l.track.codec)
	if !ok {
		f.layer, f.refused = nil, l
		return
	}
	f.start(l, pt, now)
}

// drained tells whether the feed has sent all of a layer whose source has gone.
func (f *feed) drained() bool {
	pos, _, ok := f.layer.ring.edge()
	return !ok || f.pos > pos
}

// start begins a segment at the layer's newest keyframe, for audio at its newest packet. Without one it asks for it.
func (f *feed) start(l *Layer, pt uint8, now int64) {
	begin := l.ring.start
	if f.kind == Audio {
		begin = l.ring.edge
	}
	pos, seq, ok := begin()
	var at [1]packet
	if !ok {
		l.RequestKeyframe()
		return
	}
	if n, _ := l.ring.read(pos, at[:]); n == 0 {
		return
	}
	if !f.follows(l, at[0].arrival) {
		l.RequestKeyframe()
		return
	}
	at[0].seq = seq
	f.rewriter.begin(l, pt, at[0], now)
	f.layer, f.refused, f.pos = l, nil, pos
	f.paced, f.budget, f.filled = f.kind == Video, burstHead, now
	f.begun = now
	if f.first == 0 {
		f.first = now
	}
}

// lose is for a viewer whose place in the ring is gone: it goes on at the newest keyframe.
func (f *feed) lose(s *Subscriber, w *writer, now int64) {
	s.dropped.Add(1)
	f.start(f.layer, f.rewriter.segments[0].payloadType, now)
	if _, lost := f.layer.ring.read(f.pos, w.read[:1]); lost {
		f.layer = nil // no keyframe yet: begin anew when there is one
	}
}

// pictureLost is for a viewer's request for a keyframe. It is passed on, and if that does not help answered from the ring.
func (f *feed) pictureLost(now int64) {
	if f.layer == nil {
		return
	}
	f.layer.RequestKeyframe()
	key, _, ok := f.layer.ring.start()
	if !ok || f.paced {
		return
	}
	again := false
	switch {
	case now-f.first < earlyLoss:
		again = f.rewinds < maxRewinds && now-f.begun > rewindAfter
		if again {
			f.rewinds++
		}
	case f.lostAt == 0 || f.lostKey != key:
		f.lostKey, f.lostAt = key, now
	default:
		again = now-f.lostAt > answerTime && now-f.begun > rewindPause
	}
	if again {
		f.start(f.layer, f.rewriter.segments[0].payloadType, now)
	}
}

// senderReport relates the viewer's timestamps to the time of day, as the source relates its own. It is nil while none is
// due or the source has not said.
func (f *feed) senderReport(at int64) *rtcp.SenderReport {
	if at < f.report || f.layer == nil || f.packets == 0 {
		return nil
	}
	c := f.layer.clock.Load()
	if c == nil {
		return nil
	}
	f.report = at + reportInterval
	now := time.Now()
	rtpTime := c.rtpAt(now, f.layer.track.codec.ClockRate) + f.rewriter.segments[0].time
	return senderReport(f.SSRC, now, rtpTime, f.packets, f.octets)
}
