package udp

import (
	"slices"
	"sync"
)

// Gather has RTP of this SSRC, written through pion, join the batch until Release. A writer calls it around the WriteRTP calls of
// a PeerConnection, which end in WriteToAddrPort on the same goroutine; who else writes at that time, even to the same
// peer, has another SSRC (or sends RTCP, DTLS or STUN) and goes its own way. So the rule for the caller is: packets of an SSRC are
// written by nobody else while it is gathered. Should two writers gather one SSRC (two peers drew the same number), both
// write directly.
func (v *Virtual) Gather(b *Batch, ssrc uint32) { v.lent.add(b, ssrc) }

// Release ends Gather. The batch is still to be flushed, by its owner.
func (v *Virtual) Release(ssrc uint32) { v.lent.remove(ssrc) }

// loans are the batches that gather just now: a few for each writer, so that a list is the fastest map.
type loans struct {
	mu   sync.RWMutex
	list []loan
}

type loan struct {
	ssrc  uint32
	batch *Batch // nil when two claim the SSRC
	users int
}

func (l *loans) add(b *Batch, ssrc uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.index(ssrc); i >= 0 {
		l.list[i].batch = nil
		l.list[i].users++
		return
	}
	l.list = append(l.list, loan{ssrc: ssrc, batch: b, users: 1})
}

func (l *loans) remove(ssrc uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.index(ssrc)
	if i < 0 {
		return
	}
	if l.list[i].users--; l.list[i].users == 0 {
		l.list = slices.Delete(l.list, i, i+1)
	}
}

func (l *loans) find(ssrc uint32) *Batch {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if i := l.index(ssrc); i >= 0 {
		return l.list[i].batch
	}
	return nil
}

func (l *loans) index(ssrc uint32) int {
	return slices.IndexFunc(l.list, func(e loan) bool { return e.ssrc == ssrc })
}
