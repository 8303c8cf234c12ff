package broadcast

import (
	"encoding/binary"
	"iter"
)

// NAL unit types of H.264 (ITU-T H.264 table 7-1) and of its RTP payloads (RFC 6184 table 1).
const (
	h264IDR   = 5
	h264SPS   = 7
	h264PPS   = 8
	h264STAPA = 24
	h264FUA   = 28
)

// h264StartsKeyframe: see StartsKeyframe. A PPS alone does not count: some encoders send one before any picture.
func h264StartsKeyframe(payload []byte) bool {
	if len(payload) > 2 && payload[0]&0x1f == h264FUA {
		header := payload[1] // S E R Type, RFC 6184 section 5.8
		return header&0x80 != 0 && h264Starts(header&0x1f, payload[2:])
	}
	for nal := range h264NALUnits(payload) {
		if h264Starts(nal[0]&0x1f, nal[1:]) {
			return true
		}
	}
	return false
}

// h264Starts judges a NAL unit by its type and what follows its header.
func h264Starts(nalType byte, body []byte) bool {
	return nalType == h264SPS || nalType == h264IDR && firstSlice(body)
}

// firstSlice tells whether a slice is the first of its picture, by its first bit. H.264: first_mb_in_slice is ue(v), and 0 is
// written as "1" (ITU-T H.264 section 7.3.3). H.265: it is first_slice_segment_in_pic_flag (ITU-T H.265 section 7.3.6.1).
func firstSlice(body []byte) bool {
	return len(body) > 0 && body[0]&0x80 != 0
}

// h264NALUnits gives the NAL units that a payload carries whole: one, or those of a STAP-A (RFC 6184 sections 5.6 and
// 5.7.1). None is empty.
func h264NALUnits(payload []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(payload) == 0 {
			return
		}
		switch nalType := payload[0] & 0x1f; {
		case nalType == h264STAPA:
			for nal := range aggregated(payload[1:]) {
				if !yield(nal) {
					return
				}
			}
		case nalType > 0 && nalType < h264STAPA:
			yield(payload)
		}
	}
}

// aggregated gives the units of an aggregation packet, each of which has its size before it in 16 bits. It stops where a
// size leads past the end, and leaves out empty units.
func aggregated(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) >= 2 {
			end := 2 + int(binary.BigEndian.Uint16(b))
			if end > len(b) || end > 2 && !yield(b[2:end:end]) {
				return
			}
			b = b[end:]
		}
	}
}

func h264Resolution(payload []byte) (width, height int, ok bool) {
	for nal := range h264NALUnits(payload) {
		if nal[0]&0x1f == h264SPS {
			if sps, err := ParseH264SPS(nal); err == nil {
				return sps.Width, sps.Height, true
			}
		}
	}
	return 0, 0, false
}

// appendSTAPA aggregates NAL units. F is set if any unit's is, NRI is the highest of theirs (RFC 6184 section 5.7).
func appendSTAPA(dst []byte, units [][]byte) []byte {
	var forbidden, nri byte
	for _, unit := range units {
		forbidden |= unit[0] & 0x80
		nri = max(nri, unit[0]&0x60)
	}
	return appendAggregated(append(dst, forbidden|nri|h264STAPA), units)
}

func appendAggregated(dst []byte, units [][]byte) []byte {
	for _, unit := range units {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(unit)))
		dst = append(dst, unit...)
	}
	return dst
}
