package udp

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
)

// tcpQueue in packets is what waits for a PeerConnection over TCP at most; then its client has to wait.
const tcpQueue = 128

// tcpMux is pion's mux over the TCP connections that are not the handler's. Unlike pion's alone, it takes only those that ask for an
// agent that is there, and no agent gets a candidate for an address that nobody listens to.
type tcpMux struct {
	*ice.TCPMuxDefault
	listener *muxListener
	local    map[netip.Addr]bool

	mu    sync.Mutex
	names map[string]bool // user name fragments of agents
}

func newTCPMux(socks []*Sock) *tcpMux {
	m := &tcpMux{names: map[string]bool{}, local: map[netip.Addr]bool{}, listener: newMuxListener(socks)}
	for _, s := range socks {
		m.local[s.local.Addr().WithZone("")] = true
	}
	m.TCPMuxDefault = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: m.listener, Logger: newQuiet(), ReadBufferSize: tcpQueue,
		AliveDurationForConnFromStun: time.Second, // for agents that end just then; Close waits for it
	})
	return m
}

// GetConnByUfrag implements ice.TCPMux.
func (m *tcpMux) GetConnByUfrag(ufrag string, isIPv6 bool, local net.IP) (net.PacketConn, error) {
	if ip, ok := netip.AddrFromSlice(local); !ok || !m.local[ip.Unmap()] {
		return nil, fmt.Errorf("no TCP on %s", local)
	}
	m.mu.Lock()
	m.names[ufrag] = true
	m.mu.Unlock()
	return m.TCPMuxDefault.GetConnByUfrag(ufrag, isIPv6, local)
}

// RemoveConnByUfrag implements ice.TCPMux.
func (m *tcpMux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	delete(m.names, ufrag)
	m.mu.Unlock()
	m.TCPMuxDefault.RemoveConnByUfrag(ufrag)
}

// serve gives a connection to pion until it has ended, if it asks for one of pion's agents.
func (m *tcpMux) serve(c *connection, ufrag string) bool {
	m.mu.Lock()
	known := m.names[ufrag]
	m.mu.Unlock()
	if !known {
		return false
	}
	c.peeked = 0 // pion reads the first frame again
	p := &pionConn{connection: c, closed: make(chan struct{})}
	select {
	case m.listener.accepted <- p:
		<-p.closed
	case <-m.listener.closed:
	}
	return true
}

// muxListener is the net.Listener of pion's mux.
type muxListener struct {
	address  *net.TCPAddr
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newMuxListener(socks []*Sock) *muxListener {
	address := net.TCPAddrFromAddrPort(socks[0].local)
	if len(socks) > 1 {
		address.IP, address.Zone = net.IPv6unspecified, ""
	}
	return &muxListener{address: address, accepted: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *muxListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener: the one address, or the unspecified one for several.
func (l *muxListener) Addr() net.Addr { return l.address }

// Close implements net.Listener.
func (l *muxListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// pionConn is a connection as pion sees it: pion frames the packets itself. Writes don't wait; the deadlines are ours.
type pionConn struct {
	*connection
	closed chan struct{}
	once   sync.Once
}

// Read implements net.Conn.
func (p *pionConn) Read(b []byte) (int, error) {
	if p.reader.Buffered() == 0 {
		p.awaitRead()
	}
	n, err := p.reader.Read(b)
	p.streams.sock.bytesIn.Add(uint64(n))
	return n, err
}

// Write implements net.Conn, for one frame at a time. One that finds no room is lost, as on the way of a datagram.
func (p *pionConn) Write(frame []byte) (int, error) {
	s := p.streams.sock
	if p.putFrame(frame) {
		s.packetsOut.Add(1)
		s.bytesOut.Add(uint64(len(frame) - frameHeader))
	} else {
		s.faults.add(syscall.ENOBUFS, p.remote, 1)
	}
	return len(frame), nil
}

// Close implements net.Conn.
func (p *pionConn) Close() error {
	p.leave()
	p.once.Do(func() { close(p.closed) })
	return nil
}

// LocalAddr implements net.Conn.
func (p *pionConn) LocalAddr() net.Addr { return p.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (p *pionConn) RemoteAddr() net.Addr { return p.conn.RemoteAddr() }

// SetDeadline implements net.Conn.
func (p *pionConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (p *pionConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (p *pionConn) SetWriteDeadline(time.Time) error { return nil }
