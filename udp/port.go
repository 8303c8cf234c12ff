// Package udp is the one media port: a socket for each local address, writes gathered and handed to the kernel many at a
// time (sendmmsg and UDP generic segmentation offload), reads the same way, and what is not ours passed on to pion's ICE. For
// networks that block UDP the same packets come and go over TCP (RFC 6544), through a Sock like the others.
package udp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
)

const (
	// bufferSize in bytes is asked of the kernel for each socket and direction: publishers and writers send frames in bursts.
	bufferSize = 4 << 20
	// portTries is how often a free port is asked for that must be free on all addresses.
	portTries = 8
)

// Port is the media port: all its sockets have the same number. It is made by Listen and ended by Close.
type Port struct {
	log     *slog.Logger
	socks   []*Sock
	streams []*Sock // of TCP
	tcpMux  *tcpMux // nil without TCP
	readers sync.WaitGroup

	mu  sync.Mutex
	mux *ice.MultiUDPMuxDefault
}

// Handler is given what a socket received from an address. It runs on the socket's reader, so it must not block; sockets call
// it at the same time. data is valid during the call only. It gives false for what is not its own, which then goes to pion; over TCP the
// first packet, a connectivity check, decides that for the whole connection.
type Handler func(s *Sock, from netip.AddrPort, data []byte) bool

// Listen opens the media port. An address without a host (":8443") or with "[::]" opens a socket for each local address, so that
// an answer leaves from the address that was asked, but for link-local ones; "0.0.0.0" means those of IPv4 only. With a host it
// is that one address. Port 0 picks a free one. Nothing is read before Start.
func Listen(address string, log *slog.Logger) (*Port, error) {
	at, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("UDP address %q: %w", address, err)
	}
	p := &Port{log: log}
	p.socks, err = p.bind(at, func(at netip.AddrPort) (*Sock, error) { return listen(at, log) })
	if err != nil {
		return nil, fmt.Errorf("can't open the media port, UDP %s (is another server running? choose another with --udp): %w", address, err)
	}
	p.reportBuffers()
	return p, nil
}

// bind opens what an address means.
func (p *Port) bind(at *net.UDPAddr, listen func(netip.AddrPort) (*Sock, error)) (socks []*Sock, err error) {
	ips, err := addresses(at)
	if err != nil {
		return nil, err
	}
	for range portTries {
		if socks, err = p.open(ips, at.Port, listen); err == nil || at.Port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return socks, err
}

// addresses lists what to listen on.
func addresses(at *net.UDPAddr) ([]netip.Addr, error) {
	if at.IP != nil && !at.IP.IsUnspecified() {
		return []netip.Addr{at.AddrPort().Addr().Unmap()}, nil
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("can't list the machine's addresses: %w", err)
	}
	var ips []netip.Addr
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLinkLocalUnicast() || at.IP.To4() != nil && n.IP.To4() == nil {
			continue
		}
		if ip, ok := netip.AddrFromSlice(n.IP); ok {
			ips = append(ips, ip.Unmap())
		}
	}
	if len(ips) == 0 {
		return nil, errors.New("this machine has no address to listen on")
	}
	return ips, nil
}

// open opens a socket for each address, with the first one's port if none is given. Of several addresses one that can't be
// used is left out (an IPv6 one may still be unconfirmed), but not when its port is taken.
func (p *Port) open(ips []netip.Addr, port int, listen func(netip.AddrPort) (*Sock, error)) (socks []*Sock, err error) {
	defer func() {
		if err != nil {
			for _, s := range socks {
				s.close()
			}
			socks = nil
		}
	}()
	var failed error
	for _, ip := range ips {
		s, err := listen(netip.AddrPortFrom(ip, uint16(port)))
		if errors.Is(err, syscall.EADDRINUSE) {
			return socks, err
		}
		if err != nil {
			failed = err
			if len(ips) > 1 {
				p.log.Warn("no media on this address", "address", ip, "error", err)
			}
			continue
		}
		port = int(s.local.Port())
		socks = append(socks, s)
	}
	if len(socks) == 0 {
		return nil, failed
	}
	return socks, nil
}

// reportBuffers says what to set when the kernel gave less than asked for.
func (p *Port) reportBuffers() {
	st := p.Stats()
	for _, b := range []struct {
		what, setting string
		granted       int
	}{{"receive", readSetting, st.ReadBuffer}, {"send", writeSetting, st.WriteBuffer}} {
		if b.granted < bufferSize {
			p.log.Warn("the kernel grants the media port a smaller buffer than it should have: bursts may be lost",
				"buffer", b.what, "granted", b.granted, "wanted", bufferSize, "remedy", fmt.Sprintf("sysctl -w %s=%d", b.setting, bufferSize))
		}
	}
}

// Addresses lists the local addresses of the port.
func (p *Port) Addresses() []netip.AddrPort { return addressesOf(p.socks) }

// TCPAddresses lists the local addresses of TCP, none without ListenTCP.
func (p *Port) TCPAddresses() []netip.AddrPort { return addressesOf(p.streams) }

func addressesOf(socks []*Sock) []netip.AddrPort {
	all := make([]netip.AddrPort, len(socks))
	for i, s := range socks {
		all[i] = s.local
	}
	return all
}

// Socks lists the UDP sockets of the port, one for each of Addresses.
func (p *Port) Socks() []*Sock { return p.socks }

// TCPSocks lists what stands for a socket over TCP, one for each of TCPAddresses.
func (p *Port) TCPSocks() []*Sock { return p.streams }

// Start begins to read: one goroutine for each socket and each TCP connection, which calls h. With a nil handler all goes to pion.
// Call it once.
func (p *Port) Start(h Handler) {
	for _, s := range p.socks {
		p.readers.Go(func() { s.read(h) })
	}
	for _, s := range p.streams {
		p.readers.Go(func() { s.streams.accept(h, p.tcpMux) })
	}
}

// Mux is pion's ICE mux over the sockets' Virtuals, for PeerConnections on this port; always the same one. Close closes it.
func (p *Port) Mux() ice.UDPMux {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mux == nil {
		quiet := newQuiet()
		muxes := make([]ice.UDPMux, len(p.socks))
		for i, s := range p.socks {
			muxes[i] = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: s.virtual, Logger: quiet})
		}
		p.mux = ice.NewMultiUDPMuxDefault(muxes...)
	}
	return p.mux
}

// newQuiet is the logger of pion's muxes: what they say is said by strangers' packets, and what matters of a peer by who uses it.
func newQuiet() logging.LeveledLogger {
	quiet := &logging.DefaultLeveledLogger{}
	quiet.SetLevel(logging.LogLevelDisabled)
	return quiet
}

// TCPMux is the same for PeerConnections over TCP; nil without ListenTCP.
func (p *Port) TCPMux() ice.TCPMux {
	if p.tcpMux == nil {
		return nil
	}
	return p.tcpMux
}

// Close closes the sockets and pion's mux and waits for the readers. Writes after it fail without harm. Twice is fine.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.mux != nil {
		_ = p.mux.Close()
	}
	p.mu.Unlock()
	if p.tcpMux != nil {
		_ = p.tcpMux.Close()
	}
	for _, s := range slices.Concat(p.socks, p.streams) {
		s.close()
	}
	p.readers.Wait()
	return nil
}
