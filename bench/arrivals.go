package bench

import "math"

// reach is how many packets back a late one is still told from a duplicate, and when a missing one counts as lost.
const reach = 512

// counts is what came of one RTP stream, or of many.
type counts struct {
	Packets, Bytes uint64 // received, with their RTP headers; duplicates too
	Lost           int64  // missing numbers; a packet that comes after it was given up is taken off again
	Late           uint64 // came after a higher number
	Duplicates     uint64
	Whole, Broken  uint64 // frames of the span that came with all packets, and others
}

func (c *counts) add(o counts) {
	c.Packets += o.Packets
	c.Bytes += o.Bytes
	c.Lost += o.Lost
	c.Late += o.Late
	c.Duplicates += o.Duplicates
	c.Whole += o.Whole
	c.Broken += o.Broken
}

// since is what was counted after an earlier state.
func (c counts) since(o counts) counts {
	return counts{
		Packets: c.Packets - o.Packets, Bytes: c.Bytes - o.Bytes, Lost: c.Lost - o.Lost, Late: c.Late - o.Late,
		Duplicates: c.Duplicates - o.Duplicates, Whole: c.Whole - o.Whole, Broken: c.Broken - o.Broken,
	}
}

// arrivals accounts for the packets of one SSRC by their clear headers: what came, what is missing, and which frames are whole.
// A frame is whole if it came without a gap from the packet after a marker to its own marker. What follows a gap counts as
// broken, since nothing in the headers tells where it began.
type arrivals struct {
	counts
	frames          bool // the stream has frames that end with a marker
	begun           bool
	first, highest  uint64 // extended sequence numbers (RFC 3550 appendix A.1)
	judged          uint64 // all before are known to be there or lost
	bad             int32  // what would follow a packet from far away; -1: none
	times           [reach]uint32
	got, marks      [reach / 64]uint64
	inFrame, intact bool   // a frame has begun; nothing of it is missing
	aligned         bool   // the packet before ended a frame
	frameTime       uint32 // of the frame

	from, to int64              // the span: frames by number, to exclusive
	frame    func(uint32) int64 // a frame's number by its timestamp; nil: unknown, all are in the span
}

func bit(seq uint64) (word int, mask uint64) { return int(seq % reach / 64), 1 << (seq % 64) }

func (a *arrivals) has(seq uint64) bool {
	w, m := bit(seq)
	return a.got[w]&m != 0
}

// add takes a packet's header.
func (a *arrivals) add(seq uint16, time uint32, marker bool, size int) {
	a.Packets++
	a.Bytes += uint64(size)
	if !a.begun {
		a.start(seq)
	}
	diff := int16(seq - uint16(a.highest))
	switch ext := a.highest + uint64(int64(diff)); {
	case diff > 0:
		a.advance(ext)
		a.set(ext, time, marker)
	case diff == 0 && !a.has(ext):
		a.set(ext, time, marker)
	case diff <= -reach:
		a.restart(seq, time, marker)
	case a.has(ext):
		a.Duplicates++
	case ext < a.first:
		a.Late++
	default:
		a.Late++
		if ext < a.judged {
			a.Lost--
		}
		a.set(ext, time, marker)
	}
}

func (a *arrivals) start(seq uint16) {
	a.begun, a.bad = true, -1
	a.highest = 1<<16 + uint64(seq)
	a.first, a.judged = a.highest, a.highest
	a.aligned = true // a server begins with a frame
	a.got, a.marks = [reach / 64]uint64{}, [reach / 64]uint64{}
}

// restart: two packets in a row from far back mean that the server counts anew.
func (a *arrivals) restart(seq uint16, time uint32, marker bool) {
	if a.bad != int32(seq) {
		a.bad = int32(seq + 1)
		a.Late++
		return
	}
	a.judge(a.highest + 1)
	a.start(seq)
	a.set(a.highest, time, marker)
}

// advance makes ext the highest.
func (a *arrivals) advance(ext uint64) {
	if ext-a.judged >= reach {
		a.judge(ext - reach + 1)
	}
	for s := max(a.highest+1, ext-min(ext, reach-1)); s <= ext; s++ {
		w, m := bit(s)
		a.got[w] &^= m
	}
	a.highest, a.bad = ext, -1
}

func (a *arrivals) set(ext uint64, time uint32, marker bool) {
	w, m := bit(ext)
	a.got[w] |= m
	a.marks[w] &^= m
	if marker {
		a.marks[w] |= m
	}
	a.times[ext%reach] = time
}

// settle judges all that came.
func (a *arrivals) settle() {
	if a.begun {
		a.judge(a.highest + 1)
	}
}

// judge goes through the packets before to and gives up those that are missing.
func (a *arrivals) judge(to uint64) {
	for s := a.judged; s < to; s++ {
		if s > a.highest || !a.has(s) {
			a.Lost++
			a.intact, a.aligned = false, false
		} else if a.frames {
			w, m := bit(s)
			a.assemble(a.times[s%reach], a.marks[w]&m != 0)
		}
	}
	a.judged = max(a.judged, to)
}

// assemble takes the next packet of the frames.
func (a *arrivals) assemble(time uint32, marker bool) {
	if a.inFrame && time != a.frameTime { // its marker is missing
		a.end(false)
	}
	if !a.inFrame {
		a.inFrame, a.intact, a.frameTime = true, a.aligned, time
	}
	if a.aligned = marker; marker {
		a.end(a.intact)
	}
}

func (a *arrivals) end(whole bool) {
	a.inFrame = false
	if a.frame != nil {
		if n := a.frame(a.frameTime); n < a.from || n >= a.to {
			return
		}
	}
	if whole {
		a.Whole++
	} else {
		a.Broken++
	}
}

// span begins to count frames by their numbers, from this one on; until bounds it.
func (a *arrivals) span(from int64) { a.from, a.to = from, math.MaxInt64 }
func (a *arrivals) until(to int64)  { a.to = to }

// missing lists numbers that may still come, for a NACK, oldest first.
func (a *arrivals) missing(list []uint16) []uint16 {
	for s := a.judged; s < a.highest && len(list) < cap(list); s++ {
		if !a.has(s) {
			list = append(list, uint16(s))
		}
	}
	return list
}

// recover takes a packet that came again under an SSRC of its own (RTX, RFC 4588). It was not received before.
func (a *arrivals) recover(seq uint16, time uint32, marker bool, size int) {
	if a.begun && int16(seq-uint16(a.highest)) < 0 {
		a.add(seq, time, marker, size)
	}
}
