package broadcast

import (
	"testing"

	"github.com/pion/rtp"
)

// TestNothingKept: what is kept of a source counts no more after its end, neither of a track that another has replaced nor of one
// that came too late.
func TestNothingKept(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		source := publish(t, h, "s", Publication{})
		codec := Codec{MimeType: mimeVP8, ClockRate: 90000}
		write := func(l *Layer) {
			for i := range uint16(10) {
				l.Write(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: i, Marker: true}, Payload: make([]byte, 1000)})
			}
		}
		first := source.AddLayer(codec, "", nil)
		write(first)
		if h.cache.used.Load() == 0 {
			t.Fatal("nothing is kept")
		}
		second := source.AddLayer(codec, "", nil) // as of a publisher with a new SSRC
		write(second)
		write(first)
		if used := h.cache.used.Load(); used != int64(second.ring.bytes) {
			t.Errorf("%d bytes are counted, %d are kept", used, second.ring.bytes)
		}
		source.Close()
		write(source.AddLayer(codec, "", nil))
		if used := h.cache.used.Load(); used != 0 {
			t.Errorf("%d bytes are counted after the end", used)
		}
	})
}
