package broadcast

import (
	"math/rand/v2"

	"github.com/pion/rtp"
)

// keptSegments is how many switches back a retransmission can reach.
const keptSegments = 3

// segment is a stretch of a viewer's packets that come from one layer, by constant offsets (RFC 3550 section 5.1): the
// viewer's numbers and timestamps are the source's plus these.
type segment struct {
	layer       *Layer
	payloadType uint8
	begin       uint64 // viewer's first number
	source      uint64 // layer's first number
	time        uint32 // added to timestamps
	pictureID   uint16 // added to picture ids (RFC 7741, RFC 9628)
	tl0         uint8
	renumbered  bool // picture ids change
}

// rewriter gives a viewer one unbroken sequence of packets out of whatever layers feed it. It is its writer's own.
type rewriter struct {
	segments [keptSegments]segment // newest first
	begun    bool
	last     uint64 // greatest number used
	lastTime uint32 // its timestamp
	lastSent int64
	ids      pictureIDs // newest picture ids sent
	hasIDs   bool
}

// begin starts a segment with a packet of the layer, to be sent at now. If the viewer had the same layer just before, its
// timestamps go on unchanged.
func (r *rewriter) begin(l *Layer, pt uint8, first packet, now int64) {
	s := segment{layer: l, payloadType: pt, source: first.seq}
	if !r.begun {
		r.begun = true
		r.last = 1<<16 + uint64(rand.N(1<<15)) //nolint:gosec // RFC 3550 asks for random, not for secret
		r.lastTime = first.time
	} else if old := r.segments[0]; old.layer == l {
		s.time = old.time
	} else {
		s.time = r.lastTime + elapsedUnits(now-r.lastSent, l.track.codec.ClockRate) - first.time
	}
	s.begin = r.last + 1
	if ids, ok := l.track.pictureIDs(first.payload); ok && r.hasIDs {
		s.pictureID, s.tl0 = r.ids.pictureID+1-ids.pictureID, r.ids.tl0+1-ids.tl0
		s.renumbered = s.pictureID != 0 || s.tl0 != 0
	}
	copy(r.segments[1:], r.segments[:keptSegments-1])
	r.segments[0] = s
}

// elapsedUnits is a time in RTP timestamp units, at least a hundredth of a second: the picture after a switch must not be
// older than the one before it.
func elapsedUnits(d int64, rate uint32) uint32 {
	return uint32(max(d, 1e7) / 1e3 * int64(rate) / 1e6)
}

// rewrite makes p the viewer's next packet. ok is false for one that came before the segment's first.
func (r *rewriter) rewrite(p *packet, out *Packet, now int64, scratch *[]byte) (ok bool) {
	s := &r.segments[0]
	if p.seq < s.source {
		return false
	}
	seq := p.seq - s.source + s.begin
	r.apply(s, p, seq, out, scratch)
	if seq > r.last {
		r.last, r.lastTime, r.lastSent = seq, out.Header.Timestamp, now
		if ids, ok := s.layer.track.pictureIDs(out.Payload); ok {
			r.ids, r.hasIDs = ids, true
		}
	}
	return true
}

// apply rewrites a packet of the segment. A payload that has to be changed is copied to scratch.
func (r *rewriter) apply(s *segment, p *packet, seq uint64, out *Packet, scratch *[]byte) {
	out.Kind = s.layer.track.kind
	out.Header = rtp.Header{
		Version: 2, Marker: p.marker, PayloadType: s.payloadType,
		SequenceNumber: uint16(seq), Timestamp: p.time + s.time, SSRC: out.Header.SSRC,
	}
	out.Payload = p.payload
	if !s.renumbered {
		return
	}
	if ids, ok := s.layer.track.pictureIDs(p.payload); ok {
		n := len(*scratch)
		*scratch = append(*scratch, p.payload...)
		out.Payload = (*scratch)[n:]
		writePictureIDs(s.layer.track.codec.MimeType, out.Payload, ids.pictureID+s.pictureID, ids.tl0+s.tl0)
	}
}

// again makes the packet that was sent under a number once more, the same to the bit, for retransmission.
func (r *rewriter) again(number uint16, out *Packet, scratch *[]byte) bool {
	if !r.begun {
		return false
	}
	seq := r.last - uint64(uint16(r.last)-number)
	for i := range r.segments {
		s := &r.segments[i]
		if s.layer == nil || seq < s.begin {
			continue
		}
		p, ok := s.layer.ring.find(seq - s.begin + s.source)
		if ok {
			r.apply(s, &p, seq, out, scratch)
		}
		return ok
	}
	return false
}
