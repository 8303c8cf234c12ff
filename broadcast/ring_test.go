package broadcast

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

func numbered(seq uint64, size int) packet {
	b := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(b, seq)
	return packet{seq: seq, payload: b}
}

func (r *ring) pushVisible(p packet) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	pos := r.push(p)
	r.visible = r.head
	return pos
}

func TestRingKeepsArrivalOrderAndFindsByNumber(t *testing.T) {
	r := newRing(1<<20, int64(time.Minute), &budget{max: 1 << 40})
	order := []uint64{65534, 65536, 65535, 65540, 65537} // a late one, and a gap across a multiple of the size
	for _, seq := range order {
		r.pushVisible(numbered(seq, 100))
	}
	out := make([]packet, 10)
	n, lost := r.read(0, out)
	if n != len(order) || lost {
		t.Fatalf("read %d packets, lost %v", n, lost)
	}
	for i, seq := range order {
		if out[i].seq != seq || binary.BigEndian.Uint64(out[i].payload) != seq {
			t.Errorf("position %d: packet %d, want %d", i, out[i].seq, seq)
		}
		if p, ok := r.find(seq); !ok || p.seq != seq {
			t.Errorf("find(%d) = %d, %v", seq, p.seq, ok)
		}
	}
	for _, seq := range []uint64{65538, 65539, 65541, 0, 65534 + ringSlots} {
		if _, ok := r.find(seq); ok {
			t.Errorf("find(%d) found what never came", seq)
		}
	}
}

func TestRingHidesWhatIsNotPublished(t *testing.T) {
	r := newRing(1<<20, int64(time.Minute), &budget{max: 1 << 40})
	r.push(numbered(1, 10))
	if n, _ := r.read(0, make([]packet, 1)); n != 0 {
		t.Error("a reader saw a frame that was not complete")
	}
	if _, ok := r.find(1); ok {
		t.Error("a packet was found before it was seen")
	}
}

func TestRingStoresCopies(t *testing.T) {
	r := newRing(1<<20, int64(time.Minute), &budget{max: 1 << 40})
	p := numbered(1, 64)
	want := bytes.Clone(p.payload)
	r.pushVisible(p)
	clear(p.payload)
	out := make([]packet, 1)
	r.read(0, out)
	if !bytes.Equal(out[0].payload, want) {
		t.Fatal("the ring shares memory with who wrote the packet")
	}
	for seq := range uint64(4 * ringSlots) { // what was read stays as it is while the ring goes on
		r.pushVisible(numbered(seq+2, 1200))
	}
	if !bytes.Equal(out[0].payload, want) {
		t.Fatal("a packet changed under its reader")
	}
	if _, lost := r.read(0, out); !lost {
		t.Error("position 0 should be gone")
	}
}

func TestRingGrowsForAGroupOfPictures(t *testing.T) {
	r := newRing(64<<20, int64(time.Minute), &budget{max: 1 << 40})
	key := r.pushVisible(numbered(1, 1000))
	r.markKey(key, 1, 0, 0)
	for seq := uint64(2); seq <= 5*ringSlots; seq++ {
		r.pushVisible(numbered(seq, 1000))
	}
	pos, seq, ok := r.start()
	if !ok || pos != key || seq != 1 {
		t.Fatalf("start = %d, %d, %v; the keyframe should still be there", pos, seq, ok)
	}
	out := make([]packet, 6*ringSlots)
	if n, lost := r.read(pos, out); n != 5*ringSlots || lost {
		t.Fatalf("read %d packets, lost %v", n, lost)
	}
	for i := range 5 * ringSlots {
		if out[i].seq != uint64(i+1) {
			t.Fatalf("packet %d has number %d", i, out[i].seq)
		}
	}
}

func TestRingBounds(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		r := newRing(100_000, int64(time.Minute), &budget{max: 1 << 40})
		r.markKey(r.pushVisible(numbered(1, 1000)), 1, 0, 0)
		for seq := uint64(2); seq < 300; seq++ {
			r.pushVisible(numbered(seq, 1000))
		}
		if _, _, ok := r.start(); ok {
			t.Error("a group of pictures larger than the bound is still offered")
		}
		if r.bytes > 101_000 {
			t.Errorf("%d bytes kept", r.bytes)
		}
	})
	t.Run("time", func(t *testing.T) {
		r := newRing(64<<20, int64(time.Second), &budget{max: 1 << 40})
		r.markKey(r.pushVisible(numbered(1, 100)), 1, 0, 0)
		for seq := uint64(2); seq < 2*ringSlots; seq++ {
			p := numbered(seq, 100)
			p.arrival = int64(2 * time.Second)
			r.pushVisible(p)
		}
		if _, _, ok := r.start(); ok || len(r.slots) != ringSlots {
			t.Errorf("an old group of pictures is kept in %d slots", len(r.slots))
		}
	})
	t.Run("all rings together", func(t *testing.T) {
		all := &budget{max: 5 << 20}
		small, large := newRing(64<<20, int64(time.Minute), all), newRing(64<<20, int64(time.Minute), all)
		for _, r := range []*ring{small, large} {
			r.markKey(r.pushVisible(numbered(1, 1000)), 1, 0, 0)
		}
		for seq := uint64(2); seq < 10_000; seq++ {
			large.pushVisible(numbered(seq, 1000))
			if seq < 500 {
				small.pushVisible(numbered(seq, 1000))
			}
		}
		if used := all.used.Load(); used > 6<<20 || used != int64(small.bytes+large.bytes) {
			t.Errorf("%d bytes are counted, %d and %d kept", used, small.bytes, large.bytes)
		}
		if _, _, ok := small.start(); !ok {
			t.Error("the small one had to give way")
		}
	})
	t.Run("history", func(t *testing.T) {
		r := newRing(64<<20, int64(time.Minute), &budget{max: 1 << 40})
		for i := range 200 {
			p := numbered(uint64(i), 100)
			p.arrival = int64(i) * int64(20*time.Millisecond) // sound
			r.pushVisible(p)
		}
		if kept := r.head - r.tail; kept > 152 || kept < 149 {
			t.Errorf("%d packets kept of 3 s at 50 a second", kept)
		}
	})
}

// Random arrivals must never give a wrong packet: right or none.
func TestRingAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := newRing(1<<20, int64(time.Minute), &budget{max: 1 << 40})
	var model []uint64
	next := uint64(1 << 16)
	for range 20_000 {
		next += uint64(rng.IntN(3)) // 0: once more, late
		seq := next - uint64(rng.IntN(4))
		if r.has(seq) {
			continue
		}
		pos := r.pushVisible(numbered(seq, 20))
		if pos != uint64(len(model)) {
			t.Fatalf("position %d after %d packets", pos, len(model))
		}
		model = append(model, seq)
		if rng.IntN(100) == 0 {
			r.markKey(pos, seq, 0, 0)
		}
		at := pos - uint64(rng.IntN(min(len(model), 2*ringSlots)))
		out := make([]packet, 3)
		n, lost := r.read(at, out)
		if lost != (at < r.tail) {
			t.Fatalf("read(%d): lost %v with tail %d", at, lost, r.tail)
		}
		for i := range n {
			if want := model[at+uint64(i)]; out[i].seq != want || binary.BigEndian.Uint64(out[i].payload) != want {
				t.Fatalf("position %d holds %d, want %d", at+uint64(i), out[i].seq, want)
			}
		}
		if p, ok := r.find(model[at]); ok && p.seq != model[at] {
			t.Fatalf("find(%d) = %d", model[at], p.seq)
		}
	}
}
