package broadcast

const (
	// maxMisorder is how far back a packet may come and still be late rather than the sign of a source that began anew.
	maxMisorder = 1000
	// maxShifts bounds the memory of renumberings; packets older than the oldest remembered one are too late.
	maxShifts = 128
)

// sequencer turns a source's 16-bit sequence numbers into a layer's own 64-bit ones. The two differ where the layer swallows
// a packet that carries nothing or inserts one of its own, so that what the viewers get has no gap but real loss.
type sequencer struct {
	started bool
	highest uint64  // greatest extended number of the source so far
	shifts  []shift // in force from .from on, ascending
	bad     uint16  // what would follow a packet that was too far back (RFC 3550 appendix A.1)
	hasBad  bool
}

type shift struct {
	from  uint64
	delta int64
}

// extend gives the source's number in 64 bits and whether it is ahead of all before it. ok is false for a packet to drop.
func (s *sequencer) extend(seq uint16) (ext uint64, ahead, ok bool) {
	if !s.started {
		s.started = true
		s.highest = 1<<16 + uint64(seq)
		s.shifts = append(s.shifts[:0], shift{})
		return s.highest, true, true
	}
	diff := int16(seq - uint16(s.highest))
	if diff > 0 {
		s.hasBad = false
		s.highest += uint64(diff)
		return s.highest, true, true
	}
	if diff > -maxMisorder {
		ext = s.highest - uint64(-int64(diff))
		return ext, false, ext >= s.shifts[0].from
	}
	if s.hasBad && seq == s.bad { // two in a row: the source counts from elsewhere now
		s.hasBad = false
		s.resume(seq)
		return s.highest, true, true
	}
	s.bad, s.hasBad = seq+1, true
	return 0, false, false
}

// resume goes on at seq without a gap in the layer's numbers.
func (s *sequencer) resume(seq uint16) {
	next := (s.highest&^0xffff + 1<<16) | uint64(seq)
	delta := s.last().delta - int64(next-(s.highest+1))
	s.highest = next
	s.push(shift{next, delta})
}

// number gives the layer's number of an extended source number.
func (s *sequencer) number(ext uint64) uint64 {
	for i := len(s.shifts) - 1; i > 0; i-- {
		if sh := s.shifts[i]; ext >= sh.from {
			return ext + uint64(sh.delta)
		}
	}
	return ext + uint64(s.shifts[0].delta)
}

// swallow leaves ext, the newest packet, out of the layer's numbers.
func (s *sequencer) swallow(ext uint64) { s.push(shift{ext + 1, s.last().delta - 1}) }

// insert makes room for one packet of the layer's own before ext, the newest, and gives its number.
func (s *sequencer) insert(ext uint64) uint64 {
	seq := s.number(ext)
	s.push(shift{ext, s.last().delta + 1})
	return seq
}

func (s *sequencer) last() shift { return s.shifts[len(s.shifts)-1] }

func (s *sequencer) push(sh shift) {
	if n := len(s.shifts); s.shifts[n-1].from == sh.from {
		s.shifts[n-1] = sh
		return
	}
	if len(s.shifts) == maxShifts {
		s.shifts = append(s.shifts[:0], s.shifts[maxShifts/2:]...)
	}
	s.shifts = append(s.shifts, sh)
}
