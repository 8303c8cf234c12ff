package bench

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canShare: the source of a packet can be chosen, and the destination of one be read (IP_PKTINFO, ip(7)).
const canShare = true

const (
	readBatch  = 32
	readSize   = 2048
	memoryInfo = 55 // SO_MEMINFO of asm-generic/socket.h
	dropsIndex = 8  // SK_MEMINFO_DROPS of linux/sock_diag.h
)

// sourceControl makes control messages that choose a source address.
type sourceControl struct{}

func (sourceControl) of(shared bool, local netip.Addr) []byte {
	if !shared {
		return nil
	}
	b := make([]byte, unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
	h.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
	(*unix.Inet4Pktinfo)(unsafe.Pointer(&b[unix.CmsgLen(0)])).Spec_dst = local.As4()
	return b
}

// prepare has the kernel tell when a packet came and for which address, and asks for room.
func (s *socket) prepare() error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
		if failed == nil {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}
		if failed == nil && s.shared {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		}
	})
	if err == nil {
		err = failed
	}
	return err
}

// dropped asks the socket (SO_MEMINFO, the counter that /proc/net/udp shows as drops).
func (s *socket) dropped() uint64 {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return 0
	}
	var info [dropsIndex + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = raw.Control(func(fd uintptr) {
		_, _, _ = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, memoryInfo,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return uint64(info[dropsIndex])
}

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	header unix.Msghdr
	size   uint32
}

// batch is room for what one recvmmsg brings.
type batch struct {
	messages [readBatch]message
	vectors  [readBatch]unix.Iovec
	names    [readBatch]unix.RawSockaddrInet6 // large enough for IPv4, too
	control  [readBatch][128]byte
	data     [readBatch][readSize]byte
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.messages {
		h := &b.messages[i].header
		b.vectors[i].Base = &b.data[i][0]
		b.vectors[i].SetLen(readSize)
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Control = &b.control[i][0]
	}
	return b
}

// receive fills the batch; the lengths that the kernel wrote the last time are set anew.
func (b *batch) receive(fd uintptr) (n int, err unix.Errno) {
	for i := range b.messages {
		b.messages[i].header.Namelen = unix.SizeofSockaddrInet6
		b.messages[i].header.SetControllen(len(b.control[i]))
	}
	r, _, err := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.messages[0])), readBatch, unix.MSG_DONTWAIT, 0, 0)
	return int(r), err
}

// read brings what arrives to the viewers until the socket is closed.
func (s *socket) read() {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return
	}
	b := newBatch()
	var n int
	fill := func(fd uintptr) bool {
		var err unix.Errno
		n, err = b.receive(fd)
		if err != 0 {
			n = 0
		}
		return err != unix.EAGAIN
	}
	for raw.Read(fill) == nil {
		if n > 0 {
			s.handle(b, n)
		}
	}
}

func (s *socket) handle(b *batch, n int) {
	now := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		m := &b.messages[i]
		at, slot := now, 0
		s.readControl(b.control[i][:m.header.Controllen], &at, &slot)
		if i == 0 {
			s.lagging(at, now)
		}
		s.deliver(slot, b.from(i), b.data[i][:min(int(m.size), readSize)], at)
	}
}

// readControl reads the time of receipt and the destination.
func (s *socket) readControl(b []byte, at *int64, slot *int) {
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		length := int(h.Len)
		if length < unix.SizeofCmsghdr || length > len(b) {
			return
		}
		body := b[unix.CmsgLen(0):length]
		switch {
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPNS && len(body) >= int(unsafe.Sizeof(unix.Timespec{})):
			*at = (*unix.Timespec)(unsafe.Pointer(&body[0])).Nano()
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(body) >= unix.SizeofInet4Pktinfo:
			to := (*unix.Inet4Pktinfo)(unsafe.Pointer(&body[0])).Addr
			if *slot = int(to[3]) - 1; to[0] != 127 || to[1] != 1 {
				*slot = -1
			}
		}
		b = b[min(unix.CmsgSpace(len(body)), len(b)):]
	}
}

func (b *batch) from(i int) netip.AddrPort {
	a := &b.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&a.Port))[:])
	if a.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(a)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), port)
}
