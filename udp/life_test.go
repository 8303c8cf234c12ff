package udp

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestCloseWhileBusy: the port closes under readers, writers and pion's mux, and what comes later fails without harm.
func TestCloseWhileBusy(t *testing.T) {
	for _, address := range families(t) {
		from, to := open(t, address), open(t, address)
		var in atomic.Int64
		busy := make(chan struct{})
		to.Start(func(_ *Sock, _ netip.AddrPort, data []byte) bool {
			if in.Add(1) == 1000 {
				close(busy)
			}
			return data[0] != 0
		})
		from.Start(nil)
		if to.Mux() != to.Mux() || len(to.Mux().GetListenAddresses()) != 1 {
			t.Error("a port has one mux")
		}
		s, target := from.Socks()[0], to.Addresses()[0]
		var writers sync.WaitGroup
		for i := range 4 {
			writers.Go(func() {
				b := s.NewBatch()
				data := make([]byte, 1200)
				for {
					if i < 2 {
						if err := s.WriteTo(data, target); errors.Is(err, net.ErrClosed) {
							return
						}
						continue
					}
					for range 20 {
						copy(b.Reserve(1200), data)
						b.Commit(1200, target)
					}
					if err := b.flush(); errors.Is(err, net.ErrClosed) {
						return
					}
				}
			})
		}
		wait(t, busy)
		var closers sync.WaitGroup
		for range 2 {
			closers.Go(func() { to.Close() })
			closers.Go(func() { from.Close() })
		}
		closers.Wait()
		n := in.Load()
		writers.Wait()
		if c, err := to.Mux().GetConn("late", to.Mux().GetListenAddresses()[0]); err == nil {
			c.Close()
			t.Error("the mux outlives its port")
		}
		if in.Load() != n {
			t.Error("the handler ran after Close")
		}
		if st := from.Stats(); st.PacketsOut == 0 || len(st.Errors) > 1 {
			t.Errorf("%+v", st)
		}
	}
}

// TestCloseWaits: after Close the handler is done, and will not be called again.
func TestCloseWaits(t *testing.T) {
	p := open(t, "127.0.0.1:0")
	s := p.Socks()[0]
	entered, release := make(chan struct{}), make(chan struct{})
	left := false // that this is no race is what Close is for
	p.Start(func(*Sock, netip.AddrPort, []byte) bool {
		close(entered)
		<-release
		left = true
		return true
	})
	if err := s.WriteTo([]byte("hello"), s.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	wait(t, entered)
	go func() {
		defer close(release)
		for !errors.Is(s.raw.Control(func(uintptr) {}), net.ErrClosed) {
			runtime.Gosched()
		}
	}()
	p.Close()
	if !left {
		t.Error("Close came back while the handler ran")
	}
}

// TestAllocations: neither writing nor reading allocates.
func TestAllocations(t *testing.T) {
	from, to := open(t, "127.0.0.1:0"), open(t, "127.0.0.1:0")
	got := make(chan struct{}, 1)
	to.Start(func(_ *Sock, _ netip.AddrPort, data []byte) bool {
		if data[1] == 1 {
			got <- struct{}{}
		}
		return data[0] == 0
	})
	from.Start(nil)
	s, target := from.Socks()[0], to.Addresses()[0]
	v := to.Socks()[0].Virtual()
	b := s.NewBatch()
	single, rtp, buffer := make([]byte, 1200), rtpOf(1, 1, 1200), make([]byte, 1500)
	single[1] = 1
	batch := func(last byte) {
		for i := range 40 {
			room := b.Reserve(1200)
			room[0], room[1] = 0, 0
			if i == 39 {
				room[1] = last
			}
			b.Commit(1200, target)
		}
		b.Flush()
	}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"a batch, to the reader", func() { batch(1); <-got }},
		{"one datagram", func() {
			if s.WriteTo(single, target) != nil {
				t.Error("not sent")
			}
			<-got
		}},
		{"gathered by the Virtual", func() {
			s.Virtual().Gather(b, 1)
			for range 8 {
				s.Virtual().WriteToAddrPort(rtp, target)
			}
			s.Virtual().Release(1)
			batch(1)
			<-got
		}},
		{"through the Virtual", func() {
			rtp[0] = 0xFF // what the handler leaves
			for range 4 {
				s.Virtual().WriteToAddrPort(rtp, target)
			}
			for range 4 {
				v.ReadFromAddrPort(buffer)
			}
			rtp[0] = 0x80
		}},
	} {
		for range 2 * queueLength { // once around all buffers
			c.do()
		}
		if n := testing.AllocsPerRun(200, c.do); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
	if st := from.Stats(); len(st.Errors) != 0 {
		t.Errorf("%+v", st)
	}
}
