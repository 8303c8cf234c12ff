package broadcast

import "strings"

// The kinds of parameter sets, in the order in which a decoder wants them.
const (
	paramVPS = iota
	paramSPS
	paramPPS
	paramKinds
)

// parameterKind tells which parameter set a NAL unit is; paramKinds for none.
func parameterKind(mime string, nal []byte) int {
	if len(nal) == 0 {
		return paramKinds
	}
	if strings.EqualFold(mime, mimeH265) {
		switch h265Type(nal) {
		case h265VPS:
			return paramVPS
		case h265SPS:
			return paramSPS
		case h265PPS:
			return paramPPS
		}
		return paramKinds
	}
	switch nal[0] & 0x1f {
	case h264SPS:
		return paramSPS
	case h264PPS:
		return paramPPS
	}
	return paramKinds
}

// startsPicture tells whether a payload holds the beginning of a random access picture: an H.264 IDR, an H.265 IRAP.
// Parameter sets that it lacks have to stand before it.
func startsPicture(mime string, b []byte) bool {
	switch {
	case strings.EqualFold(mime, mimeH264):
		if len(b) > 1 && b[0]&0x1f == h264FUA {
			return b[1]&0x80 != 0 && b[1]&0x1f == h264IDR
		}
		for nal := range h264NALUnits(b) {
			if nal[0]&0x1f == h264IDR {
				return true
			}
		}
	case strings.EqualFold(mime, mimeH265):
		irap := func(t byte) bool { return t >= h265FirstIRAP && t <= h265LastIRAP }
		if len(b) > 2 && h265Type(b) == h265FU {
			return b[2]&0x80 != 0 && irap(b[2]&0x3f)
		}
		for nal := range h265NALUnits(b) {
			if irap(h265Type(nal)) {
				return true
			}
		}
	}
	return false
}
