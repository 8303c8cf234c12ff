//go:build !linux

package bench

import (
	"net/netip"
	"time"
)

const canShare = false

type sourceControl struct{}

func (sourceControl) of(bool, netip.Addr) []byte { return nil }

func (s *socket) prepare() error {
	_ = s.conn.SetReadBuffer(receiveBuffer)
	return nil
}

// dropped is not known here.
func (s *socket) dropped() uint64 { return 0 }

// read brings what arrives to the viewer until the socket is closed.
func (s *socket) read() {
	buffer := make([]byte, 2048)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.deliver(0, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buffer[:n], time.Now().UnixNano())
		s.mu.Unlock()
	}
}
