package lite

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"bongsu/broadcast"
)

// Stats are what a viewer says of its reception.
type Stats struct {
	Reception         [2]Reception // by broadcast.Kind
	Bandwidth         uint64       // its latest estimate (REMB), in bits per second; 0: none
	NACKs             uint64       // packets of generic NACK
	Missing           uint64       // numbers in them that were passed on
	PicturesLost      uint64       // PLI and FIR
	TransportFeedback uint64       // packets of transport-wide feedback; nothing here uses them
}

// Reception is the latest report block of one kind (RFC 3550 section 6.4.1).
type Reception struct {
	At           time.Time     // zero: no report yet
	FractionLost float64       // since the report before, 0 to 1
	Lost         int32         // packets in all; duplicates count against it
	Jitter       uint32        // in RTP timestamp units
	RoundTrip    time.Duration // 0: not known
}

// Stats gives what the viewer has reported.
func (s *Session) Stats() Stats {
	s.feedback.mu.Lock()
	defer s.feedback.mu.Unlock()
	return s.feedback.stats
}

// short is a time in units of 1/65536 s, which is what the fields LSR and DLSR have. It wraps around after 18 hours.
func short(t time.Time) uint32 {
	return uint32(t.Unix())<<16 | uint32(uint64(t.Nanosecond())<<16/1e9)
}

// reported remembers when a sender report went out; the receiver's reports name it. The report's own time may be the
// source's clock, so it can't be compared with ours.
func (f *feedback) reported(kind broadcast.Kind, r *rtcp.SenderReport, now time.Time) {
	latest := &f.reports[kind]
	latest[1].Store(latest[0].Load())
	latest[0].Store(uint64(uint32(r.NTPTime>>16))<<32 | uint64(short(now)))
}

// readBlocks reads the report blocks from an offset.
func (f *feedback) readBlocks(tracks *[2]*track, p []byte, from, count int, now time.Time) {
	const blockSize = 24
	for ; count > 0 && from+blockSize <= len(p); count, from = count-1, from+blockSize {
		b := p[from:]
		kind, ok := kindOf(tracks, binary.BigEndian.Uint32(b))
		if !ok {
			continue
		}
		r := Reception{
			At: now, FractionLost: float64(b[4]) / 256,
			Lost:      int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8,
			Jitter:    binary.BigEndian.Uint32(b[12:]),
			RoundTrip: f.roundTrip(kind, binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:]), now),
		}
		f.tally(func(st *Stats) { st.Reception[kind] = r })
	}
}

// roundTrip is the time since the report that the receiver names, less the time that it kept it.
func (f *feedback) roundTrip(kind broadcast.Kind, lsr, kept uint32, now time.Time) time.Duration {
	for i := range f.reports[kind] {
		v := f.reports[kind][i].Load()
		if lsr == 0 || uint32(v>>32) != lsr {
			continue
		}
		if d := int32(short(now) - uint32(v) - kept); d > 0 {
			return time.Duration(d) * time.Second >> 16
		}
	}
	return 0
}

// counters of a server.
type counters struct {
	checks, forgedChecks, probes, moves, handshakes, failedHandshakes, refusedHandshakes, forgedRTCP, replayedRTCP atomic.Uint64
}

// ServerStats count over all sessions since the start.
type ServerStats struct {
	Sessions                     int    // now
	Checks, ForgedChecks         uint64 // connectivity checks with and without valid integrity, for a known user name
	Probes, Moves                uint64 // checks of our own, and paths that moved
	Handshakes, FailedHandshakes uint64
	RefusedHandshakes            uint64 // attempts to begin one while too many were unfinished
	ForgedRTCP, ReplayedRTCP     uint64
}

// Stats gives the counts.
func (v *Server) Stats() ServerStats {
	c := &v.count
	return ServerStats{
		Sessions: len(v.sessions()),
		Checks:   c.checks.Load(), ForgedChecks: c.forgedChecks.Load(),
		Probes: c.probes.Load(), Moves: c.moves.Load(),
		Handshakes: c.handshakes.Load(), FailedHandshakes: c.failedHandshakes.Load(), RefusedHandshakes: c.refusedHandshakes.Load(),
		ForgedRTCP: c.forgedRTCP.Load(), ReplayedRTCP: c.replayedRTCP.Load(),
	}
}
