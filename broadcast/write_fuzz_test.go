package broadcast

import (
	"testing"

	"github.com/pion/rtp"
)

// FuzzWrite lets a publisher send any packets of any codec: viewers get payloads that were sent, as numbered RTP streams of
// their own.
func FuzzWrite(f *testing.F) {
	codecs := []Codec{
		h264, opus, {MimeType: "video/H265", ClockRate: 90000}, {MimeType: "video/VP8", ClockRate: 90000},
		{MimeType: "video/VP9", ClockRate: 90000}, {MimeType: "video/AV1", ClockRate: 90000},
	}
	keyframes := [][]byte{{0x65, 1, 2}, {1, 2, 3}, {0x26, 1, 2}, {0x10, 0, 0, 0, 0x9d, 1, 0x2a, 1, 0, 1, 0}, {0x08, 1}, {0x18, 0x0a, 1, 2}}
	for i, payload := range keyframes {
		var data []byte
		for n := range byte(3) {
			data = append(data, byte(len(payload)+4), n, n, 0, 0x80)
			data = append(data, payload...)
		}
		f.Add(byte(i), data)
	}
	f.Fuzz(func(t *testing.T, codec byte, data []byte) {
		h := New(Config{Writers: 1, GOPBytes: 1 << 16, CacheBytes: 1 << 18})
		defer h.Close()
		src := publish(t, h, "lobby", Publication{})
		defer src.Close()
		sc, s := watch(t, h, "lobby")
		s.Start()
		layer := src.AddLayer(codecs[int(codec)%len(codecs)], "", func() {})
		// Each packet: its length, then what it moves the numbers and the time by, flags, and the payload.
		for len(data) >= 5 {
			n := min(int(data[0]), len(data)-1)
			p, rest := data[1:1+n], data[1+n:]
			if data = rest; len(p) < 4 {
				continue
			}
			layer.Write(&rtp.Packet{Header: rtp.Header{
				Version: 2, SequenceNumber: uint16(p[0]) | uint16(p[3]&3)<<14, Timestamp: uint32(p[1])<<8 | uint32(p[2])<<24, Marker: p[3]&0x80 != 0,
			}, Payload: p[4:]})
			s.Resend(1, []uint16{uint16(p[0])})
			if p[3]&0x40 != 0 {
				s.RequestKeyframe()
			}
		}
		s.Close()
		for _, p := range sc.take() {
			if p.Header.SSRC != 1 && p.Header.SSRC != 2 || p.Header.PayloadType != 96 || p.Header.Version != 2 {
				t.Errorf("a viewer was sent %+v", p.Header)
			}
		}
	})
}
