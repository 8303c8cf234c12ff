// Package rtc makes peer connections: for publishers, for viewers, all on one UDP port.
package rtc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

const (
	// setupTimeout is how long a session may take from the answer to the end of the DTLS handshake.
	setupTimeout = 20 * time.Second
	// A peer that sends nothing, neither media nor consent (RFC 7675), is given up after the sum of these.
	disconnectedAfter = 5 * time.Second
	failedAfter       = 10 * time.Second
	keepAlive         = 2 * time.Second
	// socketBuffer is asked of the kernel for each socket; publishers send frames in bursts.
	socketBuffer = 4 << 20
)

// Config of the media port.
type Config struct {
	// UDP is the address of the one UDP port for all media. With a host, that address is the only candidate.
	UDP string
	// PublicIPs are addresses under which the port is reachable from outside, behind a 1:1 NAT or a port mapping.
	PublicIPs []netip.Addr
}

// API makes peer connections that share one UDP port, one certificate and one set of rules. Close ends it.
type API struct {
	settings    webrtc.SettingEngine
	certificate webrtc.Certificate
	muxes       *ice.MultiUDPMuxDefault
	addresses   []netip.AddrPort
	public      []netip.Addr
	logs        logging.LoggerFactory
}

// New opens the UDP port.
func New(c Config, log *slog.Logger) (*API, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, err
	}
	a := &API{certificate: *cert, public: c.PublicIPs, logs: pionLogs{log}}
	if err := a.listen(c.UDP, log); err != nil {
		return nil, err
	}
	s := &a.settings
	s.LoggerFactory = a.logs
	s.SetICEUDPMux(a.muxes)
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(disconnectedAfter, failedAfter, keepAlive)
	s.SetHostAcceptanceMinWait(0)
	s.SetPrflxAcceptanceMinWait(0)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	s.SetDTLSInsecureSkipHelloVerify(true) // ICE has verified the address
	s.SetDTLSRetransmissionInterval(200 * time.Millisecond)
	return a, nil
}

// listen opens a socket for each local address, so that each packet leaves from the address it was asked at.
func (a *API) listen(address string, log *slog.Logger) error {
	at, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return fmt.Errorf("UDP address %q: %w", address, err)
	}
	ips := []net.IP{at.IP}
	if at.IP == nil || at.IP.IsUnspecified() {
		if ips, err = localAddresses(at.IP); err != nil {
			return err
		}
	}
	var muxes []ice.UDPMux
	for _, ip := range ips {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: at.Port, Zone: at.Zone})
		if err != nil && len(ips) > 1 && ip.To4() == nil {
			log.Warn("no media on this address", "address", ip, "error", err)
			continue
		}
		if err != nil {
			for _, m := range muxes {
				_ = m.Close()
			}
			return fmt.Errorf("can't open the media port, UDP %s (is another server running? choose another with --udp): %w", address, err)
		}
		_ = conn.SetReadBuffer(socketBuffer)
		_ = conn.SetWriteBuffer(socketBuffer)
		muxes = append(muxes, ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: a.logs.NewLogger("mux")}))
		a.addresses = append(a.addresses, conn.LocalAddr().(*net.UDPAddr).AddrPort())
		at.Port = int(a.addresses[0].Port()) // port 0: the same for all
	}
	a.muxes = ice.NewMultiUDPMuxDefault(muxes...)
	return nil
}

// localAddresses lists this machine's addresses but link-local ones; only IPv4 if wildcard is 0.0.0.0.
func localAddresses(wildcard net.IP) ([]net.IP, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("can't list the machine's addresses: %w", err)
	}
	var ips []net.IP
	for _, addr := range all {
		n, ok := addr.(*net.IPNet)
		if !ok || n.IP.IsLinkLocalUnicast() || wildcard.To4() != nil && n.IP.To4() == nil {
			continue
		}
		ips = append(ips, n.IP)
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("this machine has no address to listen on")
	}
	return ips, nil
}

// Addresses lists the local addresses of the media port.
func (a *API) Addresses() []netip.AddrPort { return a.addresses }

// Close closes the port. Close the peers first.
func (a *API) Close() error { return a.muxes.Close() }

// pionLogs has pion's own messages logged as debug: what matters of them is said by who uses the peer.
type pionLogs struct{ log *slog.Logger }

func (p pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{p.log.With("pion", scope)}
}

type pionLog struct{ log *slog.Logger }

func (l pionLog) say(s string)              { l.log.Debug(s) }
func (l pionLog) sayf(f string, v ...any)   { l.log.Debug(fmt.Sprintf(f, v...)) }
func (l pionLog) Trace(string)              {}
func (l pionLog) Tracef(string, ...any)     {}
func (l pionLog) Debug(string)              {}
func (l pionLog) Debugf(string, ...any)     {}
func (l pionLog) Info(string)               {}
func (l pionLog) Infof(string, ...any)      {}
func (l pionLog) Warn(s string)             { l.say(s) }
func (l pionLog) Warnf(f string, v ...any)  { l.sayf(f, v...) }
func (l pionLog) Error(s string)            { l.say(s) }
func (l pionLog) Errorf(f string, v ...any) { l.sayf(f, v...) }
