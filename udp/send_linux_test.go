package udp

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ways of sending, from the best to the plainest.
var ways = []struct {
	name          string
	gso, sendmmsg bool
}{{"GSO", true, true}, {"GSO without sendmmsg", true, false}, {"sendmmsg", false, true}, {"plain", false, false}}

// TestWays: all ways put the same datagrams on the wire, in the same order for each destination.
func TestWays(t *testing.T) {
	for _, address := range families(t) {
		var calls []uint64
		for _, w := range ways {
			t.Run(w.name+" "+address, func(t *testing.T) {
				p := open(t, address)
				s := p.Socks()[0]
				if !s.gso.Load() || !s.sendmmsg.Load() || !s.recvmmsg.Load() {
					t.Fatalf("this kernel can't do it all: %+v", p.Stats())
				}
				s.gso.Store(w.gso)
				s.sendmmsg.Store(w.sendmmsg)
				peers := peersOf(t, s, 3)
				b := s.NewBatch()
				expect(t, peers, send(b, peers, plan()), s.LocalAddr())
				st := p.Stats()
				if st.PacketsOut != uint64(len(plan())) || len(st.Errors) != 0 || len(b.refused) != 0 {
					t.Errorf("%+v, refused by %v", st, b.refused)
				}
				if st.GSO != w.gso || st.SendMMsg != w.sendmmsg {
					t.Errorf("it changed its ways: %+v", st)
				}
				calls = append(calls, st.SendCalls)
			})
		}
		if len(calls) != 4 || calls[0] >= calls[1] || calls[1] >= calls[3] || calls[2] >= calls[3] {
			t.Errorf("system calls %v, for %d packets", calls, len(plan()))
		}
	}
}

// brokenDevice sends like sendMany, but GSO messages fail.
func brokenDevice(why syscall.Errno, refused *int) sender {
	return func(fd uintptr, m []mmsghdr) (int, syscall.Errno) {
		for i := range m {
			if m[i].hdr.Control == nil {
				continue
			}
			if i == 0 {
				*refused++
				return 0, why
			}
			m = m[:i]
			break
		}
		return sendMany(fd, m)
	}
}

func TestFallback(t *testing.T) {
	for _, address := range families(t) {
		t.Run("EIO "+address, func(t *testing.T) {
			p := open(t, address)
			s := p.Socks()[0]
			var log bytes.Buffer
			s.log = slog.New(slog.NewTextHandler(&log, nil))
			peers := peersOf(t, s, 3)
			b := s.NewBatch()
			refused := 0
			b.out.transmit = brokenDevice(unix.EIO, &refused)
			expect(t, peers, send(b, peers, plan()), s.LocalAddr())
			if refused == 0 || s.gso.Load() || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("refused %d messages, GSO %v, logged %q", refused, s.gso.Load(), log.String())
			}
			before := refused
			expect(t, peers, send(b, peers, plan()), s.LocalAddr())
			if refused != before {
				t.Error("GSO was tried again")
			}
			if st := p.Stats(); st.PacketsOut != uint64(2*len(plan())) || len(st.Errors) != 0 || st.GSO {
				t.Errorf("%+v", st)
			}
		})
		t.Run("ENOSYS "+address, func(t *testing.T) {
			p := open(t, address)
			s := p.Socks()[0]
			peers := peersOf(t, s, 3)
			for _, b := range []*Batch{s.NewBatch(), s.NewBatch()} { // the second one was made before it showed
				b.out.transmit = func(uintptr, []mmsghdr) (int, syscall.Errno) { return 0, unix.ENOSYS }
				expect(t, peers, send(b, peers, plan()), s.LocalAddr())
			}
			if st := p.Stats(); st.SendMMsg || !st.GSO || len(st.Errors) != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestRefusedByKernel: the kernel itself refuses GSO on a socket without checksums (EINVAL), as an old one does for a small path MTU.
func TestRefusedByKernel(t *testing.T) {
	p := open(t, "127.0.0.1:0")
	s := p.Socks()[0]
	option(t, s, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1)
	peers := peersOf(t, s, 3)
	b := s.NewBatch()
	expect(t, peers, send(b, peers, plan()), s.LocalAddr())
	if len(b.refused) != len(peers) || !s.gso.Load() {
		t.Errorf("refused by %v", b.refused)
	}
	if st := p.Stats(); st.PacketsOut != uint64(len(plan())) || len(st.Errors) != 0 {
		t.Errorf("%+v", st)
	}
}

// TestPathMTU: with an MTU of 1280 the kernel takes packets of 1400 bytes only one by one, and fragments them; others it takes as before.
func TestPathMTU(t *testing.T) {
	if len(families(t)) == 1 {
		t.Log("no IPv6 here, whose MTU can be set for a socket")
		return
	}
	p := open(t, "[::1]:0")
	s := p.Socks()[0]
	option(t, s, unix.IPPROTO_IPV6, unix.IPV6_MTU, 1280)
	peers := peersOf(t, s, 2)
	b := s.NewBatch()
	frames := func(size int) (all []planned) {
		for range 10 {
			for range 8 {
				all = append(all, planned{0, size})
			}
			for range 8 {
				all = append(all, planned{1, 1000})
			}
			b.Flush()
		}
		return all
	}
	expect(t, peers, send(b, peers, frames(1400)), s.LocalAddr())
	if _, ok := b.refused[peers[0].address]; !ok || len(b.refused) != 1 || !s.gso.Load() {
		t.Errorf("refused by %v", b.refused)
	}
	b.refused[peers[0].address] = 3 // the time to try again is near
	expect(t, peers, send(b, peers, frames(1000)), s.LocalAddr())
	if len(b.refused) != 0 {
		t.Errorf("still refused by %v", b.refused)
	}
	if st := p.Stats(); len(st.Errors) != 0 || st.PacketsOut != 320 {
		t.Errorf("%+v", st)
	}
}

func option(t *testing.T, s *Sock, level, name, value int) {
	t.Helper()
	var err error
	if e := s.raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, name, value) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
}

// TestBadDestination: what can't be sent harms nothing before or after it.
func TestBadDestination(t *testing.T) {
	p := open(t, "127.0.0.1:0")
	s := p.Socks()[0]
	peers := peersOf(t, s, 2)
	good := peers[1]
	peers[1].address = netip.MustParseAddrPort("127.0.0.1:0") // nobody may be sent to port 0
	bad := peers[1].address
	var all []planned
	for range 10 {
		all = append(all, planned{0, 500}, planned{0, 500}, planned{1, 500}, planned{1, 500}, planned{1, 200})
	}
	want := send(s.NewBatch(), peers, all)
	expect(t, peers[:1], want[:1], s.LocalAddr())
	st := p.Stats()
	if st.Errors["EINVAL"] != 30 || st.Destinations[bad] != 30 || st.PacketsOut != 20 || st.BytesOut != 10000 {
		t.Errorf("%+v", st)
	}
	if _, known := st.Destinations[good.address]; known {
		t.Error("a good destination is said to be bad")
	}
}

// TestFull: with no room in the socket's buffer a batch waits a little, drops, and the next time drops at once.
func TestFull(t *testing.T) {
	p := open(t, "127.0.0.1:0")
	s := p.Socks()[0]
	peers := peersOf(t, s, 1)
	b := s.NewBatch()
	full := true
	b.out.transmit = func(fd uintptr, m []mmsghdr) (int, syscall.Errno) {
		if full {
			return 0, unix.EAGAIN
		}
		return sendMany(fd, m)
	}
	frame := []planned{{0, 1000}, {0, 1000}, {0, 100}, {0, 1000}}
	send(b, peers, frame)
	if st := p.Stats(); st.Errors["EAGAIN"] != 4 || st.PacketsOut != 0 || st.SendCalls != patience+1 {
		t.Errorf("%+v", st)
	}
	for range 5 {
		send(b, peers, frame)
	}
	if st := p.Stats(); st.Errors["EAGAIN"] != 24 || st.SendCalls != patience+6 {
		t.Errorf("%+v", st)
	}
	full = false
	expect(t, peers, send(b, peers, frame), s.LocalAddr())
	if b.waits != patience {
		t.Errorf("it is still impatient: %d", b.waits)
	}
}

// TestPlainReader: without recvmmsg and UDP_GRO the reader gets the same.
func TestPlainReader(t *testing.T) {
	from, to := open(t, "127.0.0.1:0"), open(t, "127.0.0.1:0")
	s := to.Socks()[0]
	s.recvmmsg.Store(false)
	s.gro.Store(false)
	option(t, s, unix.IPPROTO_UDP, unix.UDP_GRO, 0)
	got := make(chan int, 1000)
	to.Start(func(_ *Sock, _ netip.AddrPort, data []byte) bool { got <- len(data); return true })
	frame := []planned{{0, 1200}, {0, 1200}, {0, 1200}, {0, 700}}
	send(from.Socks()[0].NewBatch(), []peer{{address: s.LocalAddr()}}, frame)
	for i, f := range frame {
		if n := <-got; n != f.size {
			t.Errorf("packet %d: %d bytes, want %d", i, n, f.size)
		}
	}
}

// TestOverflow: what the kernel could not keep is counted.
func TestOverflow(t *testing.T) {
	p := open(t, "127.0.0.1:0") // nobody reads
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.Addresses()[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	option(t, p.Socks()[0], unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	for range 100 {
		c.Write(make([]byte, 1000))
	}
	if st := p.Stats(); st.Overflowed == 0 || st.Overflowed >= 100 {
		t.Errorf("%d packets of 100 overflowed", st.Overflowed)
	}
}
