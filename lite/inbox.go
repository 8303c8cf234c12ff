package lite

import (
	"net"
	"os"
	"sync"
	"time"
)

const (
	// inboxSize is the most datagrams that wait for pion; a flight of a handshake has fewer.
	inboxSize = 32
	// inboxAlerts is how many more may wait that begin with an alert: a flood of data must not hide the client's close_notify.
	inboxAlerts = 4
)

// inbox is the net.PacketConn that pion/dtls reads a session's records from. It belongs to one handshake or connection;
// what is written to it goes to where the viewer is.
type inbox struct {
	session *Session

	mu        sync.Mutex
	arrived   sync.Cond
	datagrams [][]byte
	late      bool // the read deadline has passed
	closed    bool
	data      bool // application data came, maybe before the handshake was finished on our side
}

func newInbox(s *Session) *inbox {
	i := &inbox{session: s}
	i.arrived.L = &i.mu
	return i
}

// put keeps a datagram, which must not be changed after it.
func (i *inbox) put(datagram []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	room := inboxSize
	if datagram[0] == recordAlert {
		room += inboxAlerts
	}
	if len(i.datagrams) < room && !i.closed {
		i.datagrams = append(i.datagrams, datagram)
		i.data = i.data || datagram[0] == recordApplication
		i.arrived.Signal()
	}
}

// ReadFrom implements net.PacketConn.
func (i *inbox) ReadFrom(b []byte) (int, net.Addr, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for {
		switch {
		case i.closed:
			return 0, nil, net.ErrClosed
		case i.late:
			return 0, nil, os.ErrDeadlineExceeded
		case len(i.datagrams) > 0:
			n := copy(b, i.datagrams[0])
			if i.datagrams = i.datagrams[1:]; len(i.datagrams) == 0 {
				i.datagrams = nil
			}
			return n, viewerAddr{}, nil
		}
		i.arrived.Wait()
	}
}

// WriteTo implements net.PacketConn: to the viewer's path, whatever the address.
func (i *inbox) WriteTo(b []byte, _ net.Addr) (int, error) {
	p := i.session.path.Load()
	if p == nil {
		return 0, net.ErrClosed
	}
	return len(b), p.sock.WriteTo(b, p.addr)
}

// SetReadDeadline implements net.PacketConn. All that pion asks for are past deadlines, to interrupt a read, and none.
func (i *inbox) SetReadDeadline(t time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.late = !t.IsZero()
	i.arrived.Broadcast()
	return nil
}

// Close implements net.PacketConn. Pion calls it when the connection ends, be it by the client's close_notify.
func (i *inbox) Close() error {
	i.mu.Lock()
	i.closed = true
	i.datagrams = nil
	i.mu.Unlock()
	i.arrived.Broadcast()
	i.session.hungUp()
	return nil
}

// early tells whether application data has come.
func (i *inbox) early() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.data
}

func (i *inbox) isClosed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.closed
}

// SetDeadline implements net.PacketConn.
func (i *inbox) SetDeadline(t time.Time) error { return i.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn: writes do not wait.
func (i *inbox) SetWriteDeadline(time.Time) error { return nil }

// LocalAddr implements net.PacketConn.
func (i *inbox) LocalAddr() net.Addr { return viewerAddr{} }

// viewerAddr stands for wherever the viewer is: its address may change, and pion need not know it.
type viewerAddr struct{}

func (viewerAddr) Network() string { return "udp" }
func (viewerAddr) String() string  { return "viewer" }
