package bench

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bongsu/broadcast"
)

func TestQuantiles(t *testing.T) {
	var empty histogram
	if empty.quantile(0.99) != 0 || empty.quantiles() != (Quantiles{}) {
		t.Error("nothing has quantiles")
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, spread := range []float64{1, 100, 1e4, 1e7} { // microseconds
		var h, other histogram
		var all []time.Duration
		for i := range 5000 {
			d := time.Duration(random.ExpFloat64() * spread * float64(time.Microsecond))
			all = append(all, d)
			if i%2 == 0 {
				h.add(d)
			} else {
				other.add(d)
			}
		}
		h.merge(&other)
		h.merge(&empty)
		slices.Sort(all)
		for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
			want := all[max(int(q*float64(len(all))+0.999999)-1, 0)]
			got := h.quantile(q)
			if diff := (got - want).Abs(); diff > want/30+time.Microsecond {
				t.Errorf("spread %v us: quantile %v is %v, want %v", spread, q, got, want)
			}
		}
		if h.min != all[0] || h.max != all[len(all)-1] || h.n != 5000 {
			t.Errorf("%v to %v, %d", h.min, h.max, h.n)
		}
	}
	var h histogram
	h.add(-time.Second)
	h.add(400 * 24 * time.Hour)
	if h.quantile(0) != 0 || h.quantile(1) > 400*24*time.Hour {
		t.Errorf("extremes: %v, %v", h.quantile(0), h.quantile(1))
	}
}

func TestBuckets(t *testing.T) {
	last := -1
	for us := range uint64(1 << 20) {
		b := bucketOf(us)
		if b < last || b > last+1 {
			t.Fatalf("%d us is in bucket %d after %d", us, b, last)
		}
		if last = b; bucketOf(uint64(bucketMiddle(b)/time.Microsecond)) != b {
			t.Fatalf("the middle of bucket %d, %v, is in another", b, bucketMiddle(b))
		}
	}
}

func TestStamp(t *testing.T) {
	for _, size := range []int{stampSize, 100, 1180} {
		b := make([]byte, size)
		now := time.Now().UnixNano()
		putStamp(b, 0xfedcba98, now)
		frame, sent, ok := readStamp(b)
		if !ok || frame != 0xfedcba98 || sent != now {
			t.Errorf("%d bytes: %x, %d, %v", size, frame, sent, ok)
		}
		for _, c := range b[size-stampSize:] {
			if c < 0x80 {
				t.Errorf("a stamp has the byte %#x", c)
			}
		}
		b[size-stampSize]++
		if _, _, ok := readStamp(b); ok {
			t.Error("a broken stamp is read")
		}
	}
	if _, _, ok := readStamp(make([]byte, stampSize-1)); ok {
		t.Error("a short payload has a stamp")
	}
}

// TestPayloads: a server finds in them what it looks for.
func TestPayloads(t *testing.T) {
	for _, c := range codecs() {
		for _, n := range []int{1, 2, 8} {
			b := bytes.Repeat([]byte{0xa5}, 100)
			for i := range n {
				for _, key := range []bool{true, false} {
					size := c.write(b, frame{number: 7, keyframe: key}, i, n)
					if size < 1 || size > 100-stampSize {
						t.Fatalf("%s: the head has %d bytes", c.name, size)
					}
					if got := broadcast.StartsKeyframe(c.mime(), b); got != (key && i == 0) {
						t.Errorf("%s, packet %d of %d, keyframe %v: starts a keyframe: %v", c.name, i, n, key, got)
					}
				}
			}
			c.write(b, frame{keyframe: true}, 0, n)
			sets := c.parameterSets()
			if sets == nil {
				sets = b
			}
			if w, h, ok := broadcast.Resolution(c.mime(), sets); !ok || w != pictureWidth || h != pictureHeight {
				t.Errorf("%s: the picture is %dx%d, %v", c.name, w, h, ok)
			}
		}
		if sets := c.parameterSets(); sets != nil && !broadcast.StartsKeyframe(c.mime(), sets) {
			t.Errorf("%s: the parameter sets begin no keyframe", c.name)
		}
	}
	if c, err := findCodec("h264"); err != nil || c.name != "H264" {
		t.Errorf("h264: %v, %v", c, err)
	}
	if _, err := findCodec("theora"); err == nil || !strings.Contains(err.Error(), "vp9") {
		t.Errorf("theora: %v", err)
	}
}

func TestPacketsOfAFrame(t *testing.T) {
	for _, c := range []struct {
		media   Media
		layer   int
		n, size int
	}{
		{Media{Bitrate: 2_000_000, FPS: 30}, 0, 8, 1041},
		{Media{Bitrate: 2_000_000, FPS: 30}, 1, 3, 925},
		{Media{Bitrate: 2_000_000, FPS: 30}, 2, 1, 925},
		{Media{Bitrate: 10_000, FPS: 60}, 0, 1, 64},
		{Media{Bitrate: 1_000_000_000, FPS: 25}, 0, 4238, 1179},
	} {
		if n, size := c.media.packets(c.layer); n != c.n || size != c.size {
			t.Errorf("%+v, layer %d: %d packets of %d bytes, want %d of %d", c.media, c.layer, n, size, c.n, c.size)
		}
	}
}

func TestReception(t *testing.T) {
	s := stream{ssrc: 9}
	for _, h := range without(packetsOf(0xfffe, 5, 2), 3, 4) {
		s.add(h.seq, h.time, h.marker, 0)
	}
	r := s.report(0)
	if r.SSRC != 9 || r.LastSequenceNumber != 2<<16+7 || r.TotalLost != 2 || r.FractionLost != 2*256/10 || r.LastSenderReport != 0 {
		t.Errorf("%+v", r)
	}
	s.add(8, 0, true, 0)
	s.reported.sender, s.reported.senderAt = 5, 1e9
	if r = s.report(3e9); r.FractionLost != 0 || r.TotalLost != 2 || r.LastSenderReport != 5 || r.Delay != 2*65536 {
		t.Errorf("%+v", r)
	}
	var j reported
	for i := range 1000 { // even times have no jitter, also where the timestamps wrap around
		j.received(uint32(0xffff0000+i*3000), 90000, int64(i)*1e9/30)
	}
	if j.jitter > 1 {
		t.Errorf("the jitter of even times is %v", j.jitter)
	}
}
