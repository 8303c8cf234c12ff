package broadcast

import "iter"

// NAL unit types of H.265 (ITU-T H.265 table 7-1) and of its RTP payloads (RFC 7798 section 4.4).
const (
	h265FirstIRAP = 16 // BLA_W_LP
	h265LastIRAP  = 21 // CRA_NUT
	h265VPS       = 32
	h265SPS       = 33
	h265PPS       = 34
	h265AP        = 48
	h265FU        = 49
)

// h265Type is the type in a two-byte NAL unit header: F, Type (6 bits), LayerId (6 bits), TID (3 bits).
func h265Type(nal []byte) byte { return nal[0] >> 1 & 0x3f }

// h265Layer is nuh_layer_id. Only layer 0 is of use to a decoder of one layer, and what follows is about no other.
func h265Layer(nal []byte) byte { return nal[0]&1<<5 | nal[1]>>3 }

// h265StartsKeyframe: see StartsKeyframe. Sizes assume that there are no DONL fields: sprop-max-don-diff is 0 in WebRTC.
func h265StartsKeyframe(payload []byte) bool {
	if len(payload) > 3 && h265Type(payload) == h265FU {
		header := payload[2] // S E FuType, RFC 7798 section 4.4.3
		return header&0x80 != 0 && h265Layer(payload) == 0 && h265Starts(header&0x3f, payload[3:])
	}
	for nal := range h265NALUnits(payload) {
		if h265Starts(h265Type(nal), nal[2:]) {
			return true
		}
	}
	return false
}

// h265Starts judges a NAL unit by its type and what follows its header.
func h265Starts(nalType byte, body []byte) bool {
	return nalType == h265VPS || nalType == h265SPS ||
		nalType >= h265FirstIRAP && nalType <= h265LastIRAP && firstSlice(body)
}

// h265NALUnits gives the NAL units of layer 0 that a payload carries whole: one, or those of an AP (RFC 7798 sections 4.4.1
// and 4.4.2). None is shorter than its header.
func h265NALUnits(payload []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(payload) < 2 {
			return
		}
		switch nalType := h265Type(payload); {
		case nalType == h265AP:
			for nal := range aggregated(payload[2:]) {
				if len(nal) >= 2 && h265Layer(nal) == 0 && !yield(nal) {
					return
				}
			}
		case nalType < h265AP && h265Layer(payload) == 0:
			yield(payload)
		}
	}
}

func h265Resolution(payload []byte) (width, height int, ok bool) {
	for nal := range h265NALUnits(payload) {
		if h265Type(nal) == h265SPS {
			if sps, err := ParseH265SPS(nal); err == nil {
				return sps.Width, sps.Height, true
			}
		}
	}
	return 0, 0, false
}

// appendAP aggregates NAL units. F is set if any unit's is, LayerId and TID are the lowest of theirs (RFC 7798 section 4.4.2).
func appendAP(dst []byte, units [][]byte) []byte {
	forbidden, layer, tid := byte(0), byte(0x3f), byte(7)
	for _, unit := range units {
		forbidden |= unit[0] & 0x80
		layer = min(layer, h265Layer(unit))
		tid = min(tid, unit[1]&7)
	}
	return appendAggregated(append(dst, forbidden|h265AP<<1|layer>>5, layer<<3|tid), units)
}
