package lite

import (
	"math/rand/v2"
	"strings"

	"bongsu/broadcast"
)

// maxLate is how much older than the newest a packet may be that is sent for the first time. An index is found from 16 bits,
// and sealing under a wrong one would break GCM.
const maxLate = 1 << 13

// track is what a viewer is sent of one kind. All but index and rtxIndex is fixed; these are the writer's own.
type track struct {
	ssrc, rtxSSRC uint32 // rtxSSRC is 0 if there is no RTX
	formats       []broadcast.Format
	index         uint64 // greatest used: rollover counter and sequence number (RFC 3711 section 3.3.1); 0: none
	rtxIndex      uint64
}

func newTrack(kind broadcast.Kind, formats []broadcast.Format) *track {
	t := &track{ssrc: randomSSRC(kind)}
	for _, f := range formats {
		f.Fmtp = strings.Clone(f.Fmtp) // else it keeps the whole offer in memory
		t.formats = append(t.formats, f)
		if f.RTX != 0 && t.rtxSSRC == 0 {
			// A receiver takes the first number that it gets for one of the first round (RFC 3711 section 3.3.1), so it
			// starts in the lower half.
			t.rtxSSRC, t.rtxIndex = t.ssrc^1, uint64(rand.N(1<<15)) //nolint:gosec // random, not secret (RFC 3550 section 5.1)
		}
	}
	return t
}

// randomSSRC has the kind in it, so that the tracks of a session differ, and leaves the lowest bit for RTX. It is never 0,
// which some take for none.
func randomSSRC(kind broadcast.Kind) uint32 {
	return rand.Uint32()&^7 | 4 | uint32(kind)<<1 //nolint:gosec // random, not secret (RFC 3550 section 8.1)
}

func (t *track) payloadType(c broadcast.Codec) (pt uint8, ok bool) {
	f, ok := broadcast.PickFormat(t.formats, c)
	return f.PayloadType, ok
}

// rtx is the payload type that repairs another, 0 if none does.
func (t *track) rtx(pt uint8) uint8 {
	for i := range t.formats {
		if t.formats[i].PayloadType == pt {
			return t.formats[i].RTX
		}
	}
	return 0
}

// indexOf is what a packet is sealed under; ok is false for one that can't be sent.
func (t *track) indexOf(number uint16, again bool) (index uint64, ok bool) {
	if again {
		return t.sent(number)
	}
	return t.next(number)
}

// next gives the index of a packet that is sent for the first time.
func (t *track) next(number uint16) (index uint64, ok bool) {
	if t.index == 0 {
		t.index = 1<<16 | uint64(number) // a round above what goes on the wire, so that it stays positive
		return uint64(number), true
	}
	distance := int64(int16(number - uint16(t.index)))
	if distance < -maxLate {
		return 0, false
	}
	index = t.index + uint64(distance)
	t.index = max(t.index, index)
	if index < 1<<16 {
		return 0, false // from before the first packet
	}
	return index - 1<<16, true
}

// sent gives the index that a packet was sent under before. It is never one to come.
func (t *track) sent(number uint16) (index uint64, ok bool) {
	index = t.index - uint64(uint16(t.index)-number)
	if t.index == 0 || index < 1<<16 {
		return 0, false
	}
	return index - 1<<16, true
}
