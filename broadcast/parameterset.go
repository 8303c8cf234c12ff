package broadcast

import (
	"iter"
	"math"
	"strings"
)

// parameterSets gives the parameter sets that a payload carries whole, as NAL units and parts of payload: SPS and PPS of
// H.264, VPS, SPS and PPS of H.265. Other codecs have none.
func parameterSets(mimeType string, payload []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		switch {
		case strings.EqualFold(mimeType, mimeH264):
			for nal := range h264NALUnits(payload) {
				if t := nal[0] & 0x1f; (t == h264SPS || t == h264PPS) && !yield(nal) {
					return
				}
			}
		case strings.EqualFold(mimeType, mimeH265):
			for nal := range h265NALUnits(payload) {
				if t := h265Type(nal); t >= h265VPS && t <= h265PPS && !yield(nal) {
					return
				}
			}
		}
	}
}

// joinParameterSets appends to dst one RTP payload with the given NAL units: the unit itself if it is alone, else a STAP-A
// (H.264) or an AP (H.265). What cannot be a unit of one is left out: shorter than its header, or longer than 65535 bytes.
func joinParameterSets(mimeType string, dst []byte, sets ...[]byte) []byte {
	header, join := 1, appendSTAPA
	if strings.EqualFold(mimeType, mimeH265) {
		header, join = 2, appendAP
	}
	units := make([][]byte, 0, 3)
	for _, set := range sets {
		if len(set) >= header && len(set) <= math.MaxUint16 {
			units = append(units, set)
		}
	}
	switch len(units) {
	case 0:
		return dst
	case 1:
		return append(dst, units[0]...)
	}
	return join(dst, units)
}
