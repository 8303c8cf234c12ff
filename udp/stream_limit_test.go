package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// TestStreamStrangers: who does not begin with a check for somebody who is here is cut off, at once or after a while.
func TestStreamStrangers(t *testing.T) {
	p, s := openTCP(t, "127.0.0.1:0", func(_ *Sock, _ netip.AddrPort, data []byte) bool {
		name, _ := nameOf(data)
		return name == "ours" // but never answered: it is not authentic
	}, func(l *streams) { l.times.proof = 100 * time.Millisecond })
	indication := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication), stun.NewUsername("ours:client")).Raw
	words := map[string][]byte{
		"silence": nil, "half a length": {0}, "half a frame": frame(check("ours"))[:20], "nothing": {0, 0},
		"garbage": bytes.Repeat([]byte{0xa5}, 3000), "HTTP": []byte("GET / HTTP/1.1\r\nHost: media\r\n\r\n"),
		"too long":       frame(make([]byte, firstRead)),
		"no name":        frame(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw),
		"no colon":       frame(stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername("ours")).Raw),
		"indication":     frame(indication),
		"RTP":            frame(append([]byte{0x80, 96}, make([]byte, 100)...)),
		"for nobody":     frame(check("nobody")),
		"not authentic":  bytes.Repeat(frame(check("ours")), 3),
		"and then noise": append(frame(check("ours")), 0xff, 0xff, 1),
	}
	for name, b := range words {
		t.Run(name, func(t *testing.T) {
			c := call(t, s)
			_, _ = c.Write(b)
			c.hangsUp(t)
		})
	}
	until(t, "end of all", func() bool { return p.Stats().Connections == 0 })
	if n, _ := s.streams.guard.Len(); n != 0 {
		t.Errorf("%d strangers are still counted", n)
	}
	if st := p.Stats(); st.RefusedConnections != uint64(len(words)) || st.PacketsOut != 0 {
		t.Errorf("%+v", st)
	}
}

// TestStreamLimits: strangers beyond the limit are refused, and who has proven to be none makes room.
func TestStreamLimits(t *testing.T) {
	p, s := openTCP(t, "127.0.0.1:0", echo, func(l *streams) { l.guard = NewAdmission(100, 2) })
	one := call(t, s)
	call(t, s)
	until(t, "two strangers", func() bool { n, _ := s.streams.guard.Len(); return n == 2 })
	if c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(s.LocalAddr())); err == nil {
		c.SetDeadline(time.Now().Add(limit))
		(&caller{TCPConn: c}).hangsUp(t)
		c.Close()
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	one.say(t, frame(check("ours")))
	one.hear(t)
	third := call(t, s)
	third.say(t, frame(check("ours")))
	third.hear(t)
	if st := p.Stats(); st.Connections != 3 || st.RefusedConnections != 1 {
		t.Errorf("%+v", st)
	}
}

// TestStreamPerAddress: to have proven who one is does not entitle to any number of connections.
func TestStreamPerAddress(t *testing.T) {
	p, s := openTCP(t, "127.0.0.1:0", echo, func(l *streams) { l.everyone = NewAdmission(100, 2) })
	for range 2 {
		c := call(t, s)
		c.say(t, frame(check("ours")))
		c.hear(t)
		defer c.Close()
	}
	if c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(s.LocalAddr())); err == nil {
		c.SetDeadline(time.Now().Add(limit))
		(&caller{TCPConn: c}).hangsUp(t)
		c.Close()
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	if st := p.Stats(); st.Connections != 2 || st.RefusedConnections != 1 {
		t.Errorf("%+v", st)
	}
	p.Close()
	if n, _ := s.streams.everyone.Len(); n != 0 {
		t.Errorf("%d connections are still counted", n)
	}
	if n, _ := s.streams.guard.Len(); n != 0 {
		t.Errorf("%d strangers are still counted", n)
	}
}

func TestStreamIdle(t *testing.T) {
	_, s := openTCP(t, "127.0.0.1:0", echo, func(l *streams) { l.times.idle = 100 * time.Millisecond })
	c := call(t, s)
	c.say(t, frame(check("ours")))
	c.hear(t)
	c.hangsUp(t)
}

// TestStreamIgnored: a client that gets no more answers is cut, however much it says.
func TestStreamIgnored(t *testing.T) {
	var heard atomic.Int64
	_, s := openTCP(t, "127.0.0.1:0", func(s *Sock, from netip.AddrPort, data []byte) bool {
		return heard.Add(1) > 3 || echo(s, from, data)
	}, func(l *streams) { l.times.idle = 100 * time.Millisecond })
	c := call(t, s)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); ; <-tick.C {
		if _, err := c.Write(frame(check("ours"))); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it may talk on for ever")
		}
	}
	if n := heard.Load(); n <= 3 {
		t.Errorf("cut after %d frames", n)
	}
}
