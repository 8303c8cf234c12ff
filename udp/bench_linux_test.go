package udp

import (
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The benchmarks count per packet of 1,200 bytes, eight to a frame, 200 destinations that drop in the kernel. Look at cpu-ns/op, the
// process's CPU time: the time on the clock says more of who else is on the machine.
const (
	benchPeers  = 200
	benchFrame  = 8
	benchPacket = 1200
)

// drops are peers whose packets end in the kernel.
func drops(b *testing.B, like netip.AddrPort) []netip.AddrPort {
	all := make([]netip.AddrPort, benchPeers)
	for i := range all {
		p := newPeer(b, like)
		raw, err := p.SyscallConn()
		if err != nil {
			b.Fatal(err)
		}
		none := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
		raw.Control(func(fd uintptr) {
			err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &none})
		})
		if err != nil {
			b.Fatal(err)
		}
		all[i] = p.address
	}
	return all
}

func cpu() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs do, which handles n packets from the i-th on, over b.N packets.
func measure(b *testing.B, n int, do func(i int)) {
	b.ReportAllocs()
	b.ResetTimer()
	start := cpu()
	for i := 0; i < b.N; i += n {
		do(i)
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
}

func BenchmarkSend(b *testing.B) {
	data := make([]byte, benchPacket)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		b.Run("net "+address, func(b *testing.B) { // as pion's mux over a net.UDPConn does
			c := newPeer(b, netip.MustParseAddrPort(address))
			c.SetDeadline(time.Time{})
			to := drops(b, c.address)
			measure(b, 1, func(i int) { c.WriteToUDPAddrPort(data, to[i/benchFrame%benchPeers]) })
		})
		b.Run("WriteTo "+address, func(b *testing.B) {
			s := open(b, address).Socks()[0]
			to := drops(b, s.LocalAddr())
			measure(b, 1, func(i int) { s.WriteTo(data, to[i/benchFrame%benchPeers]) })
		})
		for _, w := range ways {
			b.Run(w.name+" "+address, func(b *testing.B) {
				s := open(b, address).Socks()[0]
				s.gso.Store(w.gso)
				s.sendmmsg.Store(w.sendmmsg)
				benchBatch(b, s.NewBatch(), drops(b, s.LocalAddr()), data)
			})
		}
	}
}

// BenchmarkArena tries sizes of the arena.
func BenchmarkArena(b *testing.B) {
	for _, size := range []int{64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			s := open(b, "127.0.0.1:0").Socks()[0]
			benchBatch(b, s.newBatch(maxMessages, size, patience), drops(b, s.LocalAddr()), make([]byte, benchPacket))
		})
	}
}

func benchBatch(b *testing.B, batch *Batch, to []netip.AddrPort, data []byte) {
	measure(b, benchFrame, func(i int) {
		for range benchFrame {
			copy(batch.Reserve(benchPacket), data)
			batch.Commit(benchPacket, to[i/benchFrame%benchPeers])
		}
		if i/benchFrame%benchPeers == benchPeers-1 {
			batch.Flush()
		}
	})
	batch.Flush()
}

// BenchmarkRead has frames come from a publisher; the CPU time is that of sending and reading.
func BenchmarkRead(b *testing.B) {
	for _, sender := range []string{"GSO", "sendmmsg"} {
		for _, reader := range []string{"net", "recvmmsg", "recvmmsg and GRO"} {
			b.Run(reader+" from "+sender, func(b *testing.B) {
				p := open(b, "127.0.0.1:0")
				from := p.Socks()[0]
				from.gso.Store(sender == "GSO")
				target, done := benchReader(b, reader)
				batch := from.NewBatch()
				measure(b, 4*benchFrame, func(int) {
					for i := range 4 * benchFrame {
						room := batch.Reserve(benchPacket)
						room[0] = 0
						if i == 4*benchFrame-1 {
							room[0] = 1
						}
						batch.Commit(benchPacket, target)
					}
					batch.Flush()
					<-done
				})
			})
		}
	}
}

// benchReader tells on done of each packet that begins with 1.
func benchReader(b *testing.B, how string) (netip.AddrPort, <-chan struct{}) {
	done := make(chan struct{}, 1)
	if how == "net" {
		p := newPeer(b, netip.MustParseAddrPort("127.0.0.1:0"))
		p.SetDeadline(time.Time{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			buffer := make([]byte, 1<<16)
			for {
				if _, _, err := p.ReadFromUDPAddrPort(buffer); err != nil {
					return
				}
				if buffer[0] == 1 {
					done <- struct{}{}
				}
			}
		}()
		b.Cleanup(func() { p.Close(); <-ended })
		return p.address, done
	}
	p := open(b, "127.0.0.1:0")
	if how == "recvmmsg" {
		p.Socks()[0].raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 0) })
	}
	p.Start(func(_ *Sock, _ netip.AddrPort, data []byte) bool {
		if data[0] == 1 {
			done <- struct{}{}
		}
		return true
	})
	return p.Addresses()[0], done
}

// BenchmarkVirtual is the way of a publisher's packet to pion, one at a time.
func BenchmarkVirtual(b *testing.B) {
	v := open(b, "127.0.0.1:0").Socks()[0].Virtual()
	data, buffer := make([]byte, benchPacket), make([]byte, 1500)
	from := netip.MustParseAddrPort("127.0.0.1:9")
	measure(b, 1, func(int) {
		v.deliver(from, data)
		if _, _, err := v.ReadFromAddrPort(buffer); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkStream is the way of a viewer's packet over TCP, with the reading on the other side.
func BenchmarkStream(b *testing.B) {
	p, s := openTCP(b, "127.0.0.1:0", echo, nil)
	const viewers = 20
	var to []netip.AddrPort
	for range viewers {
		c := call(b, s)
		c.say(b, frame(check("ours")))
		c.hear(b)
		c.SetDeadline(time.Time{})
		to = append(to, c.address)
		read := make(chan struct{})
		go func() { defer close(read); io.Copy(io.Discard, c) }()
		b.Cleanup(func() { c.Close(); <-read })
	}
	batch, data := s.NewBatch(), make([]byte, benchPacket)
	frames := time.NewTicker(time.Millisecond) // of each viewer, as many a second as it can read
	defer frames.Stop()
	measure(b, viewers*benchFrame, func(int) {
		for _, a := range to {
			for range benchFrame {
				copy(batch.Reserve(benchPacket), data)
				batch.Commit(benchPacket, a)
			}
		}
		batch.Flush()
		<-frames.C
	})
	b.ReportMetric(float64(s.sendCalls.Load())/float64(b.N), "writes/op")
	if st := p.Stats(); len(st.Errors) > 0 {
		b.Errorf("%+v", st)
	}
}
