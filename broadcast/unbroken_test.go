package broadcast

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestViewerSurvivesThePublisher(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		src := publish(t, h, "s", Publication{})
		c := newCamera(t, src)
		c.shoot(2, true)
		for range 5 {
			c.shoot(2, false)
		}
		src.Close()
		src.Close()
		if !errors.Is(src.Err(), ErrStopped) {
			t.Errorf("Err = %v", src.Err())
		}
		settle(4 * time.Second)
		if info, _ := h.Info("s"); info.State != Offline || !info.Since.IsZero() {
			t.Errorf("info %+v", info)
		}
		c = newCamera(t, publish(t, h, "s", Publication{}))
		c.seq, c.time = 7, 99 // it counts from elsewhere
		for range 3 {
			c.shoot(2, false)
		}
		c.shoot(2, true)
		c.shoot(2, false)
		got := sc.take()
		if len(got) != 4+10+4+2 {
			t.Fatalf("%d packets, want 20", len(got))
		}
		contiguous(t, got)
		gap := got[14].Header.Timestamp - got[13].Header.Timestamp
		if gap < 90000*4 || gap > 90000*9/2 {
			t.Errorf("the timestamps moved by %.2f s over a break of about 4.1 s", float64(gap)/90000)
		}
	})
}

func TestFallBackAndReturn(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		file := newCamera(t, publish(t, h, "s", Publication{Priority: -1}))
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		file.shoot(1, true)
		src := publish(t, h, "s", Publication{Credential: "k"})
		file.shoot(1, false) // no media from the publisher yet: the file goes on
		if got := sc.take(); len(got) != 4 {
			t.Fatalf("%d packets of the file, want 4", len(got))
		}
		c := newCamera(t, src)
		c.shoot(1, false)
		file.shoot(1, false) // nothing decodable yet
		c.shoot(1, true)
		file.shoot(1, false)
		src.Close()
		settle(10 * time.Millisecond) // the file is back at once, with what it has since its keyframe
		file.shoot(1, true)
		got := sc.take()
		contiguous(t, got)
		var kinds []byte
		for _, p := range got {
			kinds = append(kinds, p.Payload[0])
		}
		if want := "\x41\x67\x68\x65\x67\x68\x65\x41\x41\x41\x67\x68\x65"; string(kinds) != want {
			t.Errorf("got %x, want a frame of the file, the publisher's keyframe, the file from its keyframe on, the next keyframe", kinds)
		}
	})
}

func TestTakeover(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		a := publish(t, h, "s", Publication{Credential: "a"})
		if _, err := h.Publish("s", Publication{Credential: "b"}); !errors.Is(err, ErrBusy) {
			t.Errorf("another publisher: %v, want ErrBusy", err)
		}
		if a.Err() != nil {
			t.Error("the first publisher was disturbed")
		}
		b := publish(t, h, "s", Publication{Credential: "a"})
		select {
		case <-a.Done():
		default:
			t.Fatal("the first publisher is still there")
		}
		if !errors.Is(a.Err(), ErrReplaced) {
			t.Errorf("Err = %v", a.Err())
		}
		a.Close()
		c := newCamera(t, b)
		c.shoot(1, true)
		if info, _ := h.Info("s"); info.State != Live {
			t.Errorf("state %q", info.State)
		}
	})
}

func TestStreamsComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		if _, err := h.Publish("a/b", Publication{}); !errors.Is(err, ErrName) {
			t.Errorf("bad name: %v", err)
		}
		if _, err := h.Subscribe("", Subscription{}); !errors.Is(err, ErrName) {
			t.Errorf("no name: %v", err)
		}
		release, err := h.Pin("lobby")
		if err != nil {
			t.Fatal(err)
		}
		src := publish(t, h, "b", Publication{})
		newCamera(t, src).shoot(3, true)
		_, s := watch(t, h, "c")
		var names []string
		for _, i := range h.Streams() {
			names = append(names, i.Name)
		}
		if len(names) != 3 || names[0] != "b" || names[1] != "c" || names[2] != "lobby" {
			t.Errorf("streams %q", names)
		}
		src.Close()
		s.Close()
		s.Close()
		release()
		release()
		if n := len(h.Streams()); n != 0 {
			t.Errorf("%d streams left", n)
		}
		if n := h.cache.used.Load(); n != 0 {
			t.Errorf("%d bytes are still counted as cached", n)
		}
	})
}

func TestUnsupportedCodecThenSupported(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		sc := &screen{}
		only := func(c Codec) (uint8, bool) { return 100, c.MimeType == "video/H264" }
		s, err := h.Subscribe("s", Subscription{Sink: sc, Video: &Output{SSRC: 1, PayloadType: only}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.Start()
		src := publish(t, h, "s", Publication{})
		av1 := src.AddLayer(Codec{MimeType: "video/VP8", ClockRate: 90000}, "", nil)
		av1.Write(&rtp.Packet{Header: rtp.Header{Marker: true}, Payload: vp8(1, 1, true)})
		settle(time.Second)
		if got := sc.take(); len(got) != 0 {
			t.Errorf("%d packets that the viewer can't decode", len(got))
		}
		src.Close()
		c := newCamera(t, publish(t, h, "s", Publication{}))
		c.shoot(1, true)
		if got := sc.take(); len(got) != 3 || got[0].Header.PayloadType != 100 {
			t.Errorf("%d packets of the new source, want 3", len(got))
		}
	})
}

func TestLostPlaceGoesOnAtAKeyframe(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		h.config.GOPBytes = 20_000
		c := newCamera(t, publish(t, h, "s", Publication{}))
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		c.shoot(1, true)
		// Far more than the ring holds within one moment: the writer can't have read it in between.
		c.layer.ring.mu.Lock()
		for i := range 2000 {
			c.layer.accept(&rtp.Packet{Header: rtp.Header{SequenceNumber: c.seq + uint16(i), Timestamp: c.time}, Payload: make([]byte, 100)}, h.now())
		}
		c.seq += 2000
		c.layer.ring.visible = c.layer.ring.head
		c.layer.ring.mu.Unlock()
		c.time += 3000
		c.shoot(1, false)
		sc.take()
		c.shoot(1, true)
		c.shoot(1, false)
		got := sc.take()
		if len(got) != 4 || got[0].Payload[0] != sps[0] {
			t.Fatalf("%d packets after the loss, want the keyframe and the next frame", len(got))
		}
		contiguous(t, got)
		if s.Stats().Dropped == 0 {
			t.Error("the loss was not counted")
		}
	})
}

func TestResend(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		c.shoot(3, true)
		first := sc.take()
		n := first[1].Header.SequenceNumber
		s.Resend(1, []uint16{n, n + 1000})
		s.Resend(99, []uint16{n})
		settle(time.Millisecond)
		again := sc.take()
		if len(again) != 1 || again[0].Header.SequenceNumber != n || string(again[0].Payload) != string(first[1].Payload) {
			t.Errorf("sent again: %d packets", len(again))
		}
	})
}

func TestSenderReportsKeepLipSync(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		src := publish(t, h, "s", Publication{})
		sound := src.AddLayer(opus, "", nil)
		c := newCamera(t, src)
		theirs := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC) // the publisher's clock is far off
		c.layer.SetClock(c.time, theirs)
		sound.SetClock(48000, theirs.Add(500*time.Millisecond))
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		begin := time.Now()
		for i := range 40 {
			sound.Write(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: 24000 + uint32(i)*1600}, Payload: []byte{1}})
			c.shoot(1, i == 0)
		}
		sc.mu.Lock()
		defer sc.mu.Unlock()
		if len(sc.reports) < 4 {
			t.Fatalf("%d reports in 1.3 s of two tracks", len(sc.reports))
		}
		for _, r := range sc.reports {
			at := timeOfNTP(r.NTPTime).Sub(begin).Seconds()
			var want uint32
			switch r.SSRC {
			case 1:
				want = 1<<31 + uint32(at*90000)
			case 2:
				want = 24000 + uint32(at*48000)
			}
			if d := int32(r.RTPTime - want); d < -50 || d > 50 {
				t.Errorf("SSRC %d: at %.3f s the report says %d, want %d", r.SSRC, at, r.RTPTime, want)
			}
			if r.PacketCount == 0 {
				t.Error("a report counts no packets")
			}
		}
	})
}

func timeOfNTP(ntp uint64) time.Time {
	return time.Unix(int64(ntp>>32)-2208988800, int64(ntp&0xffffffff*1e9>>32))
}

func TestManyViewersComeAndGo(t *testing.T) {
	h := New(Config{Writers: 3})
	defer h.Close()
	c := &camera{t: t, seq: 1}
	c.layer = publish(t, h, "s", Publication{}).AddLayer(h264, "", nil)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			c.write([]byte{0x65, byte(i)}, true)
			c.time += 3000
		}
	})
	for range 50 {
		wg.Go(func() {
			for range 20 {
				sc, s := watch(t, h, "s")
				s.Start()
				s.RequestKeyframe()
				s.Close()
				sc.mu.Lock()
				sc.closed = true
				sc.mu.Unlock()
				sc.take()
				if sc.mu.Lock(); sc.late > 0 {
					t.Error("the sink was called after Close")
				}
				sc.mu.Unlock()
			}
		})
	}
	go func() { defer close(stop); <-time.After(300 * time.Millisecond) }()
	wg.Wait()
	if info, _ := h.Info("s"); info.Viewers != 0 {
		t.Errorf("%d viewers left", info.Viewers)
	}
	for _, w := range h.writers {
		if n := w.load.Load(); n != 0 {
			t.Errorf("writer %d still counts %d viewers", w.id, n)
		}
	}
}

func TestWritersShareTheWorkAgainAfterManyHaveLeft(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		c.shoot(2, true)
		type pair struct {
			*screen
			*Subscriber
		}
		var all []pair
		for range 80 {
			sc, s := watch(t, h, "s")
			s.Start()
			all = append(all, pair{sc, s})
		}
		c.shoot(2, false)
		var leave []pair // everybody whom the first writer serves
		for _, p := range all {
			if p.writer.Load() == h.writers[0] {
				leave = append(leave, p)
			}
		}
		for _, p := range leave {
			p.Close()
			c.write([]byte{0x41, 1}, true)
		}
		c.shoot(2, false)
		a, b := h.writers[0].load.Load(), h.writers[1].load.Load()
		if a+b != 40 || a < 10 || b < 10 {
			t.Errorf("the writers have %d and %d subscribers", a, b)
		}
		for _, p := range all {
			if p.from != never {
				contiguous(t, p.take())
			}
			p.Close()
		}
		if n := h.writers[0].load.Load() + h.writers[1].load.Load(); n != 0 {
			t.Errorf("%d subscribers are still counted", n)
		}
	})
}
