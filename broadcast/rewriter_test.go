package broadcast

import (
	"bytes"
	"testing"
	"time"
)

// vp8 makes a payload with a 15-bit picture id and a TL0PICIDX (RFC 7741 section 4.2).
func vp8(id uint16, tl0 uint8, key bool) []byte {
	frame := byte(1)
	if key {
		frame = 0
	}
	return []byte{0x90, 0xc0, 0x80 | byte(id>>8), byte(id), tl0, frame, 1, 2, 3}
}

func testLayers(t *testing.T, mime string, n int) []*Layer {
	h := New(Config{Writers: 1})
	t.Cleanup(h.Close)
	var layers []*Layer
	for range n {
		src, err := h.Publish("s", Publication{})
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, src.AddLayer(Codec{MimeType: mime, ClockRate: 90000}, "", nil))
	}
	return layers
}

func TestRewriterIsContiguousOverSegments(t *testing.T) {
	layers := testLayers(t, "video/H264", 2)
	for _, c := range []struct {
		name   string
		starts []uint64 // first number of each segment
		times  []uint32
	}{
		{"plain", []uint64{1 << 16, 5}, []uint32{1000, 900000}},
		{"source numbers wrap", []uint64{1<<16 - 2, 1<<32 - 2}, []uint32{1<<32 - 3000, 17}},
		{"many switches", []uint64{9, 70000, 9, 12, 1}, []uint32{5, 6, 7, 8, 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r rewriter
			var scratch []byte
			var last Packet
			now := int64(time.Second)
			for i, start := range c.starts {
				l := layers[i%2]
				r.begin(l, 96, packet{seq: start, time: c.times[i]}, now)
				for n := range uint64(5) {
					out := Packet{}
					out.Header.SSRC = 42
					p := packet{seq: start + n, time: c.times[i] + uint32(n)*3000, payload: []byte{0x41}}
					if !r.rewrite(&p, &out, now, &scratch) {
						t.Fatalf("segment %d, packet %d dropped", i, n)
					}
					if out.Header.SSRC != 42 || out.Header.PayloadType != 96 {
						t.Fatalf("header %+v", out.Header)
					}
					if i+int(n) > 0 {
						if out.Header.SequenceNumber != last.Header.SequenceNumber+1 {
							t.Errorf("segment %d, packet %d: number %d after %d", i, n, out.Header.SequenceNumber, last.Header.SequenceNumber)
						}
						if d := int32(out.Header.Timestamp - last.Header.Timestamp); d <= 0 || d > 9000 {
							t.Errorf("segment %d, packet %d: timestamp moved by %d", i, n, d)
						}
					}
					last = out
					now += int64(33 * time.Millisecond)
				}
			}
		})
	}
}

func TestRewriterKeepsGapsAndOrder(t *testing.T) {
	l := testLayers(t, "video/H264", 1)[0]
	var r rewriter
	var scratch []byte
	r.begin(l, 96, packet{seq: 100}, 0)
	first := r.segments[0].begin
	for _, c := range []struct {
		seq  uint64
		want uint64
		ok   bool
	}{{100, 0, true}, {103, 3, true}, {102, 2, true}, {99, 0, false}, {104, 4, true}, {101, 1, true}} {
		out := Packet{}
		ok := r.rewrite(&packet{seq: c.seq}, &out, 0, &scratch)
		if ok != c.ok || ok && out.Header.SequenceNumber != uint16(first+c.want) {
			t.Errorf("source %d became %d, %v; want %d, %v", c.seq, out.Header.SequenceNumber-uint16(first), ok, c.want, c.ok)
		}
	}
	r.begin(l, 96, packet{seq: 200}, 0) // goes on behind the greatest, not behind the last
	if r.segments[0].begin != first+5 {
		t.Errorf("second segment begins at %+d, want +5", int64(r.segments[0].begin-first))
	}
}

func TestRewriterElapsedTime(t *testing.T) {
	layers := testLayers(t, "video/H264", 2)
	var r rewriter
	var scratch []byte
	out := Packet{}
	r.begin(layers[0], 96, packet{seq: 1, time: 5000}, 0)
	r.rewrite(&packet{seq: 1, time: 5000}, &out, 0, &scratch)
	r.begin(layers[1], 96, packet{seq: 1, time: 77}, int64(10*time.Second))
	r.rewrite(&packet{seq: 1, time: 77}, &out, int64(10*time.Second), &scratch)
	if want := uint32(5000 + 900000); out.Header.Timestamp != want {
		t.Errorf("timestamp %d after a break of ten seconds, want %d", out.Header.Timestamp, want)
	}
	r.begin(layers[1], 96, packet{seq: 1, time: 77}, int64(11*time.Second)) // the same group of pictures once more
	r.rewrite(&packet{seq: 1, time: 77}, &out, int64(11*time.Second), &scratch)
	if want := uint32(5000 + 900000); out.Header.Timestamp != want {
		t.Errorf("timestamp %d for a picture sent once more, want %d again", out.Header.Timestamp, want)
	}
}

func TestRewriterPictureIDs(t *testing.T) {
	layers := testLayers(t, "video/VP8", 2)
	var r rewriter
	var scratch []byte
	send := func(seq uint64, id uint16, tl0 uint8) pictureIDs {
		out := Packet{}
		in := vp8(id, tl0, false)
		want := bytes.Clone(in)
		if !r.rewrite(&packet{seq: seq, payload: in}, &out, 0, &scratch) {
			t.Fatalf("packet %d dropped", seq)
		}
		if !bytes.Equal(in, want) {
			t.Fatal("the shared payload was changed")
		}
		if !bytes.Equal(out.Payload[5:], in[5:]) {
			t.Fatal("the picture was changed")
		}
		ids, _ := readPictureIDs("video/VP8", out.Payload)
		return ids
	}
	r.begin(layers[0], 96, packet{seq: 10, payload: vp8(0x7ffe, 254, true)}, 0)
	for i, want := range []struct {
		id  uint16
		tl0 uint8
	}{{0x7ffe, 254}, {0x7fff, 255}, {0, 0}} {
		if ids := send(10+uint64(i), want.id, want.tl0); ids.pictureID != want.id || ids.tl0 != want.tl0 {
			t.Errorf("first source, picture %d: %+v", i, ids)
		}
	}
	for n, l := range []*Layer{layers[1], layers[1]} { // another source; and its pictures once more
		r.begin(l, 96, packet{seq: 500, payload: vp8(300, 30, true)}, 0)
		for i := range uint16(3) {
			ids := send(500+uint64(i), 300+i, 30+uint8(i))
			if want := uint16(1 + 3*n + int(i)); ids.pictureID != want || ids.tl0 != uint8(want) {
				t.Errorf("segment %d, picture %d: %+v, want %d", n+1, i, ids, want)
			}
		}
	}
}

func TestRewriterSendsAgain(t *testing.T) {
	layers := testLayers(t, "video/VP8", 2)
	var r rewriter
	var scratch []byte
	sent := map[uint16]Packet{}
	for i, l := range []*Layer{layers[0], layers[1], layers[1]} {
		base := uint64(1<<16 - 3 + i*1000)
		for n := range uint64(6) {
			p := packet{seq: base + n, time: uint32(n) * 3000, marker: n%2 == 1, payload: vp8(uint16(100*i)+uint16(n), uint8(n), n == 0)}
			if _, ok := l.ring.find(p.seq); !ok {
				l.ring.pushVisible(p)
			}
			if n == 0 {
				r.begin(l, 96, p, 0)
			}
			if n == 3 {
				continue // the source lost it
			}
			out := Packet{}
			if !r.rewrite(&p, &out, 0, &scratch) {
				t.Fatal("dropped")
			}
			sent[out.Header.SequenceNumber] = out
		}
	}
	for number, want := range sent {
		var got Packet
		if !r.again(number, &got, &scratch) {
			t.Errorf("packet %d can't be sent again", number)
			continue
		}
		if got.Header.Timestamp != want.Header.Timestamp || got.Header.Marker != want.Header.Marker || !bytes.Equal(got.Payload, want.Payload) {
			t.Errorf("packet %d differs the second time:\n%+v %x\n%+v %x", number, got.Header, got.Payload, want.Header, want.Payload)
		}
	}
	var out Packet
	if r.again(uint16(r.last)+1, &out, &scratch) {
		t.Error("a packet that was never sent was sent again")
	}
	if (&rewriter{}).again(1, &out, &scratch) {
		t.Error("a viewer that got nothing got something again")
	}
}
