package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// check is a connectivity check for an agent with a user name fragment.
func check(ufrag string) []byte {
	return stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(ufrag+":client")).Raw
}

func frame(packet []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
}

// openTCP is a port with TCP, on which h is the handler.
func openTCP(t testing.TB, address string, h Handler, change func(*streams)) (*Port, *Sock) {
	t.Helper()
	p := open(t, address)
	if err := p.ListenTCP(address); err != nil {
		t.Fatal(err)
	}
	s := p.TCPSocks()[0]
	if change != nil {
		change(s.streams)
	}
	p.Start(h)
	return p, s
}

// caller is an ordinary client over TCP.
type caller struct {
	*net.TCPConn
	address netip.AddrPort
}

func call(t testing.TB, s *Sock) *caller {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(s.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(limit))
	a := c.LocalAddr().(*net.TCPAddr).AddrPort()
	return &caller{c, netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}
}

func (c *caller) say(t testing.TB, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// hear reads a frame.
func (c *caller) hear(t testing.TB) []byte {
	t.Helper()
	header := make([]byte, 2)
	if _, err := io.ReadFull(c, header); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint16(header))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// hangsUp wants the server to close the connection without a word.
func (c *caller) hangsUp(t testing.TB) {
	t.Helper()
	b, err := io.ReadAll(c)
	if len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}

// until waits for a condition that nothing tells of.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !ok(); {
		if now := <-tick.C; now.After(end) {
			t.Fatalf("no %s", what)
		}
	}
}

// echo answers every packet of a connection that began with a check for "ours".
func echo(s *Sock, from netip.AddrPort, data []byte) bool {
	if name, ok := nameOf(data); ok && name != "ours" {
		return false
	}
	return s.WriteTo(data, from) == nil
}

// TestStream: frames come through whole, however TCP cuts them, and in order.
func TestStream(t *testing.T) {
	for _, address := range families(t) {
		p, s := openTCP(t, address, echo, nil)
		if s.LocalAddr() != p.TCPAddresses()[0] || s.Virtual() != nil {
			t.Error("a Sock of TCP has an address and no Virtual")
		}
		c := call(t, s)
		sent := [][]byte{check("ours")}
		for i, size := range []int{1, 2, 3, 1200, 1200, 1199, 5, 4000, maxFrame, 20} {
			sent = append(sent, datagramOf(0, i, max(size, 4))[:size])
		}
		var all []byte
		for _, b := range sent {
			all = append(all, frame(b)...)
		}
		for _, step := range []int{len(all), 1, 7, 1000} {
			for rest := all; len(rest) > 0; {
				n := min(step, len(rest))
				c.say(t, rest[:n])
				rest = rest[n:]
			}
			for i, want := range sent {
				if got := c.hear(t); !bytes.Equal(got, want) {
					t.Fatalf("%d bytes at a time: packet %d came back as %d bytes, want %d", step, i, len(got), len(want))
				}
			}
		}
		st := p.Stats()
		if n := uint64(4 * len(sent)); st.PacketsIn != n || st.PacketsOut != n || st.Connections != 1 || st.RefusedConnections != 0 || len(st.Errors) > 0 {
			t.Errorf("%+v", st)
		}
		c.Close()
		until(t, "end of the connection", func() bool { return p.Stats().Connections == 0 })
		if err := s.WriteTo([]byte("late"), c.address); !errors.Is(err, syscall.ENOTCONN) {
			t.Errorf("a write after the end: %v", err)
		}
	}
}

// TestStreamBatch: a writer's batch reaches several connections, every packet in a frame of its own.
func TestStreamBatch(t *testing.T) {
	_, s := openTCP(t, "127.0.0.1:0", echo, nil)
	callers := make([]*caller, 3)
	for i := range callers {
		callers[i] = call(t, s)
		callers[i].say(t, frame(check("ours")))
		callers[i].hear(t)
	}
	b := s.NewBatch()
	want := make([][][]byte, len(callers))
	for i, p := range plan() {
		d := datagramOf(p.to, i, p.size)
		room := b.Reserve(len(d) + 16)
		b.Commit(copy(room, d), callers[p.to].address)
		want[p.to] = append(want[p.to], d)
	}
	b.Commit(copy(b.Reserve(4), "lost"), netip.MustParseAddrPort("127.0.0.1:9"))
	if err := b.flush(); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("to nobody: %v", err)
	}
	for i, c := range callers {
		for j, d := range want[i] {
			if got := c.hear(t); !bytes.Equal(got, d) {
				t.Fatalf("caller %d, packet %d: got %d bytes, want %d", i, j, len(got), len(d))
			}
		}
	}
}

// TestStreamSlow: a client that does not read loses packets, which are counted, and is given up; it delays no other.
func TestStreamSlow(t *testing.T) {
	p, s := openTCP(t, "127.0.0.1:0", echo, func(l *streams) { l.times.stall = 200 * time.Millisecond })
	slow, quick := call(t, s), call(t, s)
	_ = slow.SetReadBuffer(4 << 10)
	for _, c := range []*caller{slow, quick} {
		c.say(t, frame(check("ours")))
		c.hear(t)
	}
	b, packet := s.NewBatch(), make([]byte, 1200)
	for i := 0; p.Stats().Errors["ENOBUFS"] == 0; i++ {
		if i == 1_000_000 {
			t.Fatal("all that is sent to nobody finds room")
		}
		for range 8 {
			b.Commit(copy(b.Reserve(len(packet)), packet), slow.address)
		}
		b.Commit(copy(b.Reserve(2), []byte{byte(i), byte(i >> 8)}), quick.address)
		b.Flush()
		if got := quick.hear(t); got[0] != byte(i) || got[1] != byte(i>>8) {
			t.Fatalf("packet %d is %v", i, got)
		}
	}
	if n := p.Stats().Destinations[slow.address]; n == 0 || n != p.Stats().Errors["ENOBUFS"] {
		t.Errorf("%+v", p.Stats())
	}
	until(t, "end of the slow", func() bool { return s.streams.find(slow.address) == nil })
	if s.streams.find(quick.address) == nil {
		t.Error("the quick one ended too")
	}
}

// TestDisconnect: what was written before it still arrives, and then the end, also while the client goes on to send.
func TestDisconnect(t *testing.T) {
	p, s := openTCP(t, "127.0.0.1:0", echo, nil)
	c := call(t, s)
	c.say(t, frame(check("ours")))
	c.hear(t)
	last := make([]byte, 1200)
	for i := range 100 {
		last[0] = byte(i)
		if err := s.WriteTo(last, c.address); err != nil {
			t.Fatal(err)
		}
	}
	c.say(t, frame(last))
	s.Disconnect(c.address)
	s.Disconnect(c.address)
	s.Disconnect(netip.MustParseAddrPort("127.0.0.1:9"))
	p.Socks()[0].Disconnect(c.address)
	c.say(t, frame(last))
	for i := range 100 {
		if got := c.hear(t); got[0] != byte(i) {
			t.Fatalf("packet %d is %d", i, got[0])
		}
	}
	rest, err := io.ReadAll(c)
	if err != nil || len(rest) > 0 && !bytes.Equal(rest, frame(last)) { // the echo was in time
		t.Errorf("then %d bytes, %v", len(rest), err)
	}
	c.Close()
	until(t, "end", func() bool { return p.Stats().Connections == 0 })
}

// TestStreamClose: the port closes while connections come and go and are written to.
func TestStreamClose(t *testing.T) {
	var heard atomic.Int64
	p, s := openTCP(t, "127.0.0.1:0", func(s *Sock, from netip.AddrPort, data []byte) bool {
		heard.Add(1)
		return echo(s, from, data)
	}, func(l *streams) { l.times.leave = 50 * time.Millisecond })
	silent, stranger := call(t, s), call(t, s)
	silent.say(t, frame(check("ours")))
	silent.hear(t)
	until(t, "stranger", func() bool { return p.Stats().Connections == 2 })
	p.Close()
	p.Close()
	n := heard.Load()
	silent.hangsUp(t)
	stranger.hangsUp(t)
	if c, err := net.Dial("tcp", s.LocalAddr().String()); err == nil {
		c.Close()
		t.Error("a closed port takes connections")
	}
	if err := s.WriteTo([]byte("late"), silent.address); err == nil {
		t.Error("a closed port writes")
	}
	if heard.Load() != n || p.Stats().Connections != 0 {
		t.Errorf("after Close: %+v", p.Stats())
	}
}

func TestListenTCP(t *testing.T) {
	p := open(t, "127.0.0.1:0")
	if p.TCPMux() != nil || len(p.TCPAddresses()) != 0 {
		t.Error("there is no TCP before ListenTCP")
	}
	if err := p.ListenTCP(":0"); err != nil {
		t.Fatal(err)
	}
	all := p.TCPAddresses()
	for _, a := range all {
		if a.Port() != all[0].Port() || a.Port() == 0 || a.Addr().IsLinkLocalUnicast() {
			t.Errorf("%v: want one port on all addresses", all)
		}
	}
	if p.TCPMux() == nil {
		t.Error("no mux for pion")
	}
	other, err := Listen("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = other.ListenTCP(all[0].String())
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), all[0].String()) || !strings.Contains(err.Error(), "--tcp") {
		t.Errorf("a taken port: %v", err)
	}
	if err := other.ListenTCP("nonsense"); err == nil {
		t.Error("nonsense is an address")
	}
}
