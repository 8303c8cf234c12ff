package lite

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"

	"bongsu/udp"
)

// Config of the server.
type Config struct {
	// PublicIPs are addresses under which the port is reachable from outside, behind a 1:1 NAT or a port mapping.
	PublicIPs []netip.Addr
}

// timeouts of sessions. Tests have shorter ones.
type timeouts struct {
	setup   time.Duration // from the answer to the end of the DTLS handshake
	silence time.Duration // without an authentic packet from the viewer (RFC 7675 section 5.1)
	check   time.Duration // between two looks of the janitor
}

func defaultTimeouts() timeouts {
	return timeouts{setup: 20 * time.Second, silence: 29 * time.Second, check: time.Second} // together 30 s
}

// Server answers offers and demultiplexes what the port's sockets receive. Close ends it.
type Server struct {
	log         *slog.Logger
	timeouts    timeouts
	socks       []*udp.Sock
	batches     [][]*udp.Batch // by writer, by socket
	candidates  []string       // values of a=candidate
	fingerprint string         // of the certificate, as in a=fingerprint
	dtls        []dtls.ServerOption
	logs        logging.LoggerFactory
	messages    sync.Pool      // *exchange
	buffers     sync.Pool      // *[]byte, for opened RTCP
	admission   *udp.Admission // of unfinished handshakes
	count       counters
	trials      atomic.Int64 // of stray SRTCP, since the janitor's last look
	quit        chan struct{}
	janitor     sync.WaitGroup

	mu      sync.RWMutex
	byUfrag map[string]*Session
	byPlace map[place]*Session
	byHost  map[netip.Addr]map[*Session]int // how many places a session has there
	probed  map[transactionID]*Session
	closed  bool
}

// Unfinished DTLS handshakes, each some milliseconds of CPU and some kilobytes. A ClientHello beyond the limits is dropped:
// an honest client repeats it.
const (
	maxHandshakes           = 512
	maxHandshakesPerAddress = 128
)

// Stray SRTCP is tried with the keys of so many sessions a packet, and so many times between two looks of the janitor.
const (
	maxTrials    = 8
	maxTrialRate = 1000
)

// place is an address as a socket sees it.
type place struct {
	sock *udp.Sock
	addr netip.AddrPort
}

type transactionID = [stun.TransactionIDSize]byte

// New makes a server on a port. Writers is the number of goroutines that will call Send; each has a batch of its own.
func New(port *udp.Port, writers int, c Config, log *slog.Logger) (*Server, error) {
	return newServer(port, writers, c, log, defaultTimeouts())
}

func newServer(port *udp.Port, writers int, c Config, log *slog.Logger, t timeouts) (*Server, error) {
	certificate, err := makeCertificate()
	if err != nil {
		return nil, fmt.Errorf("no certificate for media: %w", err)
	}
	logs := newQuiet()
	sum := sha256.Sum256(certificate.Certificate[0])
	v := &Server{
		log: log, timeouts: t,
		socks:       slices.Concat(port.Socks(), port.TCPSocks()),
		batches:     make([][]*udp.Batch, writers),
		candidates:  candidates(port, c.PublicIPs),
		fingerprint: fingerprint{"sha-256", sum[:]}.String(),
		dtls:        dtlsOptions(certificate, logs),
		logs:        logs,
		messages:    sync.Pool{New: func() any { return new(exchange) }},
		buffers:     sync.Pool{New: func() any { return new(make([]byte, 0, bufferSize)) }},
		admission:   udp.NewAdmission(maxHandshakes, maxHandshakesPerAddress),
		quit:        make(chan struct{}),
		byUfrag:     map[string]*Session{},
		byPlace:     map[place]*Session{},
		byHost:      map[netip.Addr]map[*Session]int{},
		probed:      map[transactionID]*Session{},
	}
	for i := range v.batches {
		for _, sock := range v.socks {
			v.batches[i] = append(v.batches[i], sock.NewBatch())
		}
	}
	v.janitor.Go(v.sweep)
	return v, nil
}

// makeCertificate makes the one certificate of all sessions. Nobody looks at its dates: it is known by its fingerprint.
func makeCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// Handle takes what a socket received, on the socket's reader; it is the udp.Handler. False means that the packet is not
// for a session of this server: a viewer sends no RTP, and what is not authentic may be for somebody else.
func (v *Server) Handle(sock *udp.Sock, from netip.AddrPort, data []byte) bool {
	if len(data) == 0 {
		return false
	}
	at := place{sock, from}
	if data[0] < 4 { // RFC 7983 section 7
		return v.handleSTUN(at, data)
	}
	v.mu.RLock()
	s := v.byPlace[at]
	v.mu.RUnlock()
	rtcp := data[0]>>6 == 2 && len(data) > rtcpHeader && 192 <= data[1] && data[1] <= 223 // RFC 5761 section 4
	if s == nil {
		return rtcp && v.handleStray(at, data)
	}
	switch {
	case 20 <= data[0] && data[0] <= 63:
		s.handleDTLS(at, data)
		return true
	case rtcp:
		return s.handleRTCP(at, data)
	}
	return false
}

// handleStray takes SRTCP from a place that nobody has: a viewer's NAT may have given it a new port, and RTCP comes sooner
// than the next check. Whose keys open it is found by trial among those with the same address, a few at a time.
func (v *Server) handleStray(at place, data []byte) bool {
	var some [maxTrials]*Session
	n := 0
	v.mu.RLock()
	for s := range v.byHost[at.addr.Addr()] {
		if some[n] = s; n == maxTrials-1 {
			break
		}
		n++
	}
	v.mu.RUnlock()
	for _, s := range some {
		if s == nil || v.trials.Add(1) > maxTrialRate {
			return false
		}
		if s.handleRTCP(at, data) {
			return true
		}
	}
	return false
}

// Flush sends what sessions have gathered for a writer; the writer calls it after each round.
func (v *Server) Flush(writer int) {
	for _, b := range v.batches[writer] {
		b.Flush()
	}
}

// add makes a session known by its user name fragment.
func (v *Server) add(s *Session) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return ErrClosed
	}
	for v.byUfrag[s.current.own.ufrag] != nil {
		s.current.own = newCredentials()
	}
	v.byUfrag[s.current.own.ufrag] = s
	return nil
}

// claim gives a place to a session, if no other has it or by force.
func (v *Server) claim(at place, s *Session, force bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	o := v.byPlace[at]
	switch {
	case o == s:
		return true
	case o != nil && !force:
		return false
	case o != nil:
		v.leaveHost(at, o)
	}
	v.byPlace[at] = s
	host := at.addr.Addr()
	if v.byHost[host] == nil {
		v.byHost[host] = map[*Session]int{}
	}
	v.byHost[host][s]++
	return true
}

// leaveHost counts a place of a session less. The caller holds mu.
func (v *Server) leaveHost(at place, s *Session) {
	host := at.addr.Addr()
	there := v.byHost[host]
	if there[s]--; there[s] <= 0 {
		delete(there, s)
	}
	if len(there) == 0 {
		delete(v.byHost, host)
	}
}

// forget drops a session's names, places and probes. TCP connections end with their places, once the last packets are sent.
func (v *Server) forget(s *Session, ufrags []string, places []place, probes []probe) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, u := range ufrags {
		if v.byUfrag[u] == s {
			delete(v.byUfrag, u)
		}
	}
	for _, at := range places {
		if v.byPlace[at] == s {
			delete(v.byPlace, at)
			v.leaveHost(at, s)
			at.sock.Disconnect(at.addr)
		}
	}
	for _, p := range probes {
		delete(v.probed, p.id)
	}
}

// sessions lists who is there.
func (v *Server) sessions() []*Session {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all := make([]*Session, 0, len(v.byUfrag))
	for _, s := range v.byUfrag {
		all = append(all, s)
	}
	return all
}

// sweep is the janitor: it ends the sessions that did not come about, and those whose viewer is silent.
func (v *Server) sweep() {
	tick := time.NewTicker(v.timeouts.check)
	defer tick.Stop()
	for {
		select {
		case <-v.quit:
			return
		case now := <-tick.C:
			v.trials.Store(0)
			for _, s := range v.sessions() {
				s.expire(now)
			}
		}
	}
}

// Close ends all sessions and waits. Close the port after it. It may be called twice.
func (v *Server) Close() error {
	v.mu.Lock()
	if !v.closed {
		v.closed = true
		close(v.quit)
	}
	v.mu.Unlock()
	v.janitor.Wait()
	all := v.sessions()
	for _, s := range all {
		s.end(ErrClosed)
	}
	for _, s := range all {
		<-s.closed
	}
	return nil
}

// socket is the index of a socket in the batches of each writer.
func (v *Server) socket(sock *udp.Sock) int { return slices.Index(v.socks, sock) }
