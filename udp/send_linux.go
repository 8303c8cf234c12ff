package udp

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// out is the kernel's side of a batch: a message header for each run.
type out struct {
	batch    *Batch
	messages []mmsghdr
	vectors  []unix.Iovec
	names    []sockaddr
	controls []byte    // one message each: the size of the segments
	size     int       // of a control message
	lone     []mmsghdr // one, for a segment of a refused message
	vector   unix.Iovec
	transmit sender
	many     bool // transmit is sendmmsg
	all      func(fd uintptr)
	poll     []unix.PollFd
}

// sender hands messages to the kernel and gives how many it took, or why it took not even the first.
type sender func(fd uintptr, m []mmsghdr) (sent int, errno syscall.Errno)

func sendMany(fd uintptr, m []mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(m))), uintptr(len(m)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func sendOne(fd uintptr, m []mmsghdr) (int, syscall.Errno) {
	_, _, errno := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&m[0].hdr)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return 1, errno
}

func (o *out) init(b *Batch) {
	n := cap(b.runs)
	o.batch, o.all, o.poll = b, o.sendAll, make([]unix.PollFd, 1)
	o.messages, o.vectors, o.names = make([]mmsghdr, n), make([]unix.Iovec, n), make([]sockaddr, n)
	o.size, o.lone = unix.CmsgSpace(2), make([]mmsghdr, 1)
	o.controls = make([]byte, n*o.size)
	for i := range n {
		h := &o.messages[i].hdr
		h.Name, h.Iov = (*byte)(unsafe.Pointer(&o.names[i])), &o.vectors[i]
		h.SetIovlen(1)
		c := (*unix.Cmsghdr)(unsafe.Pointer(&o.controls[i*o.size]))
		c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.SetLen(unix.CmsgLen(2))
	}
	o.transmit, o.many = sendOne, n > 1 && b.sock.sendmmsg.Load()
	if o.many {
		o.transmit = sendMany
	}
}

// send hands the batch's runs to the kernel. It takes no lock of the socket's, so that writers send side by side; the error is of
// the socket, those of runs are counted.
func (o *out) send(b *Batch) error {
	for i := range b.runs {
		r, h := &b.runs[i], &o.messages[i].hdr
		h.Namelen = b.sock.put(&o.names[i], r.to)
		o.vectors[i].Base = &b.arena[r.off]
		o.vectors[i].SetLen(r.bytes)
		h.Control = nil
		h.SetControllen(0)
		if r.count > 1 {
			c := o.controls[i*o.size : (i+1)*o.size]
			binary.NativeEndian.PutUint16(c[unix.CmsgLen(0):], uint16(r.size))
			h.Control = &c[0]
			h.SetControllen(o.size)
		}
	}
	return b.sock.raw.Control(o.all)
}

func (o *out) sendAll(fd uintptr) {
	b := o.batch
	for i := 0; i < len(b.runs); {
		sent, errno := o.try(fd, o.messages[i:len(b.runs)])
		switch r := &b.runs[i]; {
		case errno == 0:
			i += sent
		case errno == unix.EAGAIN: // no room, and no patience left
			for ; i < len(b.runs); i++ {
				b.drop(&b.runs[i], errno)
			}
		case r.count > 1 && refusesGSO(errno):
			o.split(fd, i, errno)
			i++
		default:
			b.drop(r, errno)
			i++
		}
	}
}

// try transmits until the kernel gives an answer that counts.
func (o *out) try(fd uintptr, m []mmsghdr) (int, syscall.Errno) {
	b := o.batch
	for {
		b.calls++
		sent, errno := o.transmit(fd, m)
		b.full = b.full || errno == unix.EAGAIN
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN && b.waits > 0:
			b.waits--
			o.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
			_, _ = unix.Poll(o.poll, 1) // the fact of room is found by trying: POLLOUT wants half of the buffer
		case errno == unix.ENOSYS && o.many:
			o.transmit, o.many = sendOne, false
			b.sock.sendmmsg.Store(false) // for batches to come
		default:
			return sent, errno
		}
	}
}

// refusesGSO tells errors of a GSO message that its packets need not have: EIO of devices that compute no checksum, EMSGSIZE (EINVAL
// of older kernels) where the path MTU is less than a segment.
func refusesGSO(e syscall.Errno) bool {
	return e == unix.EIO || e == unix.EINVAL || e == unix.EMSGSIZE || e == unix.EOPNOTSUPP
}

// split sends the packets of a run one by one after the kernel refused them as one message.
func (o *out) split(fd uintptr, i int, why syscall.Errno) {
	b := o.batch
	r := &b.runs[i]
	if why == unix.EIO {
		b.sock.refuseGSO(why)
	} else {
		b.refuse(r.to)
	}
	h := &o.lone[0].hdr
	*h = o.messages[i].hdr
	h.Iov, h.Control = &o.vector, nil
	h.SetControllen(0)
	for off := r.off; off < r.off+r.bytes; off += r.size {
		n := min(r.size, r.off+r.bytes-off)
		o.vector.Base = &b.arena[off]
		o.vector.SetLen(n)
		if _, errno := o.try(fd, o.lone); errno != 0 {
			b.drop(&run{to: r.to, bytes: n, count: 1}, errno)
		}
	}
}
