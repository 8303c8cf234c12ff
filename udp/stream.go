package udp

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// maxStrangers bounds the TCP connections that have not shown yet whose they are.
	maxStrangers           = 1024
	maxStrangersPerAddress = 64
	// maxPerAddress bounds all TCP connections of an address. A session may prove as many as it likes, and one needs a few.
	maxPerAddress = 2048
	// streamArena in bytes is that of a TCP batch, which only collects what is copied to the connections.
	streamArena = 64 << 10
	// acceptPause is how long nobody is let in after an error, which is the want of file descriptors.
	acceptPause = 50 * time.Millisecond
)

// streams is the TCP side of a Sock: its peers are the connections to one local address, over which packets go in the frames of
// RFC 4571. Clients that can't send UDP reach it by a passive candidate (RFC 6544).
type streams struct {
	sock     *Sock
	listener *net.TCPListener
	guard    *Admission // of strangers
	everyone *Admission
	times    patiences
	refused  atomic.Uint64
	serving  sync.WaitGroup

	mu     sync.RWMutex
	open   map[netip.AddrPort]*connection
	closed bool
}

// patiences with connections. Tests have shorter ones.
type patiences struct {
	proof time.Duration // until our first packet to a new connection: only what proves itself gets any
	idle  time.Duration // without a frame, or without a packet of ours; clients ask us several times in this time (RFC 7675 section 5.1)
	stall time.Duration // for the kernel to take what waits
	leave time.Duration // for the peer to take the last packets
}

func defaultPatiences() patiences {
	return patiences{proof: 10 * time.Second, idle: time.Minute, stall: 15 * time.Second, leave: time.Second}
}

// ListenTCP opens TCP beside UDP, for clients whose network blocks UDP: the same Handler has their packets, and pion those that are
// not its own (TCPMux). The address has the form of Listen's. Call it before Start, once.
func (p *Port) ListenTCP(address string) error {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fmt.Errorf("TCP address %q: %w", address, err)
	}
	guard, everyone := NewAdmission(maxStrangers, maxStrangersPerAddress), NewAdmission(math.MaxInt, maxPerAddress)
	p.streams, err = p.bind((*net.UDPAddr)(at), func(at netip.AddrPort) (*Sock, error) { return listenTCP(at, guard, everyone, p.log) })
	if err != nil {
		return fmt.Errorf(`can't open the media port, TCP %s (is another server running? choose another with --tcp, or do without by --tcp ""): %w`, address, err)
	}
	p.tcpMux = newTCPMux(p.streams)
	return nil
}

func listenTCP(at netip.AddrPort, guard, everyone *Admission, log *slog.Logger) (*Sock, error) {
	network := "tcp6"
	if at.Addr().Is4() {
		network = "tcp4"
	}
	l, err := net.ListenTCP(network, net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	s := &Sock{local: netip.AddrPortFrom(at.Addr(), uint16(l.Addr().(*net.TCPAddr).Port)), log: log}
	s.gso.Store(true) // packets of a run are framed together
	s.streams = &streams{sock: s, listener: l, guard: guard, everyone: everyone, times: defaultPatiences(), open: map[netip.AddrPort]*connection{}}
	return s, nil
}

// accept takes connections until close. What they say goes to h, or to mux.
func (l *streams) accept(h Handler, mux *tcpMux) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		conn, err := l.listener.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			l.sock.faults.add(errnoOf(err), netip.AddrPort{}, 1)
			pause.Reset(acceptPause)
			<-pause.C
		default:
			l.admit(conn, h, mux)
		}
	}
}

// admit serves a new connection, if there is room for one more stranger.
func (l *streams) admit(conn *net.TCPConn, h Handler, mux *tcpMux) {
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if !l.enter(from.Addr()) {
		l.refused.Add(1)
		_ = conn.SetLinger(0)
		_ = conn.Close()
		return
	}
	tune(conn)
	if c := newConnection(l, conn, from); !l.add(c, func() { c.serve(h, mux) }) {
		c.end()
	}
}

// enter says whether a stranger may come in.
func (l *streams) enter(ip netip.Addr) bool {
	if !l.everyone.Enter(ip) {
		return false
	}
	if !l.guard.Enter(ip) {
		l.everyone.Leave(ip)
		return false
	}
	return true
}

// add makes a connection known and has it served, unless the port is closed.
func (l *streams) add(c *connection, serve func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.open[c.remote] = c
		l.serving.Go(serve)
	}
	return !l.closed
}

// find gives the connection with an address; nil if there is none.
func (l *streams) find(remote netip.AddrPort) *connection {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.open[remote]
}

func (l *streams) remove(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[c.remote] == c {
		delete(l.open, c.remote)
	}
}

func (l *streams) len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.open)
}

// send hands the runs of a batch to their connections.
func (l *streams) send(b *Batch) {
	for i := range b.runs {
		r := &b.runs[i]
		if c := l.find(r.to); c != nil {
			packets, bytes := c.put(b.arena[r.off:r.off+r.bytes], r.size)
			if packets == r.count {
				continue
			}
			b.packets -= uint64(r.count - packets)
			b.bytes -= uint64(r.bytes - bytes)
			b.fault(syscall.ENOBUFS, r.to, r.count-packets)
			continue
		}
		b.drop(r, syscall.ENOTCONN)
	}
}

// writeTo sends one packet.
func (l *streams) writeTo(data []byte, to netip.AddrPort) error {
	why := syscall.ENOTCONN
	if c := l.find(to); c != nil {
		if packets, _ := c.put(data, len(data)); packets == 1 {
			l.sock.packetsOut.Add(1)
			l.sock.bytesOut.Add(uint64(len(data)))
			return nil
		}
		why = syscall.ENOBUFS
	}
	l.sock.faults.add(why, to, 1)
	return fmt.Errorf("can't send to %s over TCP: %w", to, why)
}

// close lets nobody in any more, says goodbye to those who are there, and waits.
func (l *streams) close() {
	l.mu.Lock()
	l.closed = true
	_ = l.listener.Close()
	for _, c := range l.open {
		c.leave()
	}
	l.mu.Unlock()
	l.serving.Wait()
}

// nameOf gives the server's user name fragment of a binding request: whom the client asks for (RFC 8445 section 7.2.2).
func nameOf(frame []byte) (ufrag string, ok bool) {
	if !stun.IsMessage(frame) {
		return "", false
	}
	m := stun.Message{Raw: frame}
	if m.Decode() != nil || m.Type != stun.BindingRequest {
		return "", false
	}
	name, err := m.Get(stun.AttrUsername)
	own, _, found := bytes.Cut(name, []byte{':'})
	return string(own), err == nil && found
}
