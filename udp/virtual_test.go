package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
)

// rtpOf makes an RTP packet (the header's first twelve bytes count here) of one SSRC.
func rtpOf(ssrc uint32, number uint16, size int) []byte {
	b := bytes.Repeat([]byte{byte(number)}, size)
	b[0], b[1] = 0x80, 96
	binary.BigEndian.PutUint16(b[2:], number)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

// TestUnread: packets that nobody reads from the Virtual do not hold up the reader, and the newest are dropped.
func TestUnread(t *testing.T) {
	from, to := open(t, "127.0.0.1:0"), open(t, "127.0.0.1:0")
	last := make(chan struct{})
	to.Start(func(_ *Sock, _ netip.AddrPort, data []byte) bool {
		if data[0] == 1 {
			close(last)
		}
		return data[0] == 1
	})
	b := from.Socks()[0].NewBatch()
	const n = queueLength + 500
	put := func(first byte, number uint32, size int) {
		room := b.Reserve(size)
		clear(room)
		room[0] = first
		binary.BigEndian.PutUint32(room[4:], number)
		b.Commit(size, to.Addresses()[0])
	}
	put(0, 0, maxForPion+1) // too long for pion
	for i := range n {
		put(0, uint32(i), 100)
	}
	put(1, 0, 100)
	b.Flush()
	wait(t, last)
	if st := to.Stats(); st.Unread != n-queueLength+1 || st.PacketsIn != n+2 {
		t.Errorf("%+v", st)
	}
	v := to.Socks()[0].Virtual()
	v.SetReadDeadline(time.Now().Add(limit))
	buffer := make([]byte, 1500)
	for i := range queueLength {
		n, a, err := v.ReadFrom(buffer)
		if err != nil || n != 100 || binary.BigEndian.Uint32(buffer[4:]) != uint32(i) || a.String() != from.Addresses()[0].String() {
			t.Fatalf("packet %d: %d bytes from %v, number %d, %v", i, n, a, binary.BigEndian.Uint32(buffer[4:]), err)
		}
	}
}

func TestVirtualDeadlineAndClose(t *testing.T) {
	v := open(t, "127.0.0.1:0").Socks()[0].Virtual()
	buffer := make([]byte, 100)
	v.SetReadDeadline(time.Now().Add(-time.Second))
	if _, _, err := v.ReadFrom(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	ended := make(chan error, 3)
	read := func() {
		_, _, err := v.ReadFromAddrPort(buffer)
		ended <- err
	}
	v.SetDeadline(time.Now().Add(limit))
	go read()
	v.SetDeadline(time.Now().Add(time.Millisecond)) // it may be set while a read waits
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	v.SetReadDeadline(time.Time{})
	go read()
	go read()
	v.deliver(netip.MustParseAddrPort("127.0.0.1:9"), []byte("hello"))
	if err := <-ended; err != nil {
		t.Errorf("error %v", err)
	}
	for range 2 {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if _, err := v.WriteTo([]byte{1}, v.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if err := v.sock.WriteTo([]byte{1}, v.sock.LocalAddr()); err != nil {
		t.Errorf("the socket closed with its Virtual: %v", err)
	}
}

// TestReadersOfVirtual: of several that wait each gets a packet.
func TestReadersOfVirtual(t *testing.T) {
	v := open(t, "127.0.0.1:0").Socks()[0].Virtual()
	v.SetReadDeadline(time.Now().Add(limit))
	for range 200 {
		ended := make(chan error, 2)
		for range cap(ended) {
			go func() {
				_, _, err := v.ReadFromAddrPort(make([]byte, 100))
				ended <- err
			}()
		}
		runtime.Gosched() // let them wait, mostly
		for range cap(ended) {
			v.deliver(netip.MustParseAddrPort("127.0.0.1:9"), []byte("hello"))
		}
		for range cap(ended) {
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGather: gathered RTP waits for Flush; all else goes at once.
func TestGather(t *testing.T) {
	p := open(t, "127.0.0.1:0")
	s := p.Socks()[0]
	v := s.Virtual()
	peers := peersOf(t, s, 1)
	to := peers[0].address
	b := s.NewBatch()
	write := func(data []byte) {
		t.Helper()
		if n, err := v.WriteToAddrPort(data, to); err != nil || n != len(data) {
			t.Fatal(n, err)
		}
	}
	v.Gather(b, 1)
	v.Gather(b, 2)
	mine := [][]byte{rtpOf(1, 1, 1200), rtpOf(1, 2, 1200), rtpOf(2, 3, 80)}
	rtcp := rtpOf(1, 4, 60)
	rtcp[1] = 200
	others := [][]byte{rtpOf(7, 5, 1200), rtcp, []byte("STUN or DTLS"), {0x80}}
	for _, d := range mine {
		write(d)
	}
	for _, d := range others {
		write(d)
	}
	v.Release(1)
	v.Release(2)
	after := rtpOf(1, 6, 500)
	write(after)
	b.Flush()
	expect(t, peers, [][][]byte{append(append(others, after), mine...)}, s.LocalAddr())
	if st := p.Stats(); st.SendCalls != uint64(len(others))+1+1 {
		t.Errorf("%d system calls", st.SendCalls)
	}
}

// TestGatherCollision: one SSRC claimed by two writers is gathered by neither, however their claims overlap.
func TestGatherCollision(t *testing.T) {
	s := open(t, "127.0.0.1:0").Socks()[0]
	v, a, b := s.Virtual(), s.NewBatch(), s.NewBatch()
	v.Gather(a, 1)
	if v.lent.find(1) != a {
		t.Error("not gathered")
	}
	v.Gather(b, 1)
	v.Release(1) // a's
	v.Gather(a, 1)
	if v.lent.find(1) != nil {
		t.Error("gathered by both")
	}
	v.Release(1)
	v.Release(1)
	v.Release(1) // one too many is no harm
	v.Gather(b, 1)
	if v.lent.find(1) != b {
		t.Error("not gathered again")
	}
	v.Release(1)
	if len(v.lent.list) != 0 {
		t.Errorf("%d loans are left", len(v.lent.list))
	}
}
