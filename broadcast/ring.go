package broadcast

import (
	"sync"
	"sync/atomic"
)

const (
	blockSize   = 64 << 10 // payloads are stored in blocks of this size
	ringSlots   = 512      // a ring begins with so many packets
	maxSlots    = 1 << 15  // and grows to so many at most
	nackHistory = int64(3e9)
	fairShare   = 1 << 20 // bytes that a ring may keep even when all rings together keep too much
)

// packet is one RTP packet as it stands in a ring: immutable once written.
type packet struct {
	payload []byte
	seq     uint64 // the layer's number
	arrival int64  // nanoseconds on the hub's clock
	time    uint32 // RTP timestamp of the source
	marker  bool
}

// ring keeps a layer's newest packets in the order of their arrival: at least those since the last keyframe, within bounds,
// and some seconds more for retransmission. A position counts arrivals; readers see positions below visible. Payloads are
// appended to blocks that are never written again, so that a reader needs no lock for what it has read.
type ring struct {
	mu      sync.RWMutex
	slots   []packet
	bySeq   []uint64 // position + 1 by sequence number, for find; checked against the slot
	tail    uint64   // oldest position kept
	head    uint64   // next position to write
	visible uint64
	bytes   int
	block   []byte

	hasKey     bool
	keyPos     uint64 // position of the first packet of the newest keyframe
	keySeq     uint64 // lowest number among its packets
	keyTime    uint32
	keyArrival int64

	maxBytes    int
	maxDuration int64
	all         *budget
}

// budget bounds what all rings of a hub keep together.
type budget struct {
	used atomic.Int64 // bytes
	max  int64
}

func newRing(maxBytes int, maxDuration int64, all *budget) *ring {
	return &ring{slots: make([]packet, ringSlots), bySeq: make([]uint64, ringSlots), maxBytes: maxBytes, maxDuration: maxDuration, all: all}
}

// has tells whether the number is in the ring.
func (r *ring) has(seq uint64) bool {
	_, ok := r.locate(seq)
	return ok
}

func (r *ring) locate(seq uint64) (pos uint64, ok bool) {
	at := r.bySeq[seq&uint64(len(r.bySeq)-1)]
	if at == 0 {
		return 0, false
	}
	pos = at - 1
	return pos, pos >= r.tail && r.at(pos).seq == seq
}

func (r *ring) at(pos uint64) *packet { return &r.slots[pos&uint64(len(r.slots)-1)] }

// push stores a copy of p, whose payload may be reused afterwards, and gives its position. The caller holds mu.
func (r *ring) push(p packet) uint64 {
	p.payload = r.store(p.payload)
	r.trim(p.arrival)
	if r.head-r.tail == uint64(len(r.slots)) && !r.grow(p.arrival) {
		r.drop()
	}
	for r.tail < r.head && r.overfull() {
		r.drop()
	}
	pos := r.head
	*r.at(pos) = p
	r.bySeq[p.seq&uint64(len(r.bySeq)-1)] = pos + 1
	r.bytes += len(p.payload)
	r.all.used.Add(int64(len(p.payload)))
	r.head++
	return pos
}

// overfull tells whether the ring keeps more than it may. When all rings together do, those with the most give way.
func (r *ring) overfull() bool {
	return r.bytes > r.maxBytes || r.bytes > fairShare && r.all.used.Load() > r.all.max
}

func (r *ring) store(b []byte) []byte {
	if len(r.block)+len(b) > cap(r.block) {
		r.block = make([]byte, 0, max(blockSize, len(b)))
	}
	n := len(r.block)
	r.block = append(r.block, b...)
	return r.block[n:len(r.block):len(r.block)]
}

// trim lets go of what no viewer can ask for any more.
func (r *ring) trim(now int64) {
	for r.tail < r.head && (!r.hasKey || r.tail < r.keyPos) && now-r.at(r.tail).arrival > nackHistory {
		r.drop()
	}
}

// drop removes the oldest packet, and with it the keyframe that begins there.
func (r *ring) drop() {
	p := r.at(r.tail)
	r.bytes -= len(p.payload)
	r.all.used.Add(int64(-len(p.payload)))
	p.payload = nil
	if r.hasKey && r.keyPos == r.tail {
		r.hasKey = false
	}
	r.tail++
}

// grow doubles the ring if the group of pictures in it is worth keeping.
func (r *ring) grow(now int64) bool {
	if !r.hasKey || r.keyPos > r.tail+uint64(len(r.slots))/2 || now-r.keyArrival > r.maxDuration || len(r.slots) >= maxSlots {
		return false
	}
	n := 2 * len(r.slots)
	slots, bySeq := make([]packet, n), make([]uint64, n)
	for pos := r.tail; pos < r.head; pos++ {
		p := *r.at(pos)
		slots[pos&uint64(n-1)] = p
		bySeq[p.seq&uint64(n-1)] = pos + 1
	}
	r.slots, r.bySeq = slots, bySeq
	return true
}

// markKey makes the packets from pos on the newest keyframe; seq is the lowest number among them.
func (r *ring) markKey(pos, seq uint64, time uint32, arrival int64) {
	if pos >= r.tail {
		r.hasKey, r.keyPos, r.keySeq, r.keyTime, r.keyArrival = true, pos, seq, time, arrival
	}
}

// markLateKey is for a keyframe whose beginning comes only now, as the next packet: it was lost on the way here and has been
// repaired. The keyframe, and all that follows it in number, make the newest group of pictures unless there is a newer one.
func (r *ring) markLateKey(seq uint64, time uint32, arrival int64) {
	oldest := max(r.tail, r.head-min(r.head, maxMisorder))
	for pos := oldest; pos < r.head; pos++ {
		if p := r.at(pos); p.time == time {
			seq = min(seq, p.seq)
		}
	}
	if r.hasKey && seq <= r.keySeq {
		return
	}
	first := oldest
	for first < r.head && r.at(first).seq < seq {
		first++
	}
	r.markKey(first, seq, time, arrival)
}

// start gives the position and the number from which a new viewer can decode: the newest keyframe's.
func (r *ring) start() (pos, seq uint64, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keyPos, r.keySeq, r.hasKey && r.keyPos < r.visible
}

// edge gives the position and the number of what comes next. ok is false before the first packet.
func (r *ring) edge() (pos, seq uint64, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.visible == 0 {
		return 0, 0, false
	}
	return r.visible - 1, r.at(r.visible - 1).seq, r.visible-1 >= r.tail
}

// read copies packets from pos on into out and gives how many. lost says that pos is no longer there.
func (r *ring) read(pos uint64, out []packet) (n int, lost bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if pos < r.tail {
		return 0, true
	}
	for ; n < len(out) && pos < r.visible; n++ {
		out[n] = *r.at(pos)
		pos++
	}
	return n, false
}

// find gives the packet with a number, for retransmission.
func (r *ring) find(seq uint64) (packet, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	pos, ok := r.locate(seq)
	if !ok || pos >= r.visible {
		return packet{}, false
	}
	return *r.at(pos), true
}
