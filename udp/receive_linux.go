package udp

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// receiveMessages are read in one system call, receiveSize bytes each: a whole message that the kernel put together (UDP_GRO).
	// Of that memory only the pages that messages reached are ever touched.
	receiveMessages = 16
	receiveSize     = 1 << 16
)

// receiver reads into messages, as many as there are room.
type receiver func(fd uintptr, m []mmsghdr) (n int, errno syscall.Errno)

func receiveMany(fd uintptr, m []mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(m))), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func receiveOne(fd uintptr, m []mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&m[0].hdr)), unix.MSG_DONTWAIT)
	m[0].length = uint32(n)
	return 1, errno
}

// in is the kernel's side of reading a socket.
type in struct {
	sock     *Sock
	messages []mmsghdr
	vectors  []unix.Iovec
	names    []sockaddr
	controls []byte
	buffers  []byte
	size     int // of a control buffer
	receive  receiver
	n        int // messages read
}

func newIn(s *Sock) *in {
	r := &in{
		sock: s, size: unix.CmsgSpace(4), receive: receiveOne,
		messages: make([]mmsghdr, receiveMessages), vectors: make([]unix.Iovec, receiveMessages),
		names: make([]sockaddr, receiveMessages), buffers: make([]byte, receiveMessages*receiveSize),
	}
	r.controls = make([]byte, receiveMessages*r.size)
	if s.recvmmsg.Load() {
		r.receive = receiveMany
	}
	for i := range r.messages {
		r.vectors[i].Base = &r.buffers[i*receiveSize]
		r.vectors[i].SetLen(receiveSize)
		h := &r.messages[i].hdr
		h.Name, h.Iov, h.Control = (*byte)(unsafe.Pointer(&r.names[i])), &r.vectors[i], &r.controls[i*r.size]
		h.SetIovlen(1)
	}
	r.n = receiveMessages
	return r
}

// read is the socket's reader. It ends when the socket is closed.
func (s *Sock) read(h Handler) {
	r := newIn(s)
	wait := r.wait
	for s.raw.Read(wait) == nil {
		for i := range r.n {
			r.handle(h, i)
		}
	}
}

// wait reads what is there; false has the runtime wait for more.
func (r *in) wait(fd uintptr) bool {
	for i := range r.n { // the kernel wrote into those used
		m := &r.messages[i].hdr
		m.Namelen, m.Flags = uint32(unsafe.Sizeof(r.names[i])), 0
		m.SetControllen(r.size)
	}
	for {
		n, errno := r.receive(fd, r.messages)
		r.sock.readCalls.Add(1)
		switch errno {
		case 0:
			r.n = n
			return true
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			r.sock.faults.add(errno, netip.AddrPort{}, 1)
		}
		r.n = 0
		return false
	}
}

// handle counts and gives away the packets of a message: one, or several of equal size (the last may be shorter).
func (r *in) handle(h Handler, i int) {
	m := &r.messages[i]
	data := r.buffers[i*receiveSize:][:m.length:m.length]
	size := r.segment(i)
	if size == 0 {
		size = max(len(data), 1)
	}
	r.sock.packetsIn.Add(max(1, uint64((len(data)+size-1)/size)))
	r.sock.bytesIn.Add(uint64(len(data)))
	from := r.sock.get(&r.names[i])
	for len(data) > size {
		r.sock.handle(h, from, data[:size:size])
		data = data[size:]
	}
	r.sock.handle(h, from, data)
}

// segment gives the size of the packets in a message, 0 for a single one.
func (r *in) segment(i int) int {
	m := &r.messages[i].hdr
	if int(m.Controllen) < unix.CmsgLen(4) {
		return 0
	}
	control := r.controls[i*r.size:]
	c := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	if c.Level != unix.IPPROTO_UDP || c.Type != unix.UDP_GRO {
		return 0
	}
	return int(binary.NativeEndian.Uint32(control[unix.CmsgLen(0):]))
}
