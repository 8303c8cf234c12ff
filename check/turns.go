package check

import (
	"slices"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// startBytes is how much of a frame is compared, to know it again.
const startBytes = 32

// picture follows which layer a player sees. The zero value follows nothing.
type picture struct {
	known map[string]string // rids, by how the frames of the clips begin
	last  *sight
	turns []turn
	run   int // frames of the layer since the last turn
}

// sight is the first packet of a frame.
type sight struct {
	rid       string
	keyframe  bool
	ssrc      uint32
	number    uint16 // sequence number
	timestamp uint32
	id        int // picture ID of 15 bits; -1 for none that long
}

// turn is a change of the layer between two frames.
type turn struct{ from, to sight }

// follow begins to tell layers apart, by all that a publisher sends.
func (s *picture) follow(layers []*layer) {
	*s = picture{known: map[string]string{}}
	for _, l := range layers {
		for _, frame := range l.frames {
			s.known[start(frame)] = l.rid
		}
	}
}

func start(frame []byte) string { return string(frame[:min(len(frame), startBytes)]) }

// add takes a packet. One that is late, or comes again, tells nothing.
func (s *picture) add(packet *rtp.Packet) {
	if s.known == nil {
		return
	}
	var d codecs.VP8Packet
	frame, err := d.Unmarshal(packet.Payload)
	if err != nil || d.S != 1 || d.PID != 0 {
		return
	}
	now := &sight{rid: s.known[start(frame)], keyframe: keyframe(packet.Payload), ssrc: packet.SSRC, number: packet.SequenceNumber, timestamp: packet.Timestamp, id: -1}
	if d.I == 1 && packet.Payload[2]&0x80 != 0 {
		now.id = int(d.PictureID)
	}
	if s.last != nil && now.ssrc == s.last.ssrc && int16(now.number-s.last.number) <= 0 {
		return
	}
	if s.run++; s.last != nil && now.rid != s.last.rid {
		s.turns = append(s.turns, turn{*s.last, *now})
		s.run = 1
	}
	s.last = now
}

// seam says what of a turn a decoder would notice; "" for nothing.
func (t turn) seam() string {
	const most = 1000 // packets or frames that may have been lost, or are left out, between two frames
	switch {
	case !t.to.keyframe:
		return "its first frame is no keyframe"
	case t.to.ssrc != t.from.ssrc:
		return "its packets have another SSRC"
	case t.to.number-t.from.number > most:
		return "its sequence numbers don't go on"
	case t.to.timestamp == t.from.timestamp || t.to.timestamp-t.from.timestamp > 10*videoClock:
		return "its timestamps don't go on"
	case t.from.id >= 0 && t.to.id >= 0 && ((t.to.id-t.from.id)&0x7fff == 0 || (t.to.id-t.from.id)&0x7fff > most):
		return "its picture IDs don't go on"
	}
	return ""
}

// sees waits until the player has seen nothing but one layer for some frames.
func (c *player) sees(p *probe, rid, when string) {
	now := func() (string, int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.picture.last == nil {
			return "", 0
		}
		return c.picture.last.rid, c.picture.run
	}
	if !p.eventually(mediaTimeout, func() bool { is, run := now(); return is == rid && run >= 10 }) {
		is, run := now()
		p.failf("%s, the player does not see the layer %q within %v; its last %d frames are of %q", when, rid, mediaTimeout, run, is)
	}
}

// seesForeign reports whether the last frame is none of the publisher's.
func (c *player) seesForeign() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.picture.last != nil && c.picture.last.rid == ""
}

// turns are those until now.
func (c *player) turns() []turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.picture.turns)
}
