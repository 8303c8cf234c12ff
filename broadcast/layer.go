package broadcast

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

const (
	// frameWait is how long the beginning of a frame waits for its end before the viewers get it in pieces.
	frameWait = 3 * time.Millisecond
	// keyframeInterval is the least time between two keyframe requests to a publisher.
	keyframeInterval = int64(500 * time.Millisecond)
)

// Layer is one encoding of a track (RFC 8853: one simulcast stream, named by its rid). Write is for one goroutine.
type Layer struct {
	rid     string
	track   *Track
	ring    *ring
	request func()

	// Guarded by ring.mu.
	seq     sequencer
	frame   frame
	sets    []paramSet // the newest of each kind and id (H.264, H.265)
	pending *time.Timer
	closed  bool

	requested atomic.Int64 // when the publisher was last asked for a keyframe
	asleep    atomic.Bool  // has no media, while others of its track do
	clock     atomic.Pointer[clock]
	stats     layerStats
}

// frame is what is known of the newest frame while its packets come in.
type frame struct {
	begun  bool
	time   uint32
	pos    uint64 // position of the packet that came first
	seq    uint64 // lowest number
	key    bool
	hasSet [paramKinds]bool // parameter sets that it brought itself
}

func newLayer(t *Track, rid string, request func()) *Layer {
	c := t.source.stream.hub.config
	l := &Layer{rid: rid, track: t, request: request, ring: newRing(c.GOPBytes, int64(c.GOPDuration), &t.source.stream.hub.cache)}
	l.requested.Store(-keyframeInterval)
	l.pending = time.AfterFunc(time.Hour, l.publish)
	l.pending.Stop()
	return l
}

// Write takes the next packet as it came from the source, in whatever order. It copies what it keeps: p and its payload,
// which must not include padding (RFC 3550 section 5.1), may be reused afterwards.
func (l *Layer) Write(p *rtp.Packet) {
	now := l.track.source.stream.hub.now()
	l.ring.mu.Lock()
	if l.closed {
		l.ring.mu.Unlock()
		return
	}
	whole := l.accept(p, now)
	if whole {
		l.pending.Stop()
		l.ring.visible = l.ring.head
	}
	l.ring.mu.Unlock()
	if since, second := l.stats.count(now, len(p.Payload), p.Marker); second {
		l.review(now, since)
	}
	l.track.source.ready()
	if whole {
		l.track.source.stream.wake()
	}
}

// accept stores the packet and tells whether the readers should see it now. The caller holds ring.mu.
func (l *Layer) accept(p *rtp.Packet, now int64) bool {
	ext, ahead, ok := l.seq.extend(p.SequenceNumber)
	if !ok {
		l.stats.late.Add(1)
		return false
	}
	if len(p.Payload) == 0 { // padding only: Chromium probes with it
		if ahead {
			l.seq.swallow(ext)
			return false
		}
		if l.seq.number(ext) == l.seq.number(ext+1) {
			return false // swallowed before
		}
	}
	if !ahead && l.ring.has(l.seq.number(ext)) {
		l.stats.duplicates.Add(1)
		return false
	}
	shown := l.ring.visible == l.ring.head // nothing waits for its frame's end
	if ahead && (!l.frame.begun || p.Timestamp != l.frame.time) {
		l.frame = frame{begun: true, time: p.Timestamp, pos: l.ring.head, seq: l.seq.number(ext)}
	}
	if l.track.kind == Video {
		l.inspect(p, ext, ahead, now)
	}
	seq := l.seq.number(ext)
	l.ring.push(packet{seq: seq, time: p.Timestamp, marker: p.Marker, payload: p.Payload, arrival: now})
	if l.track.kind == Audio || p.Marker || !ahead {
		return true
	}
	if shown {
		l.pending.Reset(frameWait)
	}
	return false
}

// publish lets the readers see what has come of a frame whose end is late.
func (l *Layer) publish() {
	l.ring.mu.Lock()
	l.ring.visible = l.ring.head
	l.ring.mu.Unlock()
	l.track.source.stream.wake()
}

// inspect notes parameter sets and keyframes, and puts the sets before a keyframe that comes without them.
func (l *Layer) inspect(p *rtp.Packet, ext uint64, ahead bool, now int64) {
	mime := l.track.codec.MimeType
	ofFrame := p.Timestamp == l.frame.time
	for set := range parameterSets(mime, p.Payload) {
		kind := parameterKind(mime, set)
		l.sets = keepSet(l.sets, mime, kind, set)
		if ofFrame {
			l.frame.hasSet[kind] = true
		}
	}
	if !ofFrame {
		if StartsKeyframe(mime, p.Payload) {
			l.ring.markLateKey(l.seq.number(ext), p.Timestamp, now)
		}
		return
	}
	l.frame.seq = min(l.frame.seq, l.seq.number(ext))
	if !l.frame.key && StartsKeyframe(mime, p.Payload) {
		l.frame.key = true
		l.stats.keyframe(now)
	}
	if ahead && l.lacksSets(mime, p.Payload) {
		l.insertSets(mime, p, ext, now)
	}
	if l.frame.key {
		l.ring.markKey(l.frame.pos, l.frame.seq, p.Timestamp, now)
		if w, h, ok := Resolution(mime, p.Payload); ok && l.stats.setSize(w, h) {
			l.track.elect()
		}
	}
}

// lacksSets tells whether payload begins the picture of a keyframe whose parameter sets did not come with it.
func (l *Layer) lacksSets(mime string, payload []byte) bool {
	if !l.frame.key || len(l.sets) == 0 || !startsPicture(mime, payload) {
		return false
	}
	return slices.ContainsFunc(l.sets, func(s paramSet) bool { return !l.frame.hasSet[s.kind] })
}

// insertSets puts the parameter sets before p, the newest packet, in a packet of their own.
func (l *Layer) insertSets(mime string, p *rtp.Packet, ext uint64, now int64) {
	var sets [][]byte
	for _, s := range l.sets {
		sets = append(sets, s.nal)
		l.frame.hasSet[s.kind] = true
	}
	l.ring.push(packet{seq: l.seq.insert(ext), time: p.Timestamp, payload: joinParameterSets(mime, nil, sets...), arrival: now})
}

// RequestKeyframe asks the source for a keyframe, at most once in 500 ms for all viewers together. It is a hint only: many
// encoders ignore it.
func (l *Layer) RequestKeyframe() {
	now, last := l.track.source.stream.hub.now(), l.requested.Load()
	if l.request != nil && now-last >= keyframeInterval && l.requested.CompareAndSwap(last, now) {
		l.request()
	}
}

// SetClock tells which time on the source's clock an RTP timestamp stands for, as its sender reports do (RFC 3550 section
// 6.4.1). It keeps sound and picture together.
func (l *Layer) SetClock(rtpTime uint32, ntp time.Time) {
	l.clock.Store(&clock{rtp: rtpTime, at: ntp.Add(l.track.source.clockOffset(ntp))})
}

func (l *Layer) close() {
	l.ring.mu.Lock()
	defer l.ring.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	l.pending.Stop()
	l.ring.all.used.Add(int64(-l.ring.bytes)) // what is left goes with its last reader
	l.ring.visible = l.ring.head
}
