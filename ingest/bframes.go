package ingest

import (
	"strings"

	"github.com/pion/rtp"

	"bongsu/broadcast"
)

// clockRate is that of all video in RTP, in Hz: no picture waits for a whole second.
const clockRate = 90000

// reordered is how many pictures that are shown before an earlier sent one are taken for B-frames.
const reordered = 3

// bFrames notices pictures that are sent in another order than they are shown, which browsers show jerkily: their timestamps
// go back where their numbers go on.
type bFrames struct {
	begun bool
	seq   uint16 // the newest
	time  uint32 // the latest
	back  int    // pictures before it
	last  uint32 // of these
}

// canHaveBFrames tells for which codecs RTP has the order of decoding and not of showing (RFC 6184 section 5.5, RFC 7798
// section 4.5).
func canHaveBFrames(c broadcast.Codec) bool {
	return strings.EqualFold(c.Name(), "H264") || strings.EqualFold(c.Name(), "H265")
}

// found is given all packets and is true once, when there is no doubt.
func (b *bFrames) found(h *rtp.Header) bool {
	if !b.begun {
		b.begun, b.seq, b.time, b.last = true, h.SequenceNumber, h.Timestamp, h.Timestamp
		return false
	}
	if int16(h.SequenceNumber-b.seq) <= 0 {
		return false // late or repeated
	}
	b.seq = h.SequenceNumber
	switch after := int32(h.Timestamp - b.time); {
	case after > 0 || after < -clockRate: // it goes on, or begins anew
		b.time = h.Timestamp
	case after < 0 && h.Timestamp != b.last:
		b.last = h.Timestamp
		b.back++
		return b.back == reordered
	}
	return false
}
