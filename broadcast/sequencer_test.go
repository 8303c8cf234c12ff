package broadcast

import (
	"slices"
	"testing"
)

func TestSequencerExtends(t *testing.T) {
	for _, c := range []struct {
		name  string
		in    []uint16
		want  []int // distance from the first, in the layer's numbers
		drops []int // indexes that are dropped
	}{
		{"in order", []uint16{7, 8, 9}, []int{0, 1, 2}, nil},
		{"loss keeps its gap", []uint16{7, 10}, []int{0, 3}, nil},
		{"reordered", []uint16{7, 9, 8, 10}, []int{0, 2, 1, 3}, nil},
		{"before the first", []uint16{7, 6}, []int{0, -1}, nil},
		{"wrap", []uint16{65534, 65535, 0, 1}, []int{0, 1, 2, 3}, nil},
		{"wrap, reordered", []uint16{65535, 1, 0, 65534}, []int{0, 2, 1, -1}, nil},
		{"one stray packet", []uint16{5000, 100, 5001}, []int{0, 0, 1}, []int{1}},
		{"source begins anew", []uint16{5000, 100, 101, 102}, []int{0, 0, 1, 2}, []int{1}},
		{"source begins anew across zero", []uint16{40000, 20000, 20001, 20002}, []int{0, 0, 1, 2}, []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s sequencer
			var first uint64
			for i, seq := range c.in {
				ext, _, ok := s.extend(seq)
				if ok == slices.Contains(c.drops, i) {
					t.Fatalf("packet %d (%d): ok = %v", i, seq, ok)
				}
				if !ok {
					continue
				}
				n := s.number(ext)
				if i == 0 {
					first = n
				}
				if int64(n-first) != int64(c.want[i]) {
					t.Errorf("packet %d (%d): number %+d, want %+d", i, seq, int64(n-first), c.want[i])
				}
			}
		})
	}
}

func TestSequencerSwallowsAndInserts(t *testing.T) {
	var s sequencer
	next := func(seq uint16) uint64 {
		ext, _, ok := s.extend(seq)
		if !ok {
			t.Fatalf("%d dropped", seq)
		}
		return ext
	}
	base := s.number(next(65530))
	at := func(ext uint64) int64 { return int64(s.number(ext) - base) }

	s.swallow(next(65531))
	s.swallow(next(65532))
	if got := at(next(65533)); got != 1 {
		t.Errorf("after two swallowed packets: %+d, want +1", got)
	}
	lost := next(65535) // 65534 is late
	if got := at(lost); got != 3 {
		t.Errorf("after a gap: %+d, want +3", got)
	}
	key := next(0)
	if got := int64(s.insert(key) - base); got != 4 {
		t.Errorf("inserted packet: %+d, want +4", got)
	}
	if got := at(key); got != 5 {
		t.Errorf("what it was put before: %+d, want +5", got)
	}
	if got := at(next(65534)); got != 2 {
		t.Errorf("late packet: %+d, want +2, the gap", got)
	}
	if got := at(next(1)); got != 6 {
		t.Errorf("next: %+d, want +6", got)
	}
}

func TestSequencerForgetsOldShifts(t *testing.T) {
	var s sequencer
	ext, _, _ := s.extend(0)
	prev := s.number(ext)
	for seq := uint16(1); seq < 5000; seq++ {
		ext, _, ok := s.extend(seq)
		if !ok {
			t.Fatalf("%d dropped", seq)
		}
		if seq%3 == 0 {
			s.swallow(ext)
			continue
		}
		if n := s.number(ext); n != prev+1 {
			t.Fatalf("packet %d has number %d after %d", seq, n, prev)
		}
		prev++
	}
	if len(s.shifts) > maxShifts {
		t.Errorf("%d shifts kept", len(s.shifts))
	}
	if _, _, ok := s.extend(4990); !ok {
		t.Error("a packet only just late was dropped")
	}
	if _, _, ok := s.extend(4100); ok {
		t.Error("a packet older than what is remembered was numbered by guess")
	}
}
