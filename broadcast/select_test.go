package broadcast

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestSelect: a viewer gets the layer that it asks for from its next keyframe on, and the one before until then; the
// publisher is asked for that keyframe once, whoever else wants it; without a wish it gets the largest (V-33, V-36, V-39).
func TestSelect(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		p := newSimulcast(t, h, "q", "h", "f")
		p.shoot(0, 1, 2)
		sc, s := watch(t, h, "s")
		defer s.Close()
		other, o := watch(t, h, "s")
		defer o.Close()
		s.Start()
		o.Start()
		for range 30 {
			p.shoot()
		}
		got := sc.take()
		want(t, "automatic", p.check(t, got), 2)
		for _, v := range []*Subscriber{s, o} {
			if err := v.Select(Selection{RID: "q"}); err != nil {
				t.Fatal(err)
			}
		}
		for range 9 {
			p.shoot() // no keyframe yet
		}
		if n := p.layers[0].asked; n != 1 || p.layers[1].asked+p.layers[2].asked > 0 {
			t.Errorf("asked for %d keyframes of q in 0.3 s, of h and f %d", n, p.layers[1].asked+p.layers[2].asked)
		}
		p.shoot(1) // of another layer
		p.shoot(0)
		p.shoot()
		if err := s.Select(Selection{}); err != nil {
			t.Fatal(err)
		}
		p.shoot()
		p.shoot(0, 1, 2)
		p.shoot()
		got = append(got, sc.take()...)
		want(t, "q and back", p.check(t, got), 2, 0, 2)
		want(t, "the other", p.check(t, other.take()), 2, 0)
		for i := 1; i < len(got); i++ { // the picture goes on in time as it did
			if d := got[i].Header.Timestamp - got[i-1].Header.Timestamp; d > 2*3000 {
				t.Errorf("packet %d is %d units after the one before", i, d)
			}
		}
		if n := s.Stats().Dropped; n > 0 {
			t.Errorf("dropped %d", n)
		}
	})
}

// TestSelectBySize takes the largest picture within bounds, or else the smallest (V-35).
func TestSelectBySize(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		p := newSimulcast(t, h, "q", "h", "f")
		p.shoot(0, 1, 2)
		for _, c := range []struct {
			Selection
			layer int
		}{
			{Selection{}, 2},
			{Selection{MaxWidth: 1280}, 2},
			{Selection{MaxWidth: 1279}, 1},
			{Selection{MaxHeight: 360}, 1},
			{Selection{MaxWidth: 1280, MaxHeight: 200}, 0},
			{Selection{MaxWidth: 1}, 0},
			{Selection{RID: "h", MaxWidth: 1}, 1},
		} {
			sc, s := watch(t, h, "s")
			s.Start()
			if err := s.Select(c.Selection); err != nil {
				t.Fatal(err)
			}
			p.shoot()
			p.shoot(0, 1, 2)
			p.shoot()
			got := sc.take()
			layers := p.check(t, got)
			if len(layers) == 0 || layers[len(layers)-1] != c.layer {
				t.Errorf("%+v: layers %v, want %d", c.Selection, layers, c.layer)
			}
			s.Close()
		}
	})
}

// TestSelectOutlivesTheSource: the choice holds for the next source if that has the layer; the server chooses while it has not.
func TestSelectOutlivesTheSource(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		err := s.Select(Selection{RID: "h"})
		if !errors.Is(err, ErrNoLayer) || !strings.Contains(err.Error(), "not a simulcast") {
			t.Errorf("without a source: %v", err)
		}
		p := newSimulcast(t, h, "q", "h", "f")
		p.shoot(0, 1, 2)
		if err := s.Select(Selection{RID: "x"}); !errors.Is(err, ErrNoLayer) || !strings.Contains(err.Error(), "q, h, f") {
			t.Errorf("an unknown rid: %v", err)
		}
		if err := s.Select(Selection{RID: "h"}); err != nil {
			t.Fatal(err)
		}
		p.shoot(0, 1, 2)
		got := sc.take()
		layers := p.check(t, got) // perhaps the smallest first, which came first
		want(t, "chosen", layers[max(len(layers)-2, 0):], 2, 1)
		p.Close()
		for _, c := range []struct {
			rids  []string
			layer int
		}{{[]string{"h", "f"}, 0}, {[]string{"a", "b"}, 1}, {[]string{""}, 0}, {[]string{"f", "h"}, 1}} {
			p = newSimulcast(t, h, c.rids...)
			p.shoot(0, 1)
			p.shoot(0, 1)
			more := sc.take()
			if last := layerOfPacket(more[len(more)-1]); last != c.layer {
				t.Errorf("a source with %q: layer %d, want %d", c.rids, last, c.layer)
			}
			got = append(got, more...)
			p.Close()
		}
		contiguous(t, got)
	})
}

// TestPausedLayer: a layer that goes silent gives way, to chosen and automatic viewers alike, and comes back with its next
// keyframe. A picture that seldom changes is no pause.
func TestPausedLayer(t *testing.T) {
	for _, c := range []struct {
		name   string
		choice Selection
		pause  int // layer
		layers []int
	}{
		{"automatic", Selection{}, 2, []int{2, 1, 2}},
		{"chosen", Selection{RID: "h"}, 1, []int{1, 2, 1}},
		{"another", Selection{RID: "h"}, 2, []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) { testPause(t, c.choice, c.pause, c.layers) })
	}
	bubble(t, func(t *testing.T, h *Hub) {
		p := newSimulcast(t, h, "q", "h", "f")
		p.shoot(0, 1, 2)
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		for range 10 {
			p.shoot()
			settle(3 * time.Second)
		}
		want(t, "a slideshow", p.check(t, sc.take()), 2)
	})
}

func testPause(t *testing.T, choice Selection, pause int, layers []int) {
	bubble(t, func(t *testing.T, h *Hub) {
		p := newSimulcast(t, h, "q", "h", "f")
		p.shoot(0, 1, 2)
		sc, s := watch(t, h, "s")
		defer s.Close()
		if err := s.Select(choice); err != nil {
			t.Fatal(err)
		}
		s.Start()
		p.shoot()
		p.layers[pause].paused = true
		for i := range 150 {
			if i == 30 {
				p.shoot(0, 1, 2) // only this keyframe, long before the pause is noticed
			} else {
				p.shoot()
			}
		}
		if err := s.Select(Selection{RID: []string{"q", "h", "f"}[pause]}); !errors.Is(err, ErrNoLayer) || !strings.Contains(err.Error(), "paused") {
			t.Errorf("a paused layer: %v", err)
		}
		for _, l := range s.Status().Layers {
			if (l.Bitrate == 0) != (l.RID == []string{"q", "h", "f"}[pause]) {
				t.Errorf("%+v", l)
			}
		}
		p.layers[pause].paused = false
		p.shoot(pause)
		for range 60 {
			p.shoot()
		}
		p.shoot(pause)
		p.shoot()
		want(t, "a pause and its end", p.check(t, sc.take()), layers...)
	})
}

// TestSelectWithLossAndReordering: what is lost or late on the way to the server is that for the viewer too, through every
// switch, and nothing else.
func TestSelectWithLossAndReordering(t *testing.T) {
	for _, c := range []struct {
		name       string
		lose, swap func(layer, packet int) bool
	}{
		{"loss", func(_, n int) bool { return n%11 == 7 }, nil},
		{"reordering", nil, func(_, n int) bool { return n%7 == 4 }},
		{"both", func(_, n int) bool { return n%13 == 9 }, func(_, n int) bool { return n%9 == 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *Hub) {
				p := newSimulcast(t, h, "q", "h", "f")
				p.shoot(0, 1, 2)
				sc, s := watch(t, h, "s")
				defer s.Close()
				s.Start()
				p.shoot()
				p.lose, p.swap = c.lose, c.swap
				random := rand.New(rand.NewPCG(1, 2))
				for i := range 600 {
					if i%40 == 0 {
						if err := s.Select(Selection{RID: []string{"q", "h", "f"}[random.IntN(3)]}); err != nil {
							t.Fatal(err)
						}
					}
					if i%15 == 0 {
						p.shoot(0, 1, 2)
					} else {
						p.shoot()
					}
				}
				checkSwitches(t, sc.take(), c.lose != nil)
			})
		})
	}
}

// checkSwitches wants no number twice, gaps only by loss, and at least a dozen switches, each of which goes forward.
func checkSwitches(t *testing.T, got []Packet, lossy bool) {
	t.Helper()
	seen := map[uint16]bool{}
	low, high := got[0].Header.SequenceNumber, got[0].Header.SequenceNumber
	switches, from, newest := 0, layerOfPacket(got[0]), got[0].Header
	for i, p := range got {
		n := p.Header.SequenceNumber
		if seen[n] {
			t.Errorf("number %d twice", n)
		}
		seen[n] = true
		if int16(n-high) > 0 {
			high = n
		}
		if l := layerOfPacket(p); l != from {
			switches, from = switches+1, l
			if int16(n-newest.SequenceNumber) <= 0 || int32(p.Header.Timestamp-newest.Timestamp) <= 0 {
				t.Errorf("packet %d: layer %d begins at %+v after %+v", i, l, p.Header, newest)
			}
		}
		if int16(n-newest.SequenceNumber) > 0 {
			newest = p.Header
		}
	}
	if missing := int(high-low) + 1 - len(seen); (missing > 0) != lossy || missing > len(got)/5 {
		t.Errorf("%d of %d numbers are missing", missing, len(got))
	}
	if switches < 5 {
		t.Errorf("only %d switches", switches)
	}
}

// TestStatus: what a viewer may know, and the turns of its stream.
func TestStatus(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		_, s := watch(t, h, "s")
		defer s.Close()
		before := s.Status()
		if before.Live() || before.Turns != 0 || before.Viewers != 1 || len(before.Layers) > 0 {
			t.Errorf("offline: %+v", before)
		}
		p := newSimulcast(t, h, "q", "h", "f")
		p.shoot(0, 2)
		<-before.Turn
		for range 40 {
			p.shoot()
		}
		now := s.Status()
		if !now.Live() || now.Turns != 1 || len(now.Layers) != 3 {
			t.Fatalf("live: %+v", now)
		}
		if q := now.Layers[0]; q.RID != "q" || q.Width != 320 || q.Height != 180 || q.Bitrate < 30*3*9*8-500 || q.Bitrate > 30*3*9*8+500 {
			t.Errorf("layer %+v", q)
		}
		if l := now.Layers[1]; l.RID != "h" || l.Width != 0 || l.Bitrate == 0 {
			t.Errorf("layer %+v", l)
		}
		again := newSimulcast(t, h, "q") // takes over: no turn
		again.shoot(0)
		again.Close()
		<-now.Turn
		if end := s.Status(); end.Turns != 2 || end.Live() {
			t.Errorf("ended: %+v", end)
		}
	})
}
