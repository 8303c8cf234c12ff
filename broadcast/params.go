package broadcast

import (
	"bytes"
	"slices"
	"strings"
)

// The kinds of parameter sets, in the order in which a decoder wants them.
const (
	paramVPS = iota
	paramSPS
	paramPPS
	paramKinds // how many
)

// maxSets is how many parameter sets of a layer are kept; encoders have one or two of each kind.
const maxSets = 16

// paramSet is a parameter set as a NAL unit.
type paramSet struct {
	kind int
	id   uint32
	nal  []byte
}

// keepSet puts a copy of a set among those kept, in the place of an older one with its kind and id. They stay ordered by
// kind.
func keepSet(sets []paramSet, mime string, kind int, nal []byte) []paramSet {
	id := parameterID(mime, kind, nal)
	for i := range sets {
		if s := &sets[i]; s.kind == kind && s.id == id {
			if !bytes.Equal(s.nal, nal) {
				s.nal = bytes.Clone(nal)
			}
			return sets
		}
	}
	if len(sets) == maxSets {
		return sets
	}
	sets = append(sets, paramSet{kind, id, bytes.Clone(nal)})
	slices.SortStableFunc(sets, func(a, b paramSet) int { return a.kind - b.kind })
	return sets
}

// parameterKind tells which parameter set a NAL unit is that parameterSets gave.
func parameterKind(mime string, nal []byte) int {
	if strings.EqualFold(mime, mimeH265) {
		return int(h265Type(nal)) - h265VPS // VPS, SPS and PPS follow one another
	}
	return int(nal[0]&0x1f) - h264SPS + paramSPS
}

// parameterID reads the set's id: of H.264 by ITU-T H.264 sections 7.3.2.1.1 and 7.3.2.2, of H.265 by ITU-T H.265 sections
// 7.3.2.1 and 7.3.2.3. An SPS of H.265 has its id behind much else; encoders have one, and 0 is taken for it.
func parameterID(mime string, kind int, nal []byte) uint32 {
	r := bitReader{data: nal, escaped: true}
	switch h265 := strings.EqualFold(mime, mimeH265); {
	case h265 && kind == paramVPS:
		r.skip(16)
		return r.bits(4)
	case h265 && kind == paramSPS:
		return 0
	case h265:
		r.skip(16)
	case kind == paramSPS:
		r.skip(32) // NAL unit header, profile, constraints, level
	default:
		r.skip(8)
	}
	return r.ue()
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
