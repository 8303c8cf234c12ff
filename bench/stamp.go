package bench

// stampSize is what a stamp takes at the end of a payload.
const stampSize = 4 + 5 + 10

// stampMagic begins a stamp. Like all of it, its bytes are 0x80 and above: nothing that a parser of H.264, H.265 or AV1 could
// take for a start code, an emulation prevention byte or a trailing zero.
const stampMagic = "\xb0\xd6\xc5\x9e"

// putStamp writes at the end of a payload which frame it belongs to and when it is sent, in nanoseconds of Unix time.
func putStamp(payload []byte, frame uint32, sent int64) {
	b := payload[len(payload)-stampSize:]
	copy(b, stampMagic)
	putSevens(b[4:9], uint64(frame))
	putSevens(b[9:], uint64(sent))
}

// readStamp is the reverse; ok is false for a payload without a stamp.
func readStamp(payload []byte) (frame uint32, sent int64, ok bool) {
	if len(payload) < stampSize {
		return 0, 0, false
	}
	b := payload[len(payload)-stampSize:]
	if string(b[:4]) != stampMagic {
		return 0, 0, false
	}
	return uint32(sevens(b[4:9])), int64(sevens(b[9:])), true
}

// putSevens writes a number in groups of seven bits, each with the high bit set.
func putSevens(b []byte, n uint64) {
	for i := range b {
		b[i] = 0x80 | byte(n)
		n >>= 7
	}
}

func sevens(b []byte) (n uint64) {
	for i, c := range b {
		n |= uint64(c&0x7f) << (7 * i)
	}
	return n
}
