package broadcast

import "strings"

// pictureIDs are the running numbers in the payload descriptors of VP8 (RFC 7741 section 4.2) and VP9 (RFC 9628 section
// 4.2). A viewer's must go on without a break when the source or layer changes.
type pictureIDs struct {
	pictureID uint16
	bits      uint8 // width of pictureID: 0 (absent), 7 or 15
	tl0       uint8 // TL0PICIDX
	hasTL0    bool
}

// idFields says where in a payload the picture ids stand; 0 where they do not.
type idFields struct{ id, bits, tl0 int }

// pictureID takes the field at offset *at and moves *at behind it. Its first bit, M, tells the width.
func (f *idFields) pictureID(b []byte, at *int) (ok bool) {
	if *at >= len(b) {
		return false
	}
	f.id, f.bits = *at, 7
	*at++
	if b[f.id]&0x80 != 0 {
		f.bits = 15
		*at++
	}
	return *at <= len(b)
}

func locatePictureIDs(mimeType string, payload []byte) (f idFields, ok bool) {
	switch {
	case strings.EqualFold(mimeType, mimeVP8):
		d, ok := parseVP8Descriptor(payload)
		return d.ids, ok
	case strings.EqualFold(mimeType, mimeVP9):
		d, ok := parseVP9Descriptor(payload)
		return d.ids, ok
	}
	return f, false
}

// readPictureIDs reads the picture ids of a VP8 or VP9 payload. ok is false for other codecs and for a descriptor that is cut
// off; a whole descriptor without ids is ok.
func readPictureIDs(mimeType string, payload []byte) (ids pictureIDs, ok bool) {
	f, ok := locatePictureIDs(mimeType, payload)
	if !ok {
		return ids, false
	}
	ids.bits = uint8(f.bits)
	switch f.bits {
	case 7:
		ids.pictureID = uint16(payload[f.id])
	case 15:
		ids.pictureID = uint16(payload[f.id]&0x7f)<<8 | uint16(payload[f.id+1])
	}
	if f.tl0 > 0 {
		ids.tl0, ids.hasTL0 = payload[f.tl0], true
	}
	return ids, true
}

// writePictureIDs replaces in place those picture ids that payload has. A PictureID keeps its width: of id go in the lowest 7
// or 15 bits.
func writePictureIDs(mimeType string, payload []byte, id uint16, tl0 uint8) {
	f, ok := locatePictureIDs(mimeType, payload)
	if !ok {
		return
	}
	switch f.bits {
	case 7:
		payload[f.id] = byte(id & 0x7f)
	case 15:
		payload[f.id] = byte(id>>8) | 0x80
		payload[f.id+1] = byte(id)
	}
	if f.tl0 > 0 {
		payload[f.tl0] = tl0
	}
}
