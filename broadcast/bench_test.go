package broadcast

import (
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// drain is a sink that only counts.
type drain struct{ packets int }

func (d *drain) Send(_ int, burst []Packet)     { d.packets += len(burst) }
func (d *drain) Report(int, *rtcp.SenderReport) {}

func BenchmarkRing(b *testing.B) {
	r := newRing(16<<20, int64(time.Minute), &budget{max: 1 << 40})
	payload := make([]byte, 1200)
	out := make([]packet, 8)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		pos := r.pushVisible(packet{seq: uint64(i), payload: payload, arrival: int64(i) * 4e6})
		if n, _ := r.read(pos, out); n != 1 {
			b.Fatal("the packet is not there")
		}
	}
}

func BenchmarkRewriter(b *testing.B) {
	for _, codec := range []string{"video/H264", "video/VP8"} {
		b.Run(codec, func(b *testing.B) {
			h := New(Config{Writers: 1})
			defer h.Close()
			src, err := h.Publish("s", Publication{})
			if err != nil {
				b.Fatal(err)
			}
			l := src.AddLayer(Codec{MimeType: codec, ClockRate: 90000}, "", nil)
			var r rewriter
			scratch := make([]byte, 0, 1500)
			p := packet{payload: append(vp8(1, 1, true), make([]byte, 1190)...)}
			var out Packet
			r.begin(l, 96, p, 0)
			r.rewrite(&p, &out, 0, &scratch)
			r.begin(l, 96, p, 0) // picture ids are rewritten from here on
			b.ReportAllocs()
			for i := uint64(1); b.Loop(); i++ {
				scratch = scratch[:0]
				p.seq = i
				r.rewrite(&p, &out, int64(i), &scratch)
			}
		})
	}
}

// BenchmarkWriter is a frame of eight packets to all viewers: the cost of the core alone, per forwarded packet.
func BenchmarkWriter(b *testing.B) {
	for _, viewers := range []int{1, 100, 1000} {
		b.Run(strconv.Itoa(viewers), func(b *testing.B) {
			h := New(Config{Writers: 1})
			h.Close() // the benchmark is the writer
			h.closed = false
			src, err := h.Publish("s", Publication{})
			if err != nil {
				b.Fatal(err)
			}
			l := src.AddLayer(h264, "", nil)
			w := h.writers[0]
			var sinks []*drain
			for i := range viewers {
				d := &drain{}
				s, err := h.Subscribe("s", Subscription{Sink: d, Video: &Output{SSRC: uint32(i), PayloadType: any96}})
				if err != nil {
					b.Fatal(err)
				}
				s.shard(w).add(s)
				sinks = append(sinks, d)
			}
			p := rtp.Packet{Payload: make([]byte, 1200)}
			frame := func(kind byte) {
				for i := range 8 {
					p.Payload[0], p.Payload[1], p.Marker = kind, 0x88, i == 7
					l.Write(&p)
					p.SequenceNumber++
				}
				p.Timestamp += 3000
				w.round()
			}
			frame(0x65)
			for i := 0; sinks[len(sinks)-1].packets < 8; i++ { // the joins are paced
				w.round()
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				frame(0x41)
				n += 8 * viewers
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/packet")
			if got := sinks[0].packets; got < n/viewers {
				b.Errorf("%d packets arrived of %d", got, n/viewers)
			}
		})
	}
}
