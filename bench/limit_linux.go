package bench

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	limitViewers = 200
	limitSpan    = 2 * time.Second
	rtpHeader    = 12
)

// MachineLimit is the least CPU time that forwarding one packet can take on this machine: a frame of n packets with payloads
// of size bytes is sealed with AES-128-GCM for one viewer after the other and sent in one message each (UDP_SEGMENT, udp(7)),
// to sockets that drop it in the kernel. It runs on the given CPUs.
func MachineLimit(ctx context.Context, cpus []int, n, size int) (time.Duration, error) {
	if len(cpus) > 0 {
		defer onCPUs(cpus)()
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	to, err := drains(limitViewers)
	defer func() {
		for _, d := range to {
			_ = d.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	l := newLimitLoop(conn, to, n, size)
	begin, cpu, packets := time.Now(), usage(unix.RUSAGE_THREAD), 0
	for time.Since(begin) < limitSpan && ctx.Err() == nil {
		if err := l.frame(); err != nil {
			return 0, fmt.Errorf("this machine's limit can't be measured: %w", err)
		}
		packets += n * len(to)
	}
	if packets == 0 {
		return 0, context.Cause(ctx)
	}
	return (usage(unix.RUSAGE_THREAD) - cpu) / time.Duration(packets), ctx.Err()
}

// limitLoop is the bare loop.
type limitLoop struct {
	conn    *net.UDPConn
	to      []netip.AddrPort
	aeads   []cipher.AEAD
	n, size int
	plain   []byte
	room    []byte
	segment []byte // control message: the size of each packet
	nonce   [12]byte
	count   uint64
}

func newLimitLoop(conn *net.UDPConn, to []*net.UDPConn, n, size int) *limitLoop {
	l := &limitLoop{conn: conn, n: n, size: size, plain: make([]byte, size)}
	packet := rtpHeader + size
	for i, d := range to {
		l.to = append(l.to, d.LocalAddr().(*net.UDPAddr).AddrPort())
		key := make([]byte, 16)
		binary.BigEndian.PutUint32(key, uint32(i))
		block, _ := aes.NewCipher(key) // 16 bytes are right
		aead, _ := cipher.NewGCM(block)
		l.aeads = append(l.aeads, aead)
	}
	packet += l.aeads[0].Overhead()
	l.room = make([]byte, 0, n*packet)
	l.segment = make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&l.segment[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(l.segment[unix.CmsgLen(0):], uint16(packet))
	return l
}

// frame sends a frame to every viewer.
func (l *limitLoop) frame() error {
	for v, to := range l.to {
		room := l.room
		for range l.n {
			l.count++
			binary.BigEndian.PutUint64(l.nonce[4:], l.count)
			head := len(room)
			room = append(room, l.nonce[:rtpHeader]...)
			room = l.aeads[v].Seal(room, l.nonce[:], l.plain, room[head:])
		}
		if _, _, err := l.conn.WriteMsgUDPAddrPort(room, l.segment, to); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
	}
	return nil
}

// drains are sockets whose filter drops all.
func drains(n int) (list []*net.UDPConn, err error) {
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	program := unix.SockFprog{Len: 1, Filter: &nothing[0]}
	for range n {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return list, err
		}
		list = append(list, conn)
		raw, err := conn.SyscallConn()
		if err != nil {
			return list, err
		}
		var failed error
		err = raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
		})
		if err = errors.Join(err, failed); err != nil {
			return list, err
		}
	}
	return list, nil
}
