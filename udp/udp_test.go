package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// limit is the most that anything here may take.
const limit = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// families are the loopback addresses of this machine.
func families(t *testing.T) []string {
	t.Helper()
	all := []string{"127.0.0.1:0"}
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
		c.Close()
		all = append(all, "[::1]:0")
	}
	return all
}

func open(t testing.TB, address string) *Port {
	t.Helper()
	p, err := Listen(address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// peer is an ordinary socket on the other side.
type peer struct {
	*net.UDPConn
	address netip.AddrPort
}

func newPeer(t testing.TB, like netip.AddrPort) peer {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(like.Addr(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadBuffer(bufferSize)
	c.SetDeadline(time.Now().Add(limit))
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return peer{c, netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}
}

// datagramOf makes a packet that can be told from all others.
func datagramOf(destination, number, size int) []byte {
	b := bytes.Repeat([]byte{byte(number)}, size)
	copy(b, binary.BigEndian.AppendUint32(nil, uint32(destination<<20|number)))
	return b
}

// planned is what a test sends: packet after packet.
type planned struct{ to, size int }

// plan mixes what a writer meets: frames of equal pieces, pieces that differ, runs beyond 64 and beyond 64 KiB, tiny and huge.
func plan() (all []planned) {
	add := func(to, count, size int) {
		for range count {
			all = append(all, planned{to, size})
		}
	}
	for frame := range 20 {
		for to := range 3 {
			add(to, 7, 1200)
			add(to, 1, 300+frame)
			add(to, 1, 90)
		}
	}
	add(0, 150, 100)  // more than 64 segments
	add(1, 70, 1400)  // more than 65,507 bytes
	add(2, 1, 65507)  // the longest
	add(0, 1, 4)      // short, then longer: no run
	add(0, 2, 1200)   // equal
	add(0, 1, 1201)   // longer by a byte
	add(0, 300, 1201) // more than fits into the arena, with what comes before
	for n := range 200 {
		add(n%3, 1, 500+n%5) // alternating
	}
	return all
}

// send writes the plan to peers and gives what each must get.
func send(b *Batch, peers []peer, plan []planned) [][][]byte {
	want := make([][][]byte, len(peers))
	for i, p := range plan {
		d := datagramOf(p.to, i, p.size)
		room := b.Reserve(len(d) + 16) // as for an authentication tag
		b.Commit(copy(room, d), peers[p.to].address)
		want[p.to] = append(want[p.to], d)
	}
	b.Flush()
	return want
}

// expect reads what the peers got: the same datagrams in the same order.
func expect(t *testing.T, peers []peer, want [][][]byte, from netip.AddrPort) {
	t.Helper()
	buffer := make([]byte, 1<<16)
	for i, p := range peers {
		for j, d := range want[i] {
			n, a, err := p.ReadFromUDPAddrPort(buffer)
			if err != nil {
				t.Fatalf("peer %d, packet %d of %d: %v", i, j, len(want[i]), err)
			}
			if !bytes.Equal(buffer[:n], d) {
				t.Fatalf("peer %d, packet %d: got %d bytes (%x...), want %d (%x...)", i, j, n, buffer[:min(n, 8)], len(d), d[:min(len(d), 8)])
			}
			if got := netip.AddrPortFrom(a.Addr().Unmap(), a.Port()); got != from {
				t.Fatalf("a packet came from %s, want %s", got, from)
			}
		}
	}
}

func peersOf(t testing.TB, s *Sock, n int) []peer {
	t.Helper()
	peers := make([]peer, n)
	for i := range peers {
		peers[i] = newPeer(t, s.LocalAddr())
	}
	return peers
}

func TestListen(t *testing.T) {
	t.Run("one", func(t *testing.T) {
		p := open(t, "127.0.0.1:0")
		if a := p.Addresses(); len(a) != 1 || a[0].Addr() != netip.MustParseAddr("127.0.0.1") || a[0].Port() == 0 {
			t.Errorf("addresses %v", a)
		}
		v := p.Socks()[0].Virtual()
		v.SetReadDeadline(time.Now().Add(limit))
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, _, err := v.ReadFromAddrPort(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("reading after Close: %v", err)
		}
	})
	t.Run("all", func(t *testing.T) {
		p := open(t, ":0")
		for _, a := range p.Addresses() {
			if a.Port() != p.Addresses()[0].Port() || a.Addr().IsLinkLocalUnicast() || a.Addr().IsUnspecified() {
				t.Errorf("address %v", a)
			}
		}
		if len(p.Socks()) != len(p.Addresses()) || len(p.Socks()) == 0 {
			t.Errorf("%d sockets for %v", len(p.Socks()), p.Addresses())
		}
	})
	t.Run("IPv4", func(t *testing.T) {
		for _, a := range open(t, "0.0.0.0:0").Addresses() {
			if !a.Addr().Is4() {
				t.Errorf("address %v", a)
			}
		}
	})
	for _, bad := range []string{"127.0.0.1", "127.0.0.1:99999", "no host:1", "203.0.113.7:0"} {
		if p, err := Listen(bad, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: no error", bad)
			p.Close()
		}
	}
	t.Run("taken", func(t *testing.T) {
		first := open(t, "127.0.0.1:0").Addresses()[0].String()
		_, err := Listen(first, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "another server") {
			t.Errorf("error %v", err)
		}
	})
}

func TestBuffersReported(t *testing.T) {
	p := open(t, "127.0.0.1:0")
	if st := p.Stats(); st.ReadBuffer < 64<<10 || st.WriteBuffer < 64<<10 {
		t.Errorf("granted %d and %d bytes", st.ReadBuffer, st.WriteBuffer)
	}
	var log bytes.Buffer
	p.log = slog.New(slog.NewTextHandler(&log, nil))
	p.socks[0].readBuffer, p.socks[0].writeBuffer = 212992, bufferSize
	p.reportBuffers()
	if got := log.String(); !strings.Contains(got, readSetting) || !strings.Contains(got, "granted=212992") || strings.Count(got, "\n") != 1 {
		t.Errorf("logged %q", got)
	}
}

func TestWriteTo(t *testing.T) {
	for _, address := range families(t) {
		p := open(t, address)
		s := p.Socks()[0]
		peers := peersOf(t, s, 1)
		want := [][][]byte{nil}
		for i, size := range []int{1, 1200, singleArena, singleArena + 1, maxDatagram} {
			d := datagramOf(0, i, max(size, 4))[:size]
			want[0] = append(want[0], d)
			if err := s.WriteTo(d, peers[0].address); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, peers, want, s.LocalAddr())
		if err := s.WriteTo(make([]byte, 1<<16), peers[0].address); err == nil {
			t.Error("a datagram of 65,536 bytes went out")
		}
		if err := s.WriteTo([]byte{1}, netip.AddrPort{}); err == nil {
			t.Error("a datagram went nowhere")
		}
		if st := p.Stats(); st.PacketsOut != uint64(len(want[0])) || len(st.Errors) == 0 || len(st.Destinations) != 1 {
			t.Errorf("%+v", st)
		}
	}
}

// TestReader: a port's reader gets what another's batch sent, packet by packet.
func TestReader(t *testing.T) {
	for _, address := range families(t) {
		from, to := open(t, address), open(t, address)
		done := make(chan struct{})
		var got [][]byte
		to.Start(func(s *Sock, a netip.AddrPort, data []byte) bool {
			if a != from.Addresses()[0] || s != to.Socks()[0] {
				t.Errorf("from %s on %s", a, s.LocalAddr())
			}
			if len(data) == 1 {
				close(done)
				return true
			}
			got = append(got, bytes.Clone(data))
			return true
		})
		b := from.Socks()[0].NewBatch()
		var size int
		want := send(b, []peer{{address: to.Addresses()[0]}, {address: to.Addresses()[0]}, {address: to.Addresses()[0]}}, func() []planned {
			var all []planned
			for range 30 {
				all = append(all, planned{0, 1200}, planned{0, 1200}, planned{0, 1200}, planned{0, 700}, planned{0, 90})
			}
			return all
		}())[0]
		for _, d := range want {
			size += len(d)
		}
		b.Reserve(1)[0] = 0
		b.Commit(1, to.Addresses()[0])
		b.Flush()
		wait(t, done)
		to.Close()
		if len(got) != len(want) {
			t.Fatalf("got %d packets of %d", len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("packet %d differs", i)
			}
		}
		if st := to.Stats(); st.PacketsIn != uint64(len(want)+1) || st.BytesIn != uint64(size+1) || st.ReadCalls == 0 {
			t.Errorf("%+v", st)
		}
		if st := from.Stats(); st.PacketsOut != uint64(len(want)+1) || st.BytesOut != uint64(size+1) || st.SendCalls == 0 || len(st.Errors) != 0 {
			t.Errorf("%+v", st)
		}
	}
}

func wait(t testing.TB, done <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatal("it took too long")
	}
}

func TestFaultsAreBounded(t *testing.T) {
	p := open(t, "127.0.0.1:0")
	b := p.Socks()[0].NewBatch()
	ip := netip.MustParseAddr("2001:db8::1") // not from an IPv4 socket
	for port := range 3 * maxDestinations {
		b.Reserve(10)
		b.Commit(10, netip.AddrPortFrom(ip, uint16(port+1)))
	}
	b.Flush()
	st := p.Stats()
	if len(st.Destinations) != maxDestinations {
		t.Errorf("%d destinations", len(st.Destinations))
	}
	var sum uint64
	for _, n := range st.Errors {
		sum += n
	}
	if sum != 3*maxDestinations || len(st.Errors) != 1 || st.PacketsOut != 0 {
		t.Errorf("%+v", st.Errors)
	}
}
