package udp

import (
	"errors"
	"maps"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// maxDestinations bounds the count of errors per destination.
const maxDestinations = 256

// Stats of a port, summed over its sockets since the start.
type Stats struct {
	PacketsIn, BytesIn   uint64
	ReadCalls            uint64 // system calls of UDP; those that found nothing count too
	Unread               uint64 // packets in for pion that it did not take in time, or that were too long for it
	Overflowed           uint64 // packets in that the kernel dropped because the receive buffer was full (Linux)
	PacketsOut, BytesOut uint64 // taken by the kernel
	SendCalls            uint64 // system calls
	// Errors counts packets out that were dropped, by the kind of error (ENETUNREACH, EAGAIN for a full send buffer, over TCP
	// ENOBUFS for a connection that is too slow and ENOTCONN for one that has ended, ...), and failed reads.
	Errors map[string]uint64
	// Destinations counts the same by destination, for 256 of them: a new one takes the place of any other.
	Destinations map[netip.AddrPort]uint64
	// What the kernel can do, on all sockets.
	GSO, GRO, SendMMsg, RecvMMsg bool
	Connections                  int    // over TCP, now
	RefusedConnections           uint64 // over TCP, of strangers: too many at a time, or without a valid connectivity check
	// Bytes granted to each socket, the least of all.
	ReadBuffer, WriteBuffer int
}

// Stats gives the port's counts.
func (p *Port) Stats() Stats {
	st := Stats{
		Errors: map[string]uint64{}, Destinations: map[netip.AddrPort]uint64{},
		GSO: true, GRO: true, SendMMsg: true, RecvMMsg: true, ReadBuffer: bufferSize, WriteBuffer: bufferSize,
	}
	for _, s := range p.streams {
		s.tell(&st)
		st.Connections += s.streams.len()
		st.RefusedConnections += s.streams.refused.Load()
	}
	for _, s := range p.socks {
		s.tell(&st)
		st.ReadCalls += s.readCalls.Load()
		st.Unread += s.virtual.unread.Load()
		st.Overflowed += s.overflowed()
		st.GSO = st.GSO && s.gso.Load()
		st.GRO = st.GRO && s.gro.Load()
		st.SendMMsg = st.SendMMsg && s.sendmmsg.Load()
		st.RecvMMsg = st.RecvMMsg && s.recvmmsg.Load()
		st.ReadBuffer = min(st.ReadBuffer, s.readBuffer)
		st.WriteBuffer = min(st.WriteBuffer, s.writeBuffer)
	}
	return st
}

// tell adds what sockets of both kinds count.
func (s *Sock) tell(st *Stats) {
	st.PacketsIn += s.packetsIn.Load()
	st.BytesIn += s.bytesIn.Load()
	st.PacketsOut += s.packetsOut.Load()
	st.BytesOut += s.bytesOut.Load()
	st.SendCalls += s.sendCalls.Load()
	s.faults.tell(st)
}

// errnoOf finds the system's error in one of package net.
func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return syscall.EAGAIN
	}
	if !errors.As(err, &e) {
		return syscall.EINVAL
	}
	return e
}

// faults counts errors of a socket.
type faults struct {
	mu           sync.Mutex
	kinds        map[syscall.Errno]uint64
	destinations map[netip.AddrPort]uint64
}

// add counts packets that went wrong; to is zero for a failed read.
func (f *faults) add(why syscall.Errno, to netip.AddrPort, packets uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil {
		f.kinds, f.destinations = map[syscall.Errno]uint64{}, map[netip.AddrPort]uint64{}
	}
	f.kinds[why] += packets
	if !to.IsValid() {
		return
	}
	if _, known := f.destinations[to]; !known && len(f.destinations) == maxDestinations {
		for other := range f.destinations { // whoever fails often comes back
			delete(f.destinations, other)
			break
		}
	}
	f.destinations[to] += packets
}

func (f *faults) tell(st *Stats) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for why, n := range f.kinds {
		st.Errors[errnoName(why)] += n
	}
	maps.Copy(st.Destinations, f.destinations)
}
