package broadcast

// vp8Descriptor is what is read of a VP8 payload descriptor (RFC 7741 section 4.2).
type vp8Descriptor struct {
	start bool // the packet begins partition 0, and so a frame
	ids   idFields
	size  int // bytes before the VP8 data
}

func parseVP8Descriptor(b []byte) (d vp8Descriptor, ok bool) {
	if len(b) == 0 {
		return d, false
	}
	d.start = b[0]&0x17 == 0x10 // S is 1, PID is 0
	d.size = 1
	if b[0]&0x80 == 0 { // X
		return d, true
	}
	if len(b) < 2 {
		return d, false
	}
	extension := b[1] // I L T K
	d.size = 2
	if extension&0x80 != 0 && !d.ids.pictureID(b, &d.size) {
		return d, false
	}
	if extension&0x40 != 0 {
		d.ids.tl0 = d.size
		d.size++
	}
	if extension&0x30 != 0 { // TID, Y, KEYIDX
		d.size++
	}
	return d, d.size <= len(b)
}

// vp8Keyframe gives the data of a frame if the payload begins a keyframe: the first bit is 0 (RFC 6386 section 9.1).
func vp8Keyframe(payload []byte) (frame []byte, ok bool) {
	d, ok := parseVP8Descriptor(payload)
	frame = payload[min(d.size, len(payload)):]
	return frame, ok && d.start && len(frame) > 0 && frame[0]&1 == 0
}

func vp8StartsKeyframe(payload []byte) bool {
	_, ok := vp8Keyframe(payload)
	return ok
}

func vp8Resolution(payload []byte) (width, height int, ok bool) {
	frame, ok := vp8Keyframe(payload)
	if !ok || len(frame) < 10 || [3]byte(frame[3:]) != [3]byte{0x9d, 0x01, 0x2a} {
		return 0, 0, false
	}
	// 14 bits each, little-endian; the two above them ask the player to scale (RFC 6386 section 9.1).
	width = int(frame[7]&0x3f)<<8 | int(frame[6])
	height = int(frame[9]&0x3f)<<8 | int(frame[8])
	if width == 0 || height == 0 {
		return 0, 0, false
	}
	return width, height, true
}
