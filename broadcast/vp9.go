package broadcast

import "encoding/binary"

// vp9Descriptor is what is read of a VP9 payload descriptor (RFC 9628 section 4.2).
type vp9Descriptor struct {
	begin         bool // B: the packet begins the frame of a layer
	predicted     bool // P: the frame needs an earlier picture
	spatial       byte // SID
	width, height int  // of the highest layer, by the scalability structure; 0 without
	ids           idFields
	size          int // bytes before the VP9 data
}

func parseVP9Descriptor(b []byte) (d vp9Descriptor, ok bool) {
	if len(b) == 0 {
		return d, false
	}
	flags := b[0] // I P L F B E V Z
	flexible := flags&0x10 != 0
	d.predicted, d.begin = flags&0x40 != 0, flags&0x08 != 0
	d.size = 1
	if flags&0x80 != 0 && !d.ids.pictureID(b, &d.size) {
		return d, false
	}
	if flags&0x20 != 0 { // TID, U, SID, D; TL0PICIDX
		if d.size >= len(b) {
			return d, false
		}
		d.spatial = b[d.size] >> 1 & 7
		d.size++
		if !flexible {
			d.ids.tl0 = d.size
			d.size++
		}
	}
	for more, n := flexible && d.predicted, 0; more && n < 3; n++ { // P_DIFF, N
		if d.size >= len(b) {
			return d, false
		}
		more = b[d.size]&1 != 0
		d.size++
	}
	if d.size > len(b) || flags&0x02 != 0 && !d.scalabilityStructure(b) {
		return d, false
	}
	return d, true
}

// scalabilityStructure reads the SS data of RFC 9628 section 4.2.1.
func (d *vp9Descriptor) scalabilityStructure(b []byte) (ok bool) {
	if d.size >= len(b) {
		return false
	}
	head := b[d.size] // N_S, Y, G
	d.size++
	if head&0x10 != 0 {
		layers := 1 + int(head>>5)
		end := d.size + 4*layers
		if end > len(b) {
			return false
		}
		d.width = int(binary.BigEndian.Uint16(b[end-4:]))
		d.height = int(binary.BigEndian.Uint16(b[end-2:]))
		d.size = end
	}
	if head&0x08 == 0 {
		return true
	}
	if d.size >= len(b) {
		return false
	}
	pictures := b[d.size] // N_G
	d.size++
	for range pictures {
		if d.size >= len(b) {
			return false
		}
		d.size += 1 + int(b[d.size]>>2&3) // TID, U, R; R times P_DIFF
	}
	return d.size <= len(b)
}

// keyframe gives the data of a frame if the payload begins a keyframe in the lowest spatial layer. FFmpeg's payloads never set
// P, and an intra-only frame may come without it, so the frame's own header has the last word where it can be read.
func (d *vp9Descriptor) keyframe(payload []byte) (frame []byte, ok bool) {
	if !d.begin || d.predicted || d.spatial != 0 || d.size == len(payload) {
		return nil, false
	}
	frame = payload[d.size:]
	return frame, !vp9DependentFrame(frame[0])
}

// vp9DependentFrame tells by the first byte of uncompressed_header() (VP9 bitstream specification, section 6.2) whether a
// frame is no keyframe: frame_marker 2, two bits of profile, show_existing_frame, frame_type. Profile 3 has one bit more.
func vp9DependentFrame(head byte) bool {
	if head>>6 != 2 {
		return false // no VP9 that we could read: encrypted, it may be
	}
	if head&0x30 == 0x30 {
		head <<= 1
	}
	return head&0x0c != 0
}

func vp9StartsKeyframe(payload []byte) bool {
	d, ok := parseVP9Descriptor(payload)
	if !ok {
		return false
	}
	_, ok = d.keyframe(payload)
	return ok
}

func vp9Resolution(payload []byte) (width, height int, ok bool) {
	d, ok := parseVP9Descriptor(payload)
	if !ok {
		return 0, 0, false
	}
	if d.width > 0 && d.height > 0 {
		return d.width, d.height, true
	}
	frame, ok := d.keyframe(payload)
	if !ok {
		return 0, 0, false
	}
	return vp9FrameSize(frame)
}

// vp9FrameSize reads the size in a keyframe's uncompressed_header().
func vp9FrameSize(frame []byte) (width, height int, ok bool) {
	const syncCode, sRGB = 0x498342, 7
	r := &bitReader{data: frame}
	if r.bits(2) != 2 { // frame_marker
		return 0, 0, false
	}
	profile := r.bits(1) | r.bits(1)<<1
	if profile == 3 {
		r.flag()
	}
	r.skip(4) // show_existing_frame, frame_type, show_frame, error_resilient_mode
	if r.bits(24) != syncCode {
		return 0, 0, false
	}
	if profile >= 2 {
		r.flag() // ten_or_twelve_bit
	}
	if r.bits(3) != sRGB {
		r.flag() // color_range
		if profile&1 == 1 {
			r.skip(3) // subsampling_x, subsampling_y, reserved_zero
		}
	} else if profile&1 == 1 {
		r.flag() // reserved_zero
	}
	width, height = int(r.bits(16))+1, int(r.bits(16))+1
	if r.short {
		return 0, 0, false
	}
	return width, height, true
}
