package udp

import (
	"net/netip"
	"syscall"
)

const (
	// A batch is sent when this many bytes or messages wait: few enough that the packets are still in the CPU's cache when
	// the kernel copies them, enough to make the cost of the system call vanish.
	arenaSize   = 256 << 10
	maxMessages = 128
	// maxSegments of one GSO message: UDP_MAX_SEGMENTS of every kernel since 4.18.
	maxSegments = 64
	// patience is how often a batch waits for room in the socket's buffer, a millisecond each time, before it drops.
	patience = 4
	// A destination whose path does not take our GSO messages is tried again after retryAfter packets.
	retryAfter = 1 << 14
	maxRefused = 1024
)

// Batch gathers the packets that one goroutine writes to a socket and sends them together. It is not for concurrent use,
// does not allocate, and needs no end.
type Batch struct {
	sock    *Sock
	arena   []byte
	off     int   // arena[:off] is committed
	runs    []run // as many as fit into its capacity
	waits   int   // left before packets are dropped
	patient int   // what waits starts from, after a flush that found room
	full    bool
	refused map[netip.AddrPort]int
	err     error // first of this flush
	out     out

	packets, bytes, calls uint64 // since the last flush
}

// run is consecutive packets for one address in the arena: all of them have size bytes, but the last may be shorter.
type run struct {
	to     netip.AddrPort
	off    int
	bytes  int
	size   int
	count  int
	closed bool // nothing may follow
}

// NewBatch makes a batch for one writer on this socket.
func (s *Sock) NewBatch() *Batch {
	if s.streams != nil {
		return s.newBatch(maxMessages, streamArena, 0)
	}
	return s.newBatch(maxMessages, arenaSize, patience)
}

func (s *Sock) newBatch(messages, arena, patient int) *Batch {
	b := &Batch{
		sock: s, arena: make([]byte, arena), runs: make([]run, 0, messages),
		waits: patient, patient: patient, refused: map[netip.AddrPort]int{},
	}
	if s.streams == nil {
		b.out.init(b)
	}
	return b
}

// Reserve gives room for one packet of at most n bytes (65,507). It is valid until Commit; a second Reserve without one
// gives the same room again.
func (b *Batch) Reserve(n int) []byte {
	if b.off+n > len(b.arena) || len(b.runs) == cap(b.runs) {
		b.Flush()
	}
	return b.arena[b.off : b.off+n : b.off+n]
}

// Commit says that the first n of the reserved bytes are a packet for this address. With n 0 there is no packet.
func (b *Batch) Commit(n int, to netip.AddrPort) {
	if n == 0 || b.join(n, to) {
		return
	}
	if !to.IsValid() || to.Addr().Unmap().Is4() != b.sock.local.Addr().Is4() {
		b.fault(syscall.EAFNOSUPPORT, to, 1)
		return
	}
	b.runs = append(b.runs, run{to: to, off: b.off, bytes: n, size: n, count: 1})
	b.off += n
}

// join adds a packet to the last run if the two can be one GSO message.
func (b *Batch) join(n int, to netip.AddrPort) bool {
	last := len(b.runs) - 1
	if last < 0 {
		return false
	}
	r := &b.runs[last]
	if r.closed || r.to != to || n > r.size || r.count == maxSegments || r.bytes+n > maxDatagram ||
		!b.sock.gso.Load() || len(b.refused) > 0 && b.refuses(to) {
		return false
	}
	r.bytes += n
	r.count++
	r.closed = n < r.size
	b.off += n
	return true
}

// refuses says that GSO messages to this address failed lately.
func (b *Batch) refuses(to netip.AddrPort) bool {
	left, ok := b.refused[to]
	if ok && left > 0 {
		b.refused[to] = left - 1
		return true
	}
	delete(b.refused, to)
	return false
}

// refuse notes it: the path MTU is smaller than the packets, which the kernel then fragments only one by one.
func (b *Batch) refuse(to netip.AddrPort) {
	if len(b.refused) == maxRefused {
		clear(b.refused)
	}
	b.refused[to] = retryAfter
}

// Flush sends all that was committed: consecutive packets of one size for one address as one message, all messages in as
// few system calls as the kernel allows. What can't be sent is dropped and counted; it waits a few milliseconds at most.
func (b *Batch) Flush() { _ = b.flush() }

func (b *Batch) flush() error {
	if len(b.runs) > 0 {
		for i := range b.runs {
			b.packets += uint64(b.runs[i].count)
		}
		b.bytes += uint64(b.off)
		b.full = false
		if err := b.send(); err != nil && b.err == nil {
			b.err, b.packets, b.bytes = err, 0, 0
		}
		if !b.full {
			b.waits = b.patient
		}
		s := b.sock
		s.packetsOut.Add(b.packets)
		s.bytesOut.Add(b.bytes)
		s.sendCalls.Add(b.calls)
		b.packets, b.bytes, b.calls = 0, 0, 0
		b.runs, b.off = b.runs[:0], 0
	}
	err := b.err
	b.err = nil
	return err
}

func (b *Batch) send() error {
	if l := b.sock.streams; l != nil {
		l.send(b)
		return nil
	}
	return b.out.send(b)
}

// drop gives a run's packets up.
func (b *Batch) drop(r *run, why syscall.Errno) {
	b.packets -= uint64(r.count)
	b.bytes -= uint64(r.bytes)
	b.fault(why, r.to, r.count)
}

func (b *Batch) fault(why syscall.Errno, to netip.AddrPort, packets int) {
	if b.err == nil {
		b.err = why
	}
	b.sock.faults.add(why, to, uint64(packets))
}
