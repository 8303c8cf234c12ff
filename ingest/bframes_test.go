package ingest

import (
	"testing"

	"github.com/pion/rtp"

	"bongsu/broadcast"
)

func TestBFrames(t *testing.T) {
	const frame = clockRate / 30
	for _, c := range []struct {
		name   string
		first  uint32 // timestamp
		shown  []int  // places of the pictures among those that are shown, in the order they are sent
		swap   bool   // the network turns every two packets around
		wanted bool
	}{
		{"in order", 0, []int{0, 1, 2, 3, 4, 5, 6, 7}, false, false},
		{"in order past the wrap", 1<<32 - frame, []int{0, 1, 2, 3, 4, 5, 6, 7}, false, false},
		{"in disorder on the way", 0, []int{0, 1, 2, 3, 4, 5, 6, 7}, true, false},
		{"one B-frame between", 0, []int{0, 2, 1, 4, 3, 6, 5}, false, true},
		{"past the wrap", 1<<32 - frame, []int{0, 2, 1, 4, 3, 6, 5}, false, true},
		{"two of them, not yet enough", 0, []int{0, 2, 1, 4, 3, 6}, false, false},
		{"a pyramid", 0, []int{0, 4, 2, 1, 3, 8}, false, true},
		{"a source that begins anew", 0, []int{90, 91, 92, 0, 1, 2, 3, 4, 5}, false, false},
	} {
		var headers []rtp.Header
		for _, place := range c.shown {
			for range 3 { // packets of a picture
				headers = append(headers, rtp.Header{SequenceNumber: uint16(65530 + len(headers)), Timestamp: c.first + uint32(place)*frame})
			}
		}
		if c.swap {
			for i := 1; i+1 < len(headers); i += 2 {
				headers[i], headers[i+1] = headers[i+1], headers[i]
			}
		}
		var b bFrames
		found := 0
		for i := range headers {
			if b.found(&headers[i]) {
				found++
			}
		}
		if found != map[bool]int{true: 1}[c.wanted] {
			t.Errorf("%s: found %d times", c.name, found)
		}
	}
	if !canHaveBFrames(broadcast.Codec{MimeType: "video/h264"}) || canHaveBFrames(broadcast.Codec{MimeType: "video/VP8"}) {
		t.Error("which codecs")
	}
}
