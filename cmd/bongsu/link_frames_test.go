package main

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"slices"

	"github.com/pion/webrtc/v4"
)

// linkGOP is how many frames there are from one keyframe to the next.
const linkGOP = 20

// linkCodec is how the frames of a codec look in RTP, as far as a server reads them. The rest of each payload is noise and
// a mark that says which packet of which frame it is.
type linkCodec struct {
	mime, fmtp string
	rtx        bool                              // the publisher has retransmissions of their own (RFC 4588)
	sets       []byte                            // what the server puts before a keyframe without parameter sets
	head       func(m linkMark, rest int) []byte // what stands before the rest
}

func linkCodecs() map[string]linkCodec {
	h264Sets, h265Sets := aggregate([]byte{0x78}, h264SPS, h264PPS), aggregate([]byte{0x60, 1}, h265VPS, h265SPS, h265PPS)
	return map[string]linkCodec{
		"H264": {webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", false, h264Sets, h264Head},
		"H265": {webrtc.MimeTypeH265, "", true, h265Sets, h265Head},
		"VP8":  {webrtc.MimeTypeVP8, "", false, nil, vp8Head},
		"VP9":  {webrtc.MimeTypeVP9, "profile-id=0", true, nil, vp9Head},
		"AV1":  {webrtc.MimeTypeAV1, "", true, nil, av1Head},
	}
}

// linkMark says which packet of which frame a payload is.
type linkMark struct{ frame, index int }

func (m linkMark) key() bool { return m.frame%linkGOP == 0 }

// count is how many packets the frame has.
func (m linkMark) count() int {
	if m.key() {
		return 12
	}
	return 3 + m.frame%4
}

func (m linkMark) last() bool { return m.index == m.count()-1 }

// hasSets tells whether the frame brings its parameter sets: every other keyframe does.
func (m linkMark) hasSets() bool { return m.frame%(2*linkGOP) == 0 }

// linkTail is the mark and a checksum at a payload's end.
const linkTail = 4 + 1 + 4

// payload makes the payload of a packet, always the same.
func (c *linkCodec) payload(m linkMark) []byte {
	noise := rand.New(rand.NewPCG(uint64(m.frame), uint64(m.index)))
	rest := make([]byte, 50+noise.IntN(800), 1000)
	for i := range rest {
		rest[i] = byte(noise.Uint32())
	}
	b := append(c.head(m, len(rest)+linkTail), rest...)
	b = append(binary.BigEndian.AppendUint32(b, uint32(m.frame)), byte(m.index))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// readMark gives the mark of a payload that is whole and right.
func readMark(b []byte) (m linkMark, ok bool) {
	at := len(b) - linkTail
	if at < 0 || crc32.ChecksumIEEE(b[:at+5]) != binary.BigEndian.Uint32(b[at+5:]) {
		return m, false
	}
	return linkMark{int(binary.BigEndian.Uint32(b[at:])), int(b[at+4])}, true
}

// Parameter sets, made up but for their headers and ids.
var (
	h264SPS = []byte{0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x68, 0x0a}
	h264PPS = []byte{0x68, 0xce, 0x3c, 0x80}
	h265VPS = []byte{0x40, 1, 0x0c, 1, 0xff}
	h265SPS = []byte{0x42, 1, 1, 1, 0x60}
	h265PPS = []byte{0x44, 1, 0xc0, 0xf3}
)

// aggregate joins NAL units behind the header of a STAP-A (RFC 6184 section 5.7.1) or of an AP (RFC 7798 section 4.4.2).
func aggregate(header []byte, units ...[]byte) []byte {
	b := slices.Clone(header)
	for _, u := range units {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(u))), u...)
	}
	return b
}

// fragment says where in a NAL unit a fragment stands: S and E of RFC 6184 section 5.8 and RFC 7798 section 4.4.3.
func fragment(m linkMark, first int) (flags byte) {
	if m.index == first {
		flags |= 0x80
	}
	if m.last() {
		flags |= 0x40
	}
	return flags
}

// h264Head: parameter sets and SEI in a STAP-A, then slices in FU-A.
func h264Head(m linkMark, rest int) []byte {
	nal, first := byte(1), 0
	switch {
	case m.hasSets() && m.index == 0:
		b := aggregate([]byte{0x78}, h264SPS, h264PPS)
		return append(binary.BigEndian.AppendUint16(b, uint16(1+rest)), 0x06)
	case m.hasSets():
		nal, first = 5, 1
	case m.key():
		nal = 5
	}
	return []byte{0x7c, fragment(m, first) | nal, 0x88}
}

// h265Head: parameter sets and SEI in an AP, then slices in FU.
func h265Head(m linkMark, rest int) []byte {
	nal, first := byte(1), 0
	switch {
	case m.hasSets() && m.index == 0:
		b := aggregate([]byte{0x60, 1}, h265VPS, h265SPS, h265PPS)
		return append(binary.BigEndian.AppendUint16(b, uint16(2+rest)), 0x4e, 1)
	case m.hasSets():
		nal, first = 19, 1
	case m.key():
		nal = 19
	}
	return []byte{0x62, 1, fragment(m, first) | nal, 0x88}
}

// pictureID is of 15 bits and wraps around, too.
func (m linkMark) pictureID() (high, low byte) {
	id := 0x7fff - 60 + m.frame
	return byte(id>>8) | 0x80, byte(id)
}

func vp8Head(m linkMark, _ int) []byte {
	high, low := m.pictureID()
	switch {
	case m.index > 0:
		return []byte{0x80, 0x80, high, low}
	case m.key():
		return []byte{0x90, 0x80, high, low, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 2, 0xe0, 1}
	}
	return []byte{0x90, 0x80, high, low, 0x11, 0, 0}
}

func vp9Head(m linkMark, _ int) []byte {
	high, low := m.pictureID()
	flags, frame := byte(0x80), byte(0x82) // I; frame_marker 2, KEY_FRAME, show_frame
	if !m.key() {
		flags, frame = flags|0x40, 0x86
	}
	if m.last() {
		flags |= 0x04
	}
	if m.index > 0 {
		return []byte{flags, high, low}
	}
	return []byte{flags | 0x08, high, low, frame, 0x49, 0x83, 0x42}
}

func av1Head(m linkMark, _ int) []byte {
	var continued byte // Y
	if !m.last() {
		continued = 0x40
	}
	switch {
	case m.index > 0:
		return []byte{0x90 | continued} // Z, W=1
	case m.key():
		return []byte{0x28 | continued, 4, 0x08, 0, 0, 0, 0x30, 0x10} // W=2, N; OBU_SEQUENCE_HEADER, OBU_FRAME with KEY_FRAME
	}
	return []byte{0x10 | continued, 0x30, 0x30}
}
