package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// packetsOf makes frames of so many packets each, the first with this number.
func packetsOf(first uint16, frames, packets int) (list []header) {
	for f := range frames {
		for i := range packets {
			list = append(list, header{first, uint32(f * 3000), i == packets-1})
			first++
		}
	}
	return list
}

type header struct {
	seq    uint16
	time   uint32
	marker bool
}

func without(list []header, drop ...int) []header {
	var kept []header
	for i, h := range list {
		if !slices.Contains(drop, i) {
			kept = append(kept, h)
		}
	}
	return kept
}

// moved takes the i-th out and puts it in again so many places later.
func moved(list []header, i, by int) []header {
	h := list[i]
	list = slices.Delete(slices.Clone(list), i, i+1)
	return slices.Insert(list, i+by, h)
}

func TestArrivals(t *testing.T) {
	ten := packetsOf(1, 10, 4)
	wrap := packetsOf(0xfff0, 10, 4)
	long := packetsOf(0xff00, 400, 4)
	for _, c := range []struct {
		name string
		in   []header
		want counts
	}{
		{"nothing", nil, counts{}},
		{"all", ten, counts{Packets: 40, Whole: 10}},
		{"all, with wrap-around", wrap, counts{Packets: 40, Whole: 10}},
		{"all, longer than the reach", long, counts{Packets: 1600, Whole: 400}},
		{"one lost in the middle of a frame", without(ten, 5), counts{Packets: 39, Lost: 1, Whole: 9, Broken: 1}},
		{"one lost at the wrap-around", without(wrap, 16), counts{Packets: 39, Lost: 1, Whole: 9, Broken: 1}},
		{"a marker lost: the next frame may lack its beginning", without(ten, 7), counts{Packets: 39, Lost: 1, Whole: 8, Broken: 2}},
		{"the last lost: nobody knows", without(ten, 39), counts{Packets: 39, Whole: 9}},
		{"a frame lost", without(ten, 4, 5, 6, 7), counts{Packets: 36, Lost: 4, Whole: 8, Broken: 1}},
		{"one twice", append(slices.Clone(ten[:10]), ten[9:]...), counts{Packets: 41, Duplicates: 1, Whole: 10}},
		{"the first twice", append(slices.Clone(ten[:1]), ten...), counts{Packets: 41, Duplicates: 1, Whole: 10}},
		{"out of order", moved(ten, 5, 3), counts{Packets: 40, Late: 1, Whole: 10}},
		{"out of order at the wrap-around", moved(wrap, 15, 4), counts{Packets: 40, Late: 1, Whole: 10}},
		{"later than the reach", moved(long, 2, 600), counts{Packets: 1600, Late: 1, Lost: 1, Whole: 399, Broken: 1}},
		{"before the first", moved(ten, 0, 2), counts{Packets: 40, Late: 1, Whole: 10}},
		{"more lost than the reach", without(long, rangeOf(100, 900)...), counts{Packets: 800, Lost: 800, Whole: 199, Broken: 1}},
		{"begun anew far away", append(slices.Clone(long), packetsOf(40000, 10, 4)...), counts{Packets: 1640, Late: 1, Whole: 410}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := arrivals{frames: true}
			a.span(0)
			for _, h := range c.in {
				a.add(h.seq, h.time, h.marker, 0)
			}
			a.settle()
			if a.counts != c.want {
				t.Errorf("got %+v, want %+v", a.counts, c.want)
			}
		})
	}
}

func rangeOf(from, to int) (list []int) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// TestArrivalsAddUp: whatever happens on the way, what came and what is lost are all that was sent.
func TestArrivalsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		sent := packetsOf(uint16(random.Uint32()), 300, 5)
		came := slices.Clone(sent[:1])
		dropped, twice := 0, 0
		for _, h := range sent[1 : len(sent)-1] {
			if random.IntN(20) == 0 {
				dropped++
				continue
			}
			came = append(came, h)
			if random.IntN(20) == 0 {
				came = append(came, h)
				twice++
			}
		}
		for range 100 {
			i := 1 + random.IntN(len(came)-40)
			came = moved(came, i, random.IntN(30))
		}
		came = append(came, sent[len(sent)-1])
		a := arrivals{frames: true}
		a.span(0)
		for _, h := range came {
			a.add(h.seq, h.time, h.marker, 100)
		}
		a.settle()
		if a.Lost != int64(dropped) || int(a.Duplicates) != twice || int(a.Packets) != len(came) || a.Bytes != 100*a.Packets {
			t.Fatalf("round %d: %+v; %d were dropped, %d came twice, %d in all", round, a.counts, dropped, twice, len(came))
		}
		if a.Whole+a.Broken > 300 {
			t.Fatalf("round %d: %d frames of 300", round, a.Whole+a.Broken)
		}
	}
}

// TestLateAfterAll: what was given up and comes after all is not lost.
func TestLateAfterAll(t *testing.T) {
	a := arrivals{frames: true}
	list := packetsOf(1, 4, 4)
	for _, h := range without(list, 6) {
		a.add(h.seq, h.time, h.marker, 0)
	}
	if got := a.missing(make([]uint16, 0, 8)); !slices.Equal(got, []uint16{7}) {
		t.Errorf("missing is %v", got)
	}
	if got := a.missing(make([]uint16, 0)); len(got) != 0 {
		t.Errorf("without room %v are missing", got)
	}
	a.settle()
	if a.Lost != 1 {
		t.Errorf("%d lost", a.Lost)
	}
	a.recover(7, list[6].time, false, 0)
	if a.Lost != 0 || a.Late != 1 {
		t.Errorf("%+v", a.counts)
	}
	a.recover(900, 0, false, 0) // never missed
	if a.Packets != 16 {
		t.Errorf("%+v", a.counts)
	}
}

func TestSpan(t *testing.T) {
	s := stream{step: 3000, anchored: 100}
	s.frames, s.frame = true, s.number
	s.anchor = 0xffffe000 // the timestamps wrap around within
	s.span(102)
	for i, h := range packetsOf(1, 20, 2) {
		if i != 9 { // frame 104
			s.add(h.seq, s.anchor+h.time, h.marker, 0)
		}
	}
	s.until(110)
	s.settle()
	if s.Whole != 6 || s.Broken != 2 { // 104 without its end, 105 without a known beginning
		t.Errorf("%+v", s.counts)
	}
	if n := s.number(s.anchor - 3000*2); n != 98 {
		t.Errorf("two frames before number 100 is %d", n)
	}
}

func BenchmarkArrivals(b *testing.B) {
	a := arrivals{frames: true}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a.add(uint16(i), uint32(i/8*3000), i%8 == 7, 1200)
	}
}
