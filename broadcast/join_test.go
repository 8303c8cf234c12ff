package broadcast

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestJoinInTheMiddleOfAGroup(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		c.shoot(3, true)
		for range 10 {
			c.shoot(2, false)
		}
		c.shoot(3, true) // the newest keyframe: two parameter sets and three packets
		keyTime := c.time - 3000
		for range 10 {
			c.shoot(2, false)
		}
		sc, s := watch(t, h, "s")
		defer s.Close()
		settle(time.Second)
		if got := sc.take(); len(got) != 0 {
			t.Fatalf("%d packets before Start", len(got))
		}
		s.Start()
		settle(50 * time.Millisecond)
		got := sc.take()
		if len(got) != 25 {
			t.Fatalf("%d packets in the burst, want 25", len(got))
		}
		if got[0].Payload[0] != sps[0] || got[1].Payload[0] != pps[0] || got[2].Payload[0] != 0x65 {
			t.Errorf("the burst does not begin with parameter sets and keyframe: %x %x %x", got[0].Payload[0], got[1].Payload[0], got[2].Payload[0])
		}
		if got[0].Header.Timestamp != keyTime || got[24].Header.Timestamp != keyTime+10*3000 {
			t.Errorf("timestamps are not the source's own")
		}
		c.shoot(2, false)
		got = append(got, sc.take()...)
		contiguous(t, got)
		if len(got) != 27 {
			t.Errorf("%d packets with the next live frame, want 27", len(got))
		}
	})
}

func TestHold(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		c.shoot(3, true)
		sc := &screen{}
		s, err := h.Subscribe("s", Subscription{Sink: sc, Video: &Output{SSRC: 1, PayloadType: any96}, Hold: 30 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.Start()
		settle(29 * time.Millisecond)
		if got := sc.take(); len(got) != 0 {
			t.Fatalf("%d packets during the hold", len(got))
		}
		settle(2 * time.Millisecond)
		if got := sc.take(); len(got) != 5 {
			t.Fatalf("%d packets after it, want 5", len(got))
		}
	})
}

func TestBurstIsPacedAndLiveStaysBehindIt(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		c.size = 1200
		c.shoot(100, true)
		for range 60 {
			c.shoot(10, false)
		}
		sc, s := watch(t, h, "s")
		defer s.Close()
		begin := time.Now()
		s.Start()
		for range 30 { // live goes on meanwhile
			c.shoot(10, false)
		}
		sc.mu.Lock()
		packets, at := sc.packets, sc.at
		sc.mu.Unlock()
		contiguous(t, packets)
		if want := 102 + 60*10 + 30*10; len(packets) != want {
			t.Fatalf("%d packets, want %d", len(packets), want)
		}
		// 700 packets of 1200 bytes at 20 Mbit/s and the live rate of 2.9: about 0.3 s.
		behind := at[701].Sub(begin)
		if behind < 200*time.Millisecond || behind > 450*time.Millisecond {
			t.Errorf("the burst took %v", behind)
		}
		most, inTick := 0, 0
		for i := 15; i <= 701; i++ { // after the head that goes out at once
			if inTick++; at[i] != at[i-1] {
				inTick = 1
			}
			most = max(most, inTick)
		}
		if most > 8 {
			t.Errorf("%d packets of the burst at one moment", most)
		}
		if last := at[len(at)-1]; time.Since(last) > 50*time.Millisecond {
			t.Errorf("the viewer is %v behind", time.Since(last))
		}
	})
}

func TestViewerComesBeforeThePublisher(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		sc, s := watch(t, h, "봉수")
		defer s.Close()
		s.Start()
		settle(time.Second)
		if info, ok := h.Info("봉수"); !ok || info.State != Offline || info.Viewers != 1 {
			t.Errorf("info %+v, %v", info, ok)
		}
		c := newCamera(t, publish(t, h, "봉수", Publication{}))
		c.shoot(2, false) // not decodable
		if got := sc.take(); len(got) != 0 {
			t.Errorf("%d packets before the first keyframe", len(got))
		}
		if c.asked != 1 {
			t.Errorf("the publisher was asked for a keyframe %d times, want once", c.asked)
		}
		c.shoot(2, true)
		c.shoot(2, false)
		got := sc.take()
		if len(got) != 6 {
			t.Errorf("%d packets, want 6", len(got))
		}
		contiguous(t, got)
	})
}

func TestKeyframeRequestsAreMerged(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		c.shoot(1, true)
		var all []*Subscriber
		for range 20 {
			_, s := watch(t, h, "s")
			defer s.Close()
			s.Start()
			all = append(all, s)
		}
		settle(5 * time.Second)
		for range 10 { // a second of everybody asking each 100 ms
			for _, s := range all {
				s.RequestKeyframe()
			}
			settle(100 * time.Millisecond)
		}
		if c.asked != 2 {
			t.Errorf("the publisher was asked %d times in a second, want 2", c.asked)
		}
	})
}

func TestEarlyPLIGetsTheKeyframeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		c.shoot(3, true)
		c.shoot(1, false)
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		settle(400 * time.Millisecond)
		first := sc.take()
		s.RequestKeyframe()
		settle(20 * time.Millisecond)
		again := sc.take()
		if len(again) != 6 || again[0].Payload[0] != sps[0] {
			t.Fatalf("%d packets after an early PLI, want the group of 6 again", len(again))
		}
		if again[0].Header.Timestamp != first[0].Header.Timestamp {
			t.Error("the picture has another timestamp the second time")
		}
		if again[0].Header.SequenceNumber != first[5].Header.SequenceNumber+1 {
			t.Error("the numbers don't go on")
		}
		settle(5 * time.Second)
		s.RequestKeyframe()
		settle(500 * time.Millisecond)
		s.RequestKeyframe()
		settle(20 * time.Millisecond)
		if late := sc.take(); len(late) != 0 {
			t.Errorf("a late PLI brought %d packets of the past while the publisher may still answer it", len(late))
		}
		settle(500 * time.Millisecond)
		s.RequestKeyframe()
		s.RequestKeyframe()
		settle(20 * time.Millisecond)
		late := sc.take()
		if len(late) != 6 || late[0].Payload[0] != sps[0] {
			t.Errorf("%d packets for who asks again, want the group of 6", len(late))
		}
		settle(3 * time.Second)
		c.shoot(1, true) // the publisher has answered
		sc.take()
		s.RequestKeyframe()
		settle(20 * time.Millisecond)
		if got := sc.take(); len(got) != 0 {
			t.Errorf("%d packets again, right behind a new keyframe", len(got))
		}
		if c.asked == 0 {
			t.Error("the publisher was not asked")
		}
	})
}

func TestPaddingLeavesNoGap(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		c.shoot(2, true)
		for range 60 {
			c.write(nil, false)
		}
		c.shoot(2, false)
		c.write(nil, false)
		c.shoot(2, true)
		got := sc.take()
		if len(got) != 10 {
			t.Fatalf("%d packets, want 10", len(got))
		}
		contiguous(t, got)
	})
}

func TestLatePaddingFillsItsGap(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		c.shoot(2, true)
		late := c.seq
		c.seq++
		c.shoot(1, false)
		for range 2 { // and a duplicate of it
			c.layer.Write(&rtp.Packet{Header: rtp.Header{SequenceNumber: late, Timestamp: c.time}})
		}
		settle(10 * time.Millisecond)
		got := sc.take()
		if len(got) != 6 || len(got[5].Payload) != 0 || got[5].Header.SequenceNumber != got[3].Header.SequenceNumber+1 {
			t.Fatalf("got %d packets, the last %+v", len(got), got[len(got)-1].Header)
		}
	})
}

func TestParameterSetsArePutBeforeAKeyframeWithoutThem(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		c.shoot(2, true)
		c.shoot(2, false)
		c.write([]byte{0x65, 0x88, 1}, false) // the next keyframe comes bare
		c.write([]byte{0x65, 0x88, 2}, true)
		c.time += 3000
		c.shoot(2, false)
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		settle(10 * time.Millisecond)
		got := sc.take()
		if len(got) != 5 {
			t.Fatalf("%d packets, want the sets, two of the keyframe, two more", len(got))
		}
		contiguous(t, got)
		var sets [][]byte
		for set := range parameterSets("video/H264", got[0].Payload) {
			sets = append(sets, set)
		}
		if len(sets) != 2 || string(sets[0]) != string(sps) || string(sets[1]) != string(pps) {
			t.Errorf("the first packet is %x", got[0].Payload)
		}
		if got[0].Header.Timestamp != got[1].Header.Timestamp || got[0].Header.Marker {
			t.Errorf("the sets are not part of the keyframe: %+v", got[0].Header)
		}
	})
}

func TestFrameWithoutItsEndIsSentAfterAMoment(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		c := newCamera(t, publish(t, h, "s", Publication{}))
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		c.shoot(2, true)
		sc.take()
		c.write([]byte{0x41, 1}, false)
		c.write([]byte{0x41, 2}, false)
		settle(2 * time.Millisecond)
		if got := sc.take(); len(got) != 0 {
			t.Errorf("%d packets of an unfinished frame after 2 ms", len(got))
		}
		settle(2 * time.Millisecond)
		if got := sc.take(); len(got) != 2 {
			t.Errorf("%d packets of it after 4 ms, want 2", len(got))
		}
		c.time += 3000
		c.write([]byte{0x65, 0x88, 1}, false) // a keyframe before which the sets are put
		settle(4 * time.Millisecond)
		if got := sc.take(); len(got) != 2 {
			t.Errorf("%d packets of an unfinished keyframe after 4 ms, want the sets and the one", len(got))
		}
	})
}

// TestRepairedKeyframe: the first packet of a keyframe is lost on the way to the server and comes again after the next frame
// has begun. Who joins then begins at that keyframe.
func TestRepairedKeyframe(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		l := publish(t, h, "s", Publication{}).AddLayer(Codec{MimeType: "video/VP8", ClockRate: 90000}, "", nil)
		write := func(seq uint16, time uint32, marker bool, payload ...byte) {
			l.Write(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: time, Marker: marker}, Payload: payload})
		}
		write(11, 3000, true, 0x00, 'k') // the rest of the keyframe
		write(12, 6000, true, 0x10, 0x01)
		write(10, 3000, false, 0x10, 0x00) // its beginning
		write(13, 9000, true, 0x10, 0x01)
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		settle(1e9)
		if got := sc.take(); len(got) != 4 {
			t.Errorf("who joins gets %d packets, want the keyframe and the two frames after it", len(got))
		}
	})
}
