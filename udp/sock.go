package udp

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

const (
	// maxDatagram in bytes is the longest UDP payload over IPv4 (RFC 768, RFC 791): 65,535 less the headers.
	maxDatagram = 65507
	// Single writes need little room and are rarely many at a time.
	singleArena = 8 << 10
	maxSpare    = 64
)

// Sock is one bound UDP socket of the port, or all TCP connections to one of its addresses.
type Sock struct {
	streams *streams // nil: UDP, which has what follows up to spare
	conn    *net.UDPConn
	raw     syscall.RawConn
	local   netip.AddrPort
	zone    uint32 // interface index of a link-local address
	virtual *Virtual
	log     *slog.Logger
	spare   chan *Batch // for single writes; a sync.Pool would give them to the collector

	// What the kernel can do, as found at the start and corrected by what it then does.
	gso, gro, sendmmsg, recvmmsg    atomic.Bool
	readBuffer, writeBuffer         int // bytes granted
	packetsIn, bytesIn, readCalls   atomic.Uint64
	packetsOut, bytesOut, sendCalls atomic.Uint64
	faults                          faults
}

func listen(at netip.AddrPort, log *slog.Logger) (*Sock, error) {
	network := "udp6"
	if at.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	s := &Sock{conn: conn, log: log, spare: make(chan *Batch, maxSpare)}
	local := conn.LocalAddr().(*net.UDPAddr)
	s.local = netip.AddrPortFrom(at.Addr(), uint16(local.Port))
	if zone := at.Addr().Zone(); zone != "" {
		if ifi, err := net.InterfaceByName(zone); err == nil {
			s.zone = uint32(ifi.Index)
		}
	}
	s.virtual = newVirtual(s, local)
	if s.raw, err = conn.SyscallConn(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	s.setup()
	return s, nil
}

// close has the kernel's part closed.
func (s *Sock) close() {
	if s.streams != nil {
		s.streams.close()
		return
	}
	_ = s.virtual.Close()
	_ = s.conn.Close()
}

// LocalAddr is the address that the socket is bound to.
func (s *Sock) LocalAddr() netip.AddrPort { return s.local }

// Virtual is the socket's connection for what is not ours. Over TCP there is none: see Port.TCPMux.
func (s *Sock) Virtual() *Virtual { return s.virtual }

// WriteTo sends one packet at once, or fails at once when the kernel has no room. It may be called by many at the same time.
func (s *Sock) WriteTo(data []byte, to netip.AddrPort) error {
	if s.streams != nil {
		return s.streams.writeTo(data, to)
	}
	b := s.single(len(data))
	copy(b.Reserve(len(data)), data)
	b.Commit(len(data), to)
	err := b.flush()
	select {
	case s.spare <- b:
	default:
	}
	if err != nil {
		return fmt.Errorf("can't send to %s: %w", to, err)
	}
	return nil
}

// Disconnect ends the TCP connection with an address, after what was written is sent. It does not wait. With UDP there is nothing to do.
func (s *Sock) Disconnect(from netip.AddrPort) {
	if s.streams == nil {
		return
	}
	if c := s.streams.find(from); c != nil {
		c.leave()
	}
}

// single gives a batch for one datagram of n bytes.
func (s *Sock) single(n int) *Batch {
	if n <= singleArena {
		select {
		case b := <-s.spare:
			return b
		default:
		}
	}
	return s.newBatch(1, max(n, singleArena), 0)
}

// handle gives a received datagram to the handler, or to pion.
func (s *Sock) handle(h Handler, from netip.AddrPort, data []byte) {
	if h == nil || !h(s, from, data) {
		s.virtual.deliver(from, data)
	}
}

// count counts a packet that came.
func (s *Sock) count(bytes int) {
	s.packetsIn.Add(1)
	s.bytesIn.Add(uint64(bytes))
}

// refuseGSO notes that the device can't segment: from now on each packet is a message of its own.
func (s *Sock) refuseGSO(why error) {
	if s.gso.CompareAndSwap(true, false) {
		s.log.Warn("the network device can't split messages (UDP_SEGMENT); sending goes on without, at a higher cost",
			"address", s.local, "error", why)
	}
}
