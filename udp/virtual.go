package udp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4/deadline"
)

const (
	// queueLength in packets is what waits for pion at most: the key frames of several publishers at once.
	queueLength = 1024
	// maxForPion in bytes is the longest packet that pion's mux reads.
	maxForPion = 8192
)

// Virtual is the connection under pion's ICE mux: it reads what the port's handler left and writes to the socket.
// It is a net.PacketConn and an ice.AddrPortReaderWriter.
type Virtual struct {
	sock   *Sock
	local  *net.UDPAddr
	unread atomic.Uint64
	lent   loans

	mu     sync.Mutex
	queue  []datagram // a ring; its buffers are kept
	head   int
	length int

	arrived  chan struct{} // the queue was empty, or holds more
	deadline *deadline.Deadline
	closed   chan struct{}
	once     sync.Once
}

// datagram waits for pion.
type datagram struct {
	from netip.AddrPort
	data []byte
}

var (
	_ net.PacketConn           = (*Virtual)(nil)
	_ ice.AddrPortReaderWriter = (*Virtual)(nil)
)

func newVirtual(s *Sock, local *net.UDPAddr) *Virtual {
	return &Virtual{
		sock: s, local: local, queue: make([]datagram, queueLength),
		arrived: make(chan struct{}, 1), deadline: deadline.New(), closed: make(chan struct{}),
	}
}

// deliver queues a copy for pion. It never blocks: what finds no room is dropped and counted.
func (v *Virtual) deliver(from netip.AddrPort, data []byte) {
	v.mu.Lock()
	if v.length == len(v.queue) || len(data) > maxForPion {
		v.mu.Unlock()
		v.unread.Add(1)
		return
	}
	d := &v.queue[(v.head+v.length)%len(v.queue)]
	d.from, d.data = from, append(d.data[:0], data...)
	v.length++
	first := v.length == 1
	v.mu.Unlock()
	if first {
		v.signal()
	}
}

func (v *Virtual) signal() {
	select {
	case v.arrived <- struct{}{}:
	default:
	}
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter. It waits for a packet, for the read deadline (os.ErrDeadlineExceeded) or
// for Close (net.ErrClosed). Of a packet longer than b the rest is lost, as with a socket.
func (v *Virtual) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		select {
		case <-v.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case <-v.deadline.Done():
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		default:
		}
		if n, from, ok := v.next(b); ok {
			return n, from, nil
		}
		select {
		case <-v.arrived:
		case <-v.closed:
		case <-v.deadline.Done():
		}
	}
}

// next takes the oldest packet from the queue.
func (v *Virtual) next(b []byte) (n int, from netip.AddrPort, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.length == 0 {
		return 0, netip.AddrPort{}, false
	}
	d := &v.queue[v.head]
	n, from = copy(b, d.data), d.from
	v.head = (v.head + 1) % len(v.queue)
	v.length--
	if v.length > 0 {
		v.signal() // for another reader; with one it costs a look at an empty queue
	}
	return n, from, true
}

// WriteToAddrPort implements ice.AddrPortReaderWriter: the packet is sent at once, or joins a batch (see Gather).
func (v *Virtual) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-v.closed:
		return 0, net.ErrClosed
	default:
	}
	if isRTP(b) {
		if batch := v.lent.find(binary.BigEndian.Uint32(b[8:])); batch != nil {
			copy(batch.Reserve(len(b)), b)
			batch.Commit(len(b), to)
			return len(b), nil
		}
	}
	if err := v.sock.WriteTo(b, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

// isRTP tells RTP from RTCP, DTLS and STUN (RFC 7983, RFC 5761 section 4).
func isRTP(b []byte) bool {
	return len(b) >= 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223)
}

// ReadFrom implements net.PacketConn.
func (v *Virtual) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := v.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo implements net.PacketConn; to must be a *net.UDPAddr.
func (v *Virtual) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.AddrError{Err: "not a UDP address", Addr: to.String()}
	}
	return v.WriteToAddrPort(b, a.AddrPort())
}

// LocalAddr implements net.PacketConn.
func (v *Virtual) LocalAddr() net.Addr { return v.local }

// SetDeadline implements net.PacketConn.
func (v *Virtual) SetDeadline(t time.Time) error { return v.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (v *Virtual) SetReadDeadline(t time.Time) error {
	v.deadline.Set(t)
	return nil
}

// SetWriteDeadline implements net.PacketConn. It has nothing to do: a write does not wait.
func (v *Virtual) SetWriteDeadline(time.Time) error { return nil }

// Close ends reading and writing here; the socket stays open for others. Twice is fine.
func (v *Virtual) Close() error {
	v.once.Do(func() {
		close(v.closed)
		v.deadline.Set(time.Time{}) // stops its timer
	})
	return nil
}
