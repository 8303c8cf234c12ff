package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrCodec is the error of a codec that can't be made here.
var ErrCodec = errors.New("unknown codec")

// The picture that the synthetic stream claims to have.
const (
	pictureWidth  = 1280
	pictureHeight = 720
)

// codec is a video codec as the offers name it.
type codec struct {
	name        string // encoding name in SDP
	fmtp        string
	payloadType uint8 // in our offers; its RTX has the next
	// write puts the codec's own bytes at the head of the i-th of n packets of a frame, and gives how many there are.
	write func(b []byte, f frame, i, n int) int
	sets  []string // parameter sets, sent before a keyframe in a packet of their own
	join  byte     // NAL unit type of that packet
}

// frame is what a payload's head tells of its frame.
type frame struct {
	number   uint32
	keyframe bool
}

// mime is the codec's MIME type.
func (c *codec) mime() string { return "video/" + c.name }

// codecs are the video codecs, the most common first.
func codecs() []*codec {
	return []*codec{
		{
			name: "H264", payloadType: 96, fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", write: writeH264, join: 24,
			sets: []string{"\x67\x42\xc0\x1f\xd9\x00\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\xc0\xf1\x83\x24\x80", "\x68\xcb\x83\xcb\x20"},
		},
		{name: "VP8", payloadType: 98, write: writeVP8},
		{name: "VP9", payloadType: 100, fmtp: "profile-id=0", write: writeVP9},
		{name: "AV1", payloadType: 102, fmtp: "level-idx=5;profile=0;tier=0", write: writeAV1},
		{
			name: "H265", payloadType: 104, fmtp: "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST", write: writeH265, join: 48,
			sets: []string{
				"\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x5d\x95\x98\x09",
				"\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x5d\xa0\x02\x80\x80\x2d\x16\x59\x59\xa4\x93\x2b\xc0\x5a\x70\x80\x00\x01\xf4\x80\x00\x3a\x98\x04",
				"\x44\x01\xc1\x72\xb4\x62\x40",
			},
		},
	}
}

// findCodec finds a video codec by its name, in any case.
func findCodec(name string) (*codec, error) {
	var known []string
	for _, c := range codecs() {
		if strings.EqualFold(c.name, name) {
			return c, nil
		}
		known = append(known, strings.ToLower(c.name))
	}
	return nil, fmt.Errorf("%w %q; there are %s", ErrCodec, name, strings.Join(known, ", "))
}

// parameterSets is the payload that comes before a keyframe, a STAP-A (RFC 6184 section 5.7.1) or an AP (RFC 7798 section
// 4.4.2); nil for codecs that need none.
func (c *codec) parameterSets() []byte {
	if len(c.sets) == 0 {
		return nil
	}
	b := []byte{0x60 | c.join}
	if c.join == 48 {
		b = []byte{c.join << 1, 1}
	}
	for _, set := range c.sets {
		b = binary.BigEndian.AppendUint16(b, uint16(len(set)))
		b = append(b, set...)
	}
	return b
}

func flag(on bool, bit byte) byte {
	if on {
		return bit
	}
	return 0
}

// writeH264: fragments of one slice (FU-A, RFC 6184 section 5.8) whose first_mb_in_slice is 0, or the slice whole.
func writeH264(b []byte, f frame, i, n int) int {
	nal := byte(1)
	if f.keyframe {
		nal = 5
	}
	b[0] = 0x60 | nal
	if n == 1 {
		b[1] = 0x88
		return 2
	}
	b[0] = 0x60 | 28
	b[1] = nal | flag(i == 0, 0x80) | flag(i == n-1, 0x40)
	b[2] = 0x88
	return 3
}

// writeH265: fragments of one slice segment (FU, RFC 7798 section 4.4.3), IDR_W_RADL or TRAIL_R, or the slice whole.
func writeH265(b []byte, f frame, i, n int) int {
	nal := byte(1)
	if f.keyframe {
		nal = 19
	}
	b[0], b[1] = nal<<1, 1
	if n == 1 {
		b[2] = 0x88
		return 3
	}
	b[0] = 49 << 1
	b[2] = nal | flag(i == 0, 0x80) | flag(i == n-1, 0x40)
	b[3] = 0x88
	return 4
}

// writeVP8: descriptor with a 15-bit picture id (RFC 7741 section 4.2), then the frame's header (RFC 6386 section 9.1).
func writeVP8(b []byte, f frame, i, _ int) int {
	b[0], b[1] = 0x80|flag(i == 0, 0x10), 0x80
	binary.BigEndian.PutUint16(b[2:], 0x8000|uint16(f.number&0x7fff))
	if i > 0 {
		return 4
	}
	b[4], b[5], b[6] = 0x10|flag(!f.keyframe, 1), 0xf0, 0xf0
	if !f.keyframe {
		return 7
	}
	copy(b[7:], "\x9d\x01\x2a")
	binary.LittleEndian.PutUint16(b[10:], pictureWidth)
	binary.LittleEndian.PutUint16(b[12:], pictureHeight)
	return 14
}

// writeVP9: descriptor with a 15-bit picture id and, at a keyframe, the scalability structure (RFC 9628 section 4.2), then
// the head of uncompressed_header() (VP9 bitstream specification, section 6.2).
func writeVP9(b []byte, f frame, i, n int) int {
	structure := f.keyframe && i == 0
	b[0] = 0x80 | flag(!f.keyframe, 0x40) | flag(i == 0, 0x08) | flag(i == n-1, 0x04) | flag(structure, 0x02)
	binary.BigEndian.PutUint16(b[1:], 0x8000|uint16(f.number&0x7fff))
	if i > 0 {
		return 3
	}
	if !structure {
		b[3] = 0x86
		return 4
	}
	b[3] = 0x10 // one layer, with its size
	binary.BigEndian.PutUint16(b[4:], pictureWidth)
	binary.BigEndian.PutUint16(b[6:], pictureHeight)
	copy(b[8:], "\x82\x49\x83\x42")
	// color_space 2 and color_range 0 in four bits, then frame_width_minus_1 and frame_height_minus_1.
	binary.BigEndian.PutUint64(b[12:], 4<<60|(pictureWidth-1)<<44|(pictureHeight-1)<<28)
	return 17
}

// writeAV1: aggregation header (RTP Payload Format For AV1, section 4.4), at a keyframe a sequence header, then OBU_FRAME.
func writeAV1(b []byte, f frame, i, n int) int {
	const oneElement, twoElements, newSequence = 0x10, 0x20, 0x08
	b[0] = flag(i > 0, 0x80) | flag(i < n-1, 0x40) | oneElement
	if i > 0 {
		return 1
	}
	at := 1
	head := byte(0x30) // show_existing_frame 0, frame_type INTER_FRAME, show_frame 1
	if f.keyframe {
		b[0] = flag(n > 1, 0x40) | twoElements | newSequence
		at += copy(b[at:], av1SequenceHeader)
		head = 0x10
	}
	b[at], b[at+1] = 6<<3, head
	return at + 2
}

// av1SequenceHeader is an OBU of profile 0, level 3.1 and 1280x720 with its size before it (AV1 bitstream specification,
// section 5.5.1).
const av1SequenceHeader = "\x0c\x08\x00\x00\x00\x2d\x4c\xff\xb3\xc0\x18\x00\x80"
