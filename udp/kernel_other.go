//go:build !linux

package udp

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// What to set when the buffers are too small (BSD and macOS).
const (
	readSetting  = "kern.ipc.maxsockbuf"
	writeSetting = "kern.ipc.maxsockbuf"
)

// setup asks for the buffers, and for less where that is refused.
func (s *Sock) setup() {
	s.readBuffer, s.writeBuffer = granted(s.conn.SetReadBuffer), granted(s.conn.SetWriteBuffer)
}

func granted(set func(int) error) int {
	n := bufferSize
	for n > 64<<10 && set(n) != nil {
		n /= 2
	}
	return n
}

func (s *Sock) overflowed() uint64 { return 0 }

func errnoName(e syscall.Errno) string { return e.Error() }

// tune has nothing to set here.
func tune(*net.TCPConn) {}

// out sends a batch packet by packet.
type out struct{}

func (o *out) init(*Batch) {}

func (o *out) send(b *Batch) error {
	conn := b.sock.conn
	_ = conn.SetWriteDeadline(time.Now().Add(time.Duration(1+b.patient) * time.Millisecond))
	for i := range b.runs {
		r := &b.runs[i]
		b.calls++
		_, err := conn.WriteToUDPAddrPort(b.arena[r.off:r.off+r.bytes], r.to)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			b.drop(r, errnoOf(err))
		}
	}
	return nil
}

// read is the socket's reader. It ends when the socket is closed.
func (s *Sock) read(h Handler) {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buffer)
		s.readCalls.Add(1)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // Windows tells here that a peer's port is closed
			s.faults.add(errnoOf(err), netip.AddrPort{}, 1)
		default:
			s.packetsIn.Add(1)
			s.bytesIn.Add(uint64(n))
			s.handle(h, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buffer[:n])
		}
	}
}
