package check

import (
	"testing"

	"github.com/pion/rtp"
)

// TestTurns: a player tells the layers apart, and finds what is wrong at a switch from one to the other.
func TestTurns(t *testing.T) {
	p := &probe{}
	layers := newLayers(p, true)
	if known := len(layers[0].frames) + len(layers[1].frames); known != 45 {
		t.Fatalf("the clips have %d frames", known)
	}
	for name, c := range map[string]struct {
		spoil func(*rtp.Packet)
		first int // frame of the new layer
		want  string
	}{
		"seamless":                    {func(*rtp.Packet) {}, 0, ""},
		"some lost":                   {func(p *rtp.Packet) { p.SequenceNumber += 9 }, 0, ""},
		"in the middle of a group":    {func(*rtp.Packet) {}, 3, "its first frame is no keyframe"},
		"another SSRC":                {func(p *rtp.Packet) { p.SSRC++ }, 0, "its packets have another SSRC"},
		"other sequence numbers":      {func(p *rtp.Packet) { p.SequenceNumber += 5000 }, 0, "its sequence numbers don't go on"},
		"other timestamps":            {func(p *rtp.Packet) { p.Timestamp += 1 << 24 }, 0, "its timestamps don't go on"},
		"the same timestamp":          {func(p *rtp.Packet) { p.Timestamp -= 3000 }, 0, "its timestamps don't go on"},
		"earlier timestamps":          {func(p *rtp.Packet) { p.Timestamp -= 90000 }, 0, "its timestamps don't go on"},
		"other picture IDs":           {func(p *rtp.Packet) { p.Payload[2] ^= 0x40 }, 0, "its picture IDs don't go on"},
		"the picture ID of the other": {func(p *rtp.Packet) { p.Payload[3]-- }, 0, "its picture IDs don't go on"},
	} {
		var s picture
		s.add(&rtp.Packet{}) // follows nothing yet
		s.follow(layers)
		if len(s.known) != 45 {
			t.Fatalf("of 45 frames %d are told apart", len(s.known))
		}
		payloader := newPayloader(300) // IDs of 15 bits
		number, clock := uint16(65530), uint32(1<<32-9000)
		send := func(frame []byte, spoil func(*rtp.Packet)) {
			for _, payload := range payloader.Payload(videoMTU, frame) {
				packet := &rtp.Packet{Header: rtp.Header{SequenceNumber: number, Timestamp: clock, SSRC: 7}, Payload: payload}
				spoil(packet)
				s.add(packet)
				s.add(packet) // again
				number++
			}
			clock += 3000
		}
		for _, frame := range layers[0].frames[:10] {
			send(frame, func(*rtp.Packet) {})
		}
		if len(s.turns) != 0 || s.run != 10 || s.last.rid != large {
			t.Fatalf("%s: %+v", name, s)
		}
		send(layers[1].frames[c.first], c.spoil)
		if len(s.turns) != 1 || s.turns[0].from.rid != large || s.turns[0].to.rid != small || s.run != 1 {
			t.Fatalf("%s: %+v", name, s.turns)
		}
		if got := s.turns[0].seam(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
