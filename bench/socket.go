package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// perSocket is how many viewers share a socket. Each has an address of its own, so that the server can tell them apart; more
// would overflow the socket's buffer, whose size the system bounds, when a frame goes to all of them.
const perSocket = 16

// receiveBuffer is asked for; the system may give less.
const receiveBuffer = 4 << 20

var errNoAddress = errors.New("no local address is left for another viewer")

// receiver is who gets what arrives at an outlet. It is called with the socket locked, at is when the kernel had the packet,
// in nanoseconds of Unix time; data is valid during the call.
type receiver interface {
	receive(from netip.AddrPort, data []byte, at int64)
}

// sockets are the UDP sockets of all viewers. Close ends them.
type sockets struct {
	mu      sync.Mutex
	all     []*socket
	readers sync.WaitGroup
	drops   uint64 // of sockets that are gone
}

// socket is a UDP socket and the viewers behind it. A goroutine reads it.
type socket struct {
	conn   *net.UDPConn
	shared bool // by viewers with addresses from 127.1.0.0/24, else there is one
	source sourceControl

	mu        sync.Mutex
	receivers [perSocket]receiver
	taken     [perSocket]bool
	lag       histogram // from the kernel's receipt to ours
	latency   histogram // one-way, of sampled packets
	scratch   [2048]byte
}

// outlet is a local address for one viewer. Close gives it back.
type outlet struct {
	*socket
	all   *sockets
	slot  int
	local netip.AddrPort
	oob   []byte
}

// open gives an address for a viewer, who then listens. A shared one is of the loopback network and reaches this machine only; local is the address to
// name otherwise.
func (p *sockets) open(shared bool, local netip.Addr) (*outlet, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if shared && canShare {
		for _, s := range p.all {
			if !s.shared {
				continue
			}
			if o := s.admit(p, netip.Addr{}); o != nil {
				return o, nil
			}
		}
	}
	s, err := p.listen(shared && canShare, shared)
	if err != nil {
		return nil, err
	}
	if shared {
		local = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return s.admit(p, local), nil
}

func (p *sockets) listen(shared, loopback bool) (*socket, error) {
	network, at := "udp", &net.UDPAddr{}
	if shared {
		network = "udp4"
	} else if loopback {
		network, at.IP = "udp4", net.IPv4(127, 0, 0, 1)
	}
	conn, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAddress, err)
	}
	s := &socket{conn: conn, shared: shared}
	if err := s.prepare(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	p.all = append(p.all, s)
	p.readers.Go(s.read)
	return s, nil
}

// admit gives a slot; nil if there is none.
func (s *socket) admit(p *sockets, local netip.Addr) *outlet {
	s.mu.Lock()
	defer s.mu.Unlock()
	slots := 1
	if s.shared {
		slots = perSocket
	}
	for slot := range slots {
		if !s.taken[slot] {
			s.taken[slot] = true
			if s.shared {
				local = netip.AddrFrom4([4]byte{127, 1, 0, byte(slot + 1)})
			}
			port := s.conn.LocalAddr().(*net.UDPAddr).Port
			return &outlet{socket: s, all: p, slot: slot, local: netip.AddrPortFrom(local, uint16(port)), oob: s.source.of(s.shared, local)}
		}
	}
	return nil
}

// listen has r get what arrives.
func (o *outlet) listen(r receiver) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.receivers[o.slot] = r
}

// write sends from the viewer's address.
func (o *outlet) write(b []byte, to netip.AddrPort) error {
	_, _, err := o.conn.WriteMsgUDPAddrPort(b, o.oob, to)
	return err
}

// Close gives the address back; what arrives there is ignored from now on.
func (o *outlet) Close() {
	o.mu.Lock()
	o.receivers[o.slot], o.taken[o.slot] = nil, false
	o.mu.Unlock()
	if !o.shared {
		o.all.forget(o.socket)
	}
}

func (p *sockets) forget(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.all {
		if other == s {
			p.all = append(p.all[:i], p.all[i+1:]...)
			p.drops += s.dropped()
			_ = s.conn.Close()
			return
		}
	}
}

// dropped is how many packets the kernel threw away because nobody read them in time.
func (p *sockets) dropped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.drops
	for _, s := range p.all {
		n += s.dropped()
	}
	return n
}

// times moves what the sockets measured since the last call to these.
func (p *sockets) times(latency, lag *histogram) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.all {
		s.mu.Lock()
		latency.merge(&s.latency)
		lag.merge(&s.lag)
		s.latency, s.lag = histogram{}, histogram{}
		s.mu.Unlock()
	}
}

// Close closes all sockets and waits for their readers. It may be called twice.
func (p *sockets) Close() {
	p.mu.Lock()
	for _, s := range p.all {
		p.drops += s.dropped()
		_ = s.conn.Close()
	}
	p.all = nil
	p.mu.Unlock()
	p.readers.Wait()
}

// deliver brings a datagram to the viewer of a slot. The socket is locked.
func (s *socket) deliver(slot int, from netip.AddrPort, data []byte, at int64) {
	if slot < 0 || slot >= perSocket || s.receivers[slot] == nil {
		return
	}
	s.receivers[slot].receive(from, data, at)
}

// lagging notes how long the oldest packet of a batch waited for us.
func (s *socket) lagging(since, now int64) { s.lag.add(time.Duration(now - since)) }
