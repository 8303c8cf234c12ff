package broadcast

// bitReader reads the fields of a header, the most significant bit first. Past the end it gives zeros and sets short, so that
// a parser may look once, at its end.
type bitReader struct {
	data    []byte
	escaped bool // leave out emulation_prevention_three_byte (ITU-T H.264 section 7.3.1, H.265 section 7.3.1.1)
	short   bool // a field was cut off, or is no Exp-Golomb code

	current byte
	left    int // bits of current that are still to be read
	zeros   int // zero bytes just before
}

func (r *bitReader) next() {
	if r.escaped && r.zeros >= 2 && len(r.data) > 0 && r.data[0] == 3 {
		r.data, r.zeros = r.data[1:], 0
	}
	if len(r.data) == 0 {
		r.current, r.left, r.short = 0, 8, true
		return
	}
	r.current, r.left, r.data = r.data[0], 8, r.data[1:]
	if r.current == 0 {
		r.zeros++
	} else {
		r.zeros = 0
	}
}

// bits reads an unsigned number of n bits, at most 32: u(n).
func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for n > 0 {
		if r.left == 0 {
			r.next()
		}
		take := min(n, r.left)
		r.left -= take
		n -= take
		v = v<<take | uint32(r.current>>r.left)&(1<<take-1)
	}
	return v
}

func (r *bitReader) flag() bool { return r.bits(1) == 1 }

func (r *bitReader) skip(n int) {
	for ; n > 32; n -= 32 {
		r.bits(32)
	}
	r.bits(n)
}

// ue reads an unsigned Exp-Golomb code: ue(v) (ITU-T H.264 section 9.1, H.265 section 9.2). AV1 writes uvlc() in the same way.
func (r *bitReader) ue() uint32 {
	zeros := 0
	for !r.flag() {
		if zeros++; zeros > 31 || r.short {
			r.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// se reads a signed Exp-Golomb code: se(v).
func (r *bitReader) se() int32 {
	v := r.ue()
	if v&1 == 0 {
		return -int32(v >> 1)
	}
	return int32(v>>1) + 1
}

// skipUE reads n unsigned Exp-Golomb codes that are of no interest. A signed one takes as many bits.
func (r *bitReader) skipUE(n int) {
	for ; n > 0 && !r.short; n-- {
		r.ue()
	}
}
