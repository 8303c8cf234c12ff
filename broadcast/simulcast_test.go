package broadcast

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// encoding is a layer of a simulcast in VP8, whose numbers, timestamps and picture ids are its own.
type encoding struct {
	*Layer
	width, height int
	seq           uint16
	time          uint32
	id            uint16
	asked         int
	paused        bool
	late          []*rtp.Packet // to be written after the next one
}

// simulcast publishes three layers of one picture at 30 frames a second.
type simulcast struct {
	*Source
	layers []*encoding // q, h, f
	lose   func(layer, packet int) bool
	swap   func(layer, packet int) bool // with the packet after it
	n      int
}

func newSimulcast(t *testing.T, h *Hub, rids ...string) *simulcast {
	s := &simulcast{Source: publish(t, h, "s", Publication{})}
	for i, rid := range rids {
		e := &encoding{width: 320 << i, height: 180 << i, seq: uint16(65000 + 300*i), time: uint32(i) << 30, id: uint16(5000 * i)}
		e.Layer = s.AddLayer(Codec{MimeType: "video/VP8", ClockRate: 90000}, rid, func() { e.asked++ })
		s.layers = append(s.layers, e)
	}
	return s
}

// shoot sends a frame of 3 packets in each layer; key says which have a keyframe. The last byte names the layer.
func (s *simulcast) shoot(key ...int) {
	for i, e := range s.layers {
		e.time += 3000
		e.id++
		if e.paused {
			continue
		}
		for n := range 3 {
			b := append(vp8(e.id&0x7fff, uint8(e.id), slices.Contains(key, i))[:5], 1, 0, 0, byte(i))
			if n > 0 {
				b[0] = 0x80 // not the beginning of the frame
			} else if slices.Contains(key, i) {
				b = append(b[:5], 0, 0, 0, 0x9d, 0x01, 0x2a, byte(e.width), byte(e.width>>8), byte(e.height), byte(e.height>>8), byte(i))
			}
			e.send(&rtp.Packet{Header: rtp.Header{SequenceNumber: e.seq, Timestamp: e.time, Marker: n == 2}, Payload: b},
				s.lose != nil && s.lose(i, s.n), s.swap != nil && s.swap(i, s.n))
			e.seq++
			s.n++
		}
	}
	settle(time.Second / 30)
}

func (e *encoding) send(p *rtp.Packet, lost, late bool) {
	switch {
	case lost:
		return
	case late:
		e.late = append(e.late, p)
		return
	}
	e.Write(p)
	for _, p := range e.late {
		e.Write(p)
	}
	e.late = nil
}

func layerOfPacket(p Packet) int { return int(p.Payload[len(p.Payload)-1]) }

func isVP8Key(p Packet) bool { return StartsKeyframe("video/VP8", p.Payload) }

// check wants the packets to be one unbroken stream that changes layer at keyframes only, and lists the layers in turn.
func (s *simulcast) check(t *testing.T, packets []Packet) (layers []int) {
	t.Helper()
	contiguous(t, packets)
	var last pictureIDs
	for i, p := range packets {
		ids, _ := readPictureIDs("video/VP8", p.Payload)
		if l := layerOfPacket(p); len(layers) == 0 || layers[len(layers)-1] != l {
			if !isVP8Key(p) {
				t.Errorf("packet %d changes to layer %d without a keyframe", i, l)
			}
			layers = append(layers, l)
		}
		if d := (ids.pictureID - last.pictureID) & 0x7fff; i > 0 && (d > 1 || d != uint16(ids.tl0-last.tl0)) {
			t.Errorf("packet %d: picture id %d, TL0PICIDX %d after %d, %d", i, ids.pictureID, ids.tl0, last.pictureID, last.tl0)
		}
		last = ids
	}
	return layers
}

func want(t *testing.T, what string, got []int, want ...int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: layers %v, want %v", what, got, want)
	}
}
