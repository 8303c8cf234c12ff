package main

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// TestReceived: loss, late packets, wrap-around and jitter are counted as RFC 3550 says.
func TestReceived(t *testing.T) {
	type arrival struct {
		seq  int
		ts   uint32
		late time.Duration // against its timestamp
	}
	steady := func(first, n int, ts uint32) (all []arrival) {
		for i := range n {
			all = append(all, arrival{seq: first + i, ts: ts + uint32(i)*3000})
		}
		return all
	}
	lost := steady(0, 30, 0)
	lost = append(lost[:10:10], lost[13:]...)
	late := steady(0, 30, 0)
	late[10], late[11] = late[11], late[10]
	twice := append(steady(0, 30, 0), steady(29, 1, 29*3000)...)
	tests := []struct {
		name   string
		in     []arrival
		loss   float64
		lost   int64
		frames float64
	}{
		{"steady", steady(100, 30, 5), 0, 0, 30},
		{"wrap-around", steady(65520, 30, 1<<32-30000), 0, 0, 30},
		{"three lost", lost, 0.1, 3, 26. / 29 * 30},
		{"overtaken", late, 0, 0, 28. / 29 * 30},
		{"duplicated", twice, 0, 0, 30},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &received{kind: "video"}
			start := time.Now()
			for _, a := range test.in {
				at := start.Add(time.Duration(a.ts-test.in[0].ts)*time.Second/90000 + a.late)
				r.add(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(a.seq), Timestamp: a.ts}, Payload: []byte{1, 2}}, "video/VP8", 90000, at)
			}
			got := r.report(start.Add(time.Second))
			if math.Abs(got.Loss-test.loss) > 1e-9 || got.Lost != test.lost || math.Abs(got.FPS-test.frames) > 1e-9 {
				t.Errorf("loss %v, %d lost, %v frames a second; want %v, %d, %v", got.Loss, got.Lost, got.FPS, test.loss, test.lost, test.frames)
			}
			if test.name == "steady" && got.Jitter > 1e-6 {
				t.Errorf("jitter %v s of what is steady", got.Jitter)
			}
			if again := r.report(start.Add(2 * time.Second)); again.Bitrate != 0 || again.Loss != 0 || again.Lost != test.lost {
				t.Errorf("a second later, with nothing new: %+v", again)
			}
		})
	}
	r := &received{kind: "audio"}
	start := time.Now()
	for i := range 1000 { // every second packet 16 ms late: |D| is 16 ms each time
		at := start.Add(time.Duration(i)*20*time.Millisecond + time.Duration(i%2)*16*time.Millisecond)
		r.add(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i) * 960}, Payload: []byte{1}}, "audio/opus", 48000, at)
	}
	if got := r.report(start.Add(20 * time.Second)); math.Abs(got.Jitter-0.016) > 1e-6 {
		t.Errorf("jitter %v s, want 0.016", got.Jitter)
	}
}

func TestKeyframeInterval(t *testing.T) {
	r := &received{kind: "video"}
	start := time.Now()
	ts := uint32(1<<32 - 90000)
	keyframe := []byte{0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 96, 0, 64, 0} // RFC 7741 section 4.3
	delta := []byte{0x10, 0x11, 0, 0}
	for i := range 51 {
		payload := delta
		if i%25 == 0 {
			payload = keyframe
		}
		r.add(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: ts, Marker: true}, Payload: payload}, "video/VP8", 90000, start)
		ts += 3600
	}
	got := r.report(start.Add(2 * time.Second))
	if got.Keyframe != 1 || got.Width != 96 || got.Height != 64 {
		t.Errorf("%+v, want a keyframe each second, 96x64", got)
	}
	want := "VP8 96x64 25.0 fps 1 kbit/s loss 0.0% jitter "
	if text := got.String(); len(text) < len(want) || text[:len(want)] != want {
		t.Errorf("printed %q, want %q", text, want)
	}
}
