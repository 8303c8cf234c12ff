package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// What a bad link does to datagrams, each way.
const (
	linkLoss     = 0.05
	linkDoubling = 0.03
	linkDisorder = 0.03
	linkDelay    = 4 // datagrams that overtake one, at most
)

// linkRelay is a bad link between a client and the media port, behind a network address translation of its own. What it
// does to the n-th datagram of a flow follows from its seed.
type linkRelay struct {
	near    *net.UDPConn // the client's side
	server  atomic.Pointer[netip.AddrPort]
	seed    uint64
	running sync.WaitGroup

	lost, doubled, displaced [2]atomic.Int64 // up, down
	rebinds, rebound         atomic.Int64    // changes of the port; media packets from the server to a changed one

	mu     sync.Mutex
	flows  map[netip.AddrPort]*linkFlow // by the client's address
	closed bool
}

// linkFlow is one socket of the client.
type linkFlow struct {
	far      *net.UDPConn // guarded by linkRelay.mu
	up, down linkFate
}

func startLinkRelay(t testing.TB, seed uint64) *linkRelay {
	t.Helper()
	r := &linkRelay{seed: seed, flows: map[netip.AddrPort]*linkFlow{}}
	var err error
	if r.near, err = listenLoopback(); err != nil {
		t.Fatal(err)
	}
	r.running.Go(r.readNear)
	t.Cleanup(r.close)
	return r
}

func listenLoopback() (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err == nil {
		err = conn.SetReadBuffer(4 << 20)
	}
	return conn, err
}

func (r *linkRelay) close() {
	r.mu.Lock()
	r.closed = true
	_ = r.near.Close()
	for _, f := range r.flows {
		_ = f.far.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}

func (r *linkRelay) readNear() {
	buf := make([]byte, 4096)
	for {
		n, from, err := r.near.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		server := r.server.Load()
		if err != nil || server == nil {
			continue
		}
		f, far := r.flow(from)
		if far == nil {
			return
		}
		f.up.pass(r, 0, buf[:n], func(b []byte) { _, _ = far.WriteToUDPAddrPort(b, *server) })
	}
}

// flow gives the flow of a client's address and its socket, which is nil at the end.
func (r *linkRelay) flow(client netip.AddrPort) (*linkFlow, *net.UDPConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, nil
	}
	f := r.flows[client]
	if f == nil {
		n := uint64(len(r.flows))
		f = &linkFlow{up: linkFate{rand: rand.New(rand.NewPCG(r.seed, 2*n))}, down: linkFate{rand: rand.New(rand.NewPCG(r.seed, 2*n+1))}}
		if !r.bind(client, f) {
			return nil, nil
		}
		r.flows[client] = f
	}
	return f, f.far
}

// bind gives a flow a socket towards the server. The caller holds mu.
func (r *linkRelay) bind(client netip.AddrPort, f *linkFlow) bool {
	far, err := listenLoopback()
	if err != nil {
		return false
	}
	f.far = far
	changed := r.rebinds.Load() > 0
	r.running.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, _, err := far.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			if changed && n > 1 && buf[0]>>6 == 2 && (buf[1] < 192 || buf[1] > 223) { // RTP, not RTCP (RFC 5761 section 4)
				r.rebound.Add(1)
			}
			f.down.pass(r, 1, buf[:n], func(b []byte) { _, _ = r.near.WriteToUDPAddrPort(b, client) })
		}
	})
	return true
}

// rebind gives all flows other ports, as a network address translation does that has forgotten them.
func (r *linkRelay) rebind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rebinds.Add(1)
	for client, f := range r.flows {
		if old := f.far; r.bind(client, f) {
			_ = old.Close()
		}
	}
}

// linkFate decides what becomes of the datagrams of one direction.
type linkFate struct {
	mu   sync.Mutex
	rand *rand.Rand
	held []byte
	wait int // datagrams that still overtake held
}

func (f *linkFate) pass(r *linkRelay, direction int, b []byte, write func([]byte)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch x := f.rand.Float64(); {
	case x < linkLoss:
		r.lost[direction].Add(1)
	case x < linkLoss+linkDoubling:
		r.doubled[direction].Add(1)
		write(b)
		write(b)
	case x < linkLoss+linkDoubling+linkDisorder && f.held == nil:
		r.displaced[direction].Add(1)
		f.held, f.wait = bytes.Clone(b), 1+f.rand.IntN(linkDelay)
		return
	default:
		write(b)
	}
	if f.wait--; f.held != nil && f.wait <= 0 {
		write(f.held)
		f.held = nil
	}
}

// linkTransport has an offer made without candidates and an answer read with the relay's address as the only one, so that
// no packet finds a way around the relay.
type linkTransport struct {
	*http.Transport
	relay *linkRelay
}

var candidateLines = regexp.MustCompile(`a=(candidate:\S+ 1 udp \d+ (\S+ \d+) typ.*|candidate:.*|end-of-candidates)\r\n`)

// RoundTrip implements http.RoundTripper.
func (l *linkTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPost {
		return l.Transport.RoundTrip(req)
	}
	offer, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	offer = candidateLines.ReplaceAll(offer, nil)
	req = req.Clone(req.Context())
	req.Body, req.ContentLength, req.GetBody = io.NopCloser(bytes.NewReader(offer)), int64(len(offer)), nil
	resp, err := l.Transport.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusCreated {
		return resp, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	server, err := onlyCandidate(answer)
	if err != nil {
		return nil, err
	}
	l.relay.server.Store(&server)
	own := fmt.Sprintf("a=candidate:1 1 udp 2130706431 127.0.0.1 %d typ host\r\n", l.relay.near.LocalAddr().(*net.UDPAddr).Port)
	first := true
	answer = candidateLines.ReplaceAllFunc(answer, func([]byte) []byte {
		defer func() { first = false }()
		if first {
			return []byte(own)
		}
		return nil
	})
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// onlyCandidate is the address of the server's media port.
func onlyCandidate(answer []byte) (netip.AddrPort, error) {
	m := candidateLines.FindSubmatch(answer)
	if m == nil || len(m[2]) == 0 {
		return netip.AddrPort{}, fmt.Errorf("the answer has no candidate:\n%s", answer)
	}
	return netip.ParseAddrPort(strings.Replace(string(m[2]), " ", ":", 1))
}

// check sees to it that the link was as bad as it claims.
func (r *linkRelay) check(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		what  string
		count *[2]atomic.Int64
	}{{"lost", &r.lost}, {"doubled", &r.doubled}, {"displaced", &r.displaced}} {
		if c.count[0].Load()+c.count[1].Load() < 10 {
			t.Errorf("the link %s only %d packets up and %d down", c.what, c.count[0].Load(), c.count[1].Load())
		}
	}
	if r.rebinds.Load() > 0 && r.rebound.Load() == 0 {
		t.Error("no media came from the server to the changed port")
	}
}
