package udp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What to set when the buffers are too small.
const (
	readSetting  = "net.core.rmem_max"
	writeSetting = "net.core.wmem_max"
)

// mmsghdr is struct mmsghdr of sendmmsg(2) and recvmmsg(2).
type mmsghdr struct {
	hdr    unix.Msghdr
	length uint32
}

// sockaddr has room for both families.
type sockaddr = unix.RawSockaddrInet6

// setup asks for the buffers and finds out what the kernel can do. Containers and sandboxes may refuse any of it.
func (s *Sock) setup() {
	_ = s.raw.Control(func(fd uintptr) {
		s.readBuffer = buffer(int(fd), unix.SO_RCVBUF, unix.SO_RCVBUFFORCE)
		s.writeBuffer = buffer(int(fd), unix.SO_SNDBUF, unix.SO_SNDBUFFORCE)
		_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		s.gso.Store(err == nil)
		s.gro.Store(unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil)
		none := make([]mmsghdr, 1) // with a length of 0 the calls do nothing
		_, errno := sendMany(fd, none[:0:1])
		s.sendmmsg.Store(errno == 0)
		_, errno = receiveMany(fd, none[:0:1])
		s.recvmmsg.Store(errno == 0)
	})
}

// buffer sets a socket buffer, beyond the system's limit if we may, and gives the bytes granted.
func buffer(fd, option, force int) int {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, bufferSize)
	granted := func() int {
		n, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
		return n / 2 // the kernel doubles it for its own needs: socket(7)
	}
	if granted() < bufferSize {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bufferSize)
	}
	return granted()
}

// unsentLimit in bytes is what a TCP connection may have in the kernel that is not on its way yet (TCP_NOTSENT_LOWAT, tcp(7)): what
// waits there can't be dropped any more, and makes the picture late.
const unsentLimit = 128 << 10

func tune(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
}

// overflowed counts the packets that found the receive buffer full (SO_MEMINFO).
func (s *Sock) overflowed() uint64 {
	const drops = 8 // SK_MEMINFO_DROPS of linux/sock_diag.h
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = s.raw.Control(func(fd uintptr) {
		_, _, _ = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return uint64(info[drops])
}

// put writes an address in the kernel's form and gives its length.
func (s *Sock) put(a *sockaddr, to netip.AddrPort) uint32 {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&a.Port))[:], to.Port())
	if s.local.Addr().Is4() {
		a4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		a4.Family, a4.Addr = unix.AF_INET, to.Addr().Unmap().As4()
		return unix.SizeofSockaddrInet4
	}
	a.Family, a.Addr, a.Flowinfo, a.Scope_id = unix.AF_INET6, to.Addr().As16(), 0, 0
	if to.Addr().IsLinkLocalUnicast() {
		a.Scope_id = s.zone
	}
	return unix.SizeofSockaddrInet6
}

// get reads an address in the kernel's form.
func (s *Sock) get(a *sockaddr) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&a.Port))[:])
	if a.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(a)).Addr), port)
	}
	ip := netip.AddrFrom16(a.Addr)
	if ip.IsLinkLocalUnicast() {
		ip = ip.WithZone(s.local.Addr().Zone())
	}
	return netip.AddrPortFrom(ip, port)
}

func errnoName(e syscall.Errno) string {
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return e.Error()
}
