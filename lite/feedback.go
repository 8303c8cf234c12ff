package lite

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"bongsu/broadcast"
)

const (
	// A viewer may ask for so many packets again: more would not repair its loss but deepen it.
	resendRate  = 1000 // a second
	resendBurst = 100
	// lossInterval is the least time between two requests for a keyframe that are passed on.
	lossInterval = 50 * time.Millisecond
	bufferSize   = 1500 // bytes of RTCP; more has it allocated
	// maxSources bounds the SSRCs that a viewer sends RTCP from.
	maxSources = 16
)

// feedback is the receiving side of a session's RTCP. It runs on the sockets' readers.
type feedback struct {
	callbacks atomic.Pointer[callbacks]
	reports   [2][2]atomic.Uint64 // by kind, the latest two: the report's LSR<<32, when it was sent in the same units

	mu      sync.Mutex
	in      sealer // nil before the handshake
	windows []window
	stats   Stats
	tokens  float64
	filled  time.Time
	lost    time.Time // when a keyframe was last asked for
}

type callbacks struct {
	lost    func()
	missing func(ssrc uint32, numbers []uint16)
}

// Feedback has lost called for PLI and FIR, and missing for generic NACKs (RFC 4585 section 6, RFC 5104 section 4.3.1), on
// the goroutines that read the sockets: they must not block. Call it once.
func (s *Session) Feedback(lost func(), missing func(ssrc uint32, numbers []uint16)) {
	s.feedback.callbacks.Store(&callbacks{lost, missing})
}

func (f *feedback) open(in sealer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.in, f.tokens, f.filled = in, resendBurst, time.Now()
}

// window remembers which SRTCP indices a source has used (RFC 3711 section 3.3.2).
type window struct {
	ssrc, newest uint32
	seen         uint64 // bit n: newest-n
}

// accept says whether an index is new; newest says that it is the greatest so far.
func (w *window) accept(index uint32) (fresh, newest bool) {
	if index > w.newest {
		w.seen = w.seen<<(index-w.newest) | 1
		w.newest = index
		return true, true
	}
	bit := uint64(1) << (w.newest - index) // 0 for one that is too old
	if bit == 0 || w.seen&bit != 0 {
		return false, false
	}
	w.seen |= bit
	return true, false
}

// unseal opens an SRTCP packet into dst.
func (f *feedback) unseal(dst, packet []byte) (plain []byte, fresh, newest bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.in == nil {
		return nil, false, false, errForged
	}
	plain, index, err := f.in.openRTCP(dst, packet)
	if err != nil {
		return nil, false, false, err
	}
	fresh, newest = f.accept(binary.BigEndian.Uint32(plain[4:]), index)
	return plain, fresh, newest, nil
}

// accept is window.accept for a source, the first maxSources of them.
func (f *feedback) accept(ssrc, index uint32) (fresh, newest bool) {
	for i := range f.windows {
		if w := &f.windows[i]; w.ssrc == ssrc {
			return w.accept(index)
		}
	}
	if len(f.windows) == maxSources {
		return false, false
	}
	f.windows = append(f.windows, window{ssrc: ssrc, newest: index, seen: 1})
	return true, true
}

// handleRTCP takes an SRTCP packet; it is false for one that is not of this session.
func (s *Session) handleRTCP(at place, packet []byte) bool {
	buffer := s.server.buffers.Get().(*[]byte)
	defer s.server.buffers.Put(buffer)
	plain, fresh, newest, err := s.feedback.unseal((*buffer)[:0], packet)
	if err != nil {
		s.server.count.forgedRTCP.Add(1)
		return false
	}
	if !fresh {
		s.server.count.replayedRTCP.Add(1)
		return true
	}
	now := time.Now()
	s.hear(at, now)
	if newest {
		s.follow(at)
	}
	s.readRTCP(plain, now)
	return true
}

// Packet types and formats of RTCP (RFC 3550 section 12.1, RFC 4585 section 6.1). They are read by hand: unmarshalling
// was measured to cost most of all that a viewer's RTCP costs.
const (
	typeSR     = 200
	typeRR     = 201
	typeSDES   = 202
	typeRTPFB  = 205
	typePSFB   = 206
	formatNACK = 1
	formatTWCC = 15
	formatPLI  = 1
	formatFIR  = 4
	formatREMB = 15
)

// readRTCP reads a compound packet, of reduced size or not (RFC 5506), up to what does not fit.
func (s *Session) readRTCP(compound []byte, now time.Time) {
	for len(compound) >= rtcpHeader {
		n := 4 * (int(binary.BigEndian.Uint16(compound[2:])) + 1)
		if n > len(compound) || compound[0]>>6 != 2 {
			return
		}
		if n >= rtcpHeader {
			s.readPacket(compound[:n], now)
		}
		compound = compound[n:]
	}
}

func (s *Session) readPacket(p []byte, now time.Time) {
	f, count := &s.feedback, p[0]&31
	switch p[1] {
	case typeSR:
		f.readBlocks(&s.tracks, p, 28, int(count), now)
	case typeRR:
		f.readBlocks(&s.tracks, p, 8, int(count), now)
	case typeRTPFB:
		switch count {
		case formatNACK:
			s.readNACK(p, now)
		case formatTWCC:
			f.tally(func(st *Stats) { st.TransportFeedback++ })
		}
	case typePSFB:
		switch count {
		case formatPLI, formatFIR:
			s.pictureLost(now)
		case formatREMB:
			f.readREMB(p)
		}
	}
}

func (f *feedback) tally(add func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	add(&f.stats)
}

// kindOf tells whose SSRC it is.
func kindOf(tracks *[2]*track, ssrc uint32) (broadcast.Kind, bool) {
	for kind, t := range tracks {
		if t != nil && t.ssrc == ssrc {
			return broadcast.Kind(kind), true
		}
	}
	return 0, false
}

// readNACK passes on which packets are missing, as many as the budget allows (RFC 4585 section 6.2.1).
func (s *Session) readNACK(p []byte, now time.Time) {
	f := &s.feedback
	f.tally(func(st *Stats) { st.NACKs++ })
	if len(p) < 16 {
		return
	}
	ssrc := binary.BigEndian.Uint32(p[8:])
	c := f.callbacks.Load()
	if _, ok := kindOf(&s.tracks, ssrc); !ok || c == nil {
		return
	}
	var numbers []uint16
	budget := f.budget(now)
	for pairs := p[12:]; len(pairs) >= 4 && len(numbers) < budget; pairs = pairs[4:] {
		id, more := binary.BigEndian.Uint16(pairs), binary.BigEndian.Uint16(pairs[2:])
		numbers = append(numbers, id)
		for i := uint16(1); more != 0; i, more = i+1, more>>1 {
			if more&1 != 0 {
				numbers = append(numbers, id+i)
			}
		}
	}
	numbers = numbers[:min(len(numbers), budget)]
	if len(numbers) == 0 {
		return
	}
	f.mu.Lock()
	f.tokens -= float64(len(numbers))
	f.stats.Missing += uint64(len(numbers))
	f.mu.Unlock()
	c.missing(ssrc, numbers)
}

// budget is how many packets may be sent again now.
func (f *feedback) budget(now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens = min(f.tokens+now.Sub(f.filled).Seconds()*resendRate, resendBurst)
	f.filled = now
	return int(max(f.tokens, 0))
}

// pictureLost passes a request for a keyframe on.
func (s *Session) pictureLost(now time.Time) {
	f := &s.feedback
	c := f.callbacks.Load()
	f.mu.Lock()
	f.stats.PicturesLost++
	due := now.Sub(f.lost) >= lossInterval
	if due {
		f.lost = now
	}
	f.mu.Unlock()
	if due && c != nil {
		c.lost()
	}
}

// readREMB reads the receiver's estimate of the bandwidth: an exponent and a mantissa (draft-alvestrand-rmcat-remb section 2.2).
func (f *feedback) readREMB(p []byte) {
	if len(p) < 20 || string(p[12:16]) != "REMB" {
		return
	}
	exponent, mantissa := p[17]>>2, uint64(p[17]&3)<<16|uint64(p[18])<<8|uint64(p[19])
	if exponent > 46 {
		return // does not fit in 64 bits
	}
	f.tally(func(st *Stats) { st.Bandwidth = mantissa << exponent })
}
