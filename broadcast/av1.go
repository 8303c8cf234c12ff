package broadcast

import "iter"

// OBU types (AV1 bitstream specification, section 6.2.2).
const (
	obuSequenceHeader = 1
	obuFrameHeader    = 3
	obuFrame          = 6
)

// The aggregation header begins every payload: Z Y W W N (RTP Payload Format For AV1, section 4.4).
const (
	av1Continues   = 0x80 // Z: the first element goes on with an OBU of the packet before
	av1NewSequence = 0x08 // N: first packet of a coded video sequence
)

// av1StartsKeyframe: see StartsKeyframe. A coded video sequence begins with a keyframe, and N says that one begins here. N
// with Z is a contradiction and not believed. Without N a sequence header counts, unless a frame beside it shows that the
// header only was repeated.
func av1StartsKeyframe(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	if payload[0]&(av1Continues|av1NewSequence) == av1NewSequence {
		return true
	}
	found, reduced := false, false
	for element := range obuElements(payload) {
		switch obuType, body := openOBU(element); obuType {
		case obuSequenceHeader:
			found = true
			reduced = len(body) > 0 && body[0]&0x08 != 0 // reduced_still_picture_header: every frame is a keyframe
		case obuFrameHeader, obuFrame:
			if found && !reduced && len(body) > 0 {
				// show_existing_frame 0, frame_type KEY_FRAME (0), show_frame 1 (section 5.9.2)
				return body[0]>>4 == 1
			}
		}
	}
	return found
}

func av1Resolution(payload []byte) (width, height int, ok bool) {
	for element := range obuElements(payload) {
		if obuType, body := openOBU(element); obuType == obuSequenceHeader {
			return av1MaxFrameSize(body)
		}
	}
	return 0, 0, false
}

// obuElements gives those OBU elements of a payload that begin an OBU; the last may end in the next packet. An element has
// its size before it, but not the last if W counts them.
func obuElements(payload []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(payload) == 0 {
			return
		}
		continues, count, rest := payload[0]&av1Continues != 0, int(payload[0]>>4&3), payload[1:]
		for i := 1; len(rest) > 0; i++ {
			element := rest
			if i == count {
				rest = nil
			} else {
				size, n := leb128(rest)
				if n == 0 || size > uint64(len(rest)-n) {
					return
				}
				end := n + int(size)
				element, rest = rest[n:end], rest[end:]
			}
			if i == 1 && continues {
				continue
			}
			if !yield(element) {
				return
			}
		}
	}
}

// openOBU parts an OBU into its type and what follows its header, extension and size (AV1 bitstream specification, section
// 5.3). The type is 0, which is reserved, for what is no OBU.
func openOBU(b []byte) (obuType byte, body []byte) {
	const forbidden, hasExtension, hasSize = 0x80, 0x04, 0x02
	if len(b) == 0 || b[0]&forbidden != 0 {
		return 0, nil
	}
	head, body := b[0], b[1:]
	if head&hasExtension != 0 {
		body = body[min(1, len(body)):]
	}
	if head&hasSize != 0 {
		size, n := leb128(body)
		body = body[n:]
		body = body[:min(size, uint64(len(body)))]
	}
	return head >> 3 & 0x0f, body
}

// leb128 reads a number of seven bits a byte, at most eight bytes (AV1 bitstream specification, section 4.10.5), and gives
// how many bytes it took: 0 if it is cut off.
func leb128(b []byte) (value uint64, n int) {
	for i, c := range b[:min(8, len(b))] {
		value |= uint64(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

// av1MaxFrameSize reads a sequence header up to max_frame_height_minus_1 (AV1 bitstream specification, section 5.5).
func av1MaxFrameSize(header []byte) (width, height int, ok bool) {
	r := &bitReader{data: header}
	r.skip(4)      // seq_profile, still_picture
	if !r.flag() { // reduced_still_picture_header
		skipOperatingPoints(r)
	} else {
		r.skip(5) // seq_level_idx
	}
	widthBits, heightBits := int(r.bits(4))+1, int(r.bits(4))+1
	width, height = int(r.bits(widthBits))+1, int(r.bits(heightBits))+1
	if r.short {
		return 0, 0, false
	}
	return width, height, true
}

// skipOperatingPoints passes over all between reduced_still_picture_header and frame_width_bits_minus_1.
func skipOperatingPoints(r *bitReader) {
	decoderModel, delayBits := false, 0
	if r.flag() { // timing_info_present_flag
		r.skip(64)    // num_units_in_display_tick, time_scale
		if r.flag() { // equal_picture_interval
			r.ue()
		}
		if decoderModel = r.flag(); decoderModel { // decoder_model_info_present_flag
			delayBits = int(r.bits(5)) + 1
			r.skip(32 + 5 + 5)
		}
	}
	displayDelay := r.flag() // initial_display_delay_present_flag
	for range r.bits(5) + 1 {
		r.skip(12)         // operating_point_idc
		if r.bits(5) > 7 { // seq_level_idx
			r.flag() // seq_tier
		}
		if decoderModel && r.flag() {
			r.skip(2*delayBits + 1)
		}
		if displayDelay && r.flag() {
			r.skip(4)
		}
	}
}
