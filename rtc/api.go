// Package rtc makes peer connections: for publishers, for viewers, all on one UDP port, and on TCP where UDP is blocked.
package rtc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"bongsu/udp"
)

const (
	// setupTimeout is how long a session may take from the answer to the end of the DTLS handshake.
	setupTimeout = 20 * time.Second
	// A peer that sends nothing, neither media nor consent (RFC 7675), is given up after the sum of these, which is looked at
	// every keepAlive: a publisher's name is free again within 15 s.
	disconnectedAfter = 5 * time.Second
	failedAfter       = 7 * time.Second
	keepAlive         = 2 * time.Second
	// replayWindow in packets is how late a repair may come. Publishers without RTX repeat a packet under its old number, and
	// at a thousand packets a second pion's window of 64 is over before they can.
	replayWindow = 8192
)

// Config of the peer connections.
type Config struct {
	// PublicIPs are addresses under which the media port is reachable from outside, behind a 1:1 NAT or a port mapping.
	PublicIPs []netip.Addr
	// Writers is how many writers the hub has: each gathers the packets of its viewers.
	Writers int
	// Lite has the server's side of ICE only answer checks (RFC 8445 section 2.5), for a server that everybody can reach. An offer of
	// a lite client still gets a full agent.
	Lite bool
}

// API makes peer connections that share the media port, one certificate and one set of rules.
type API struct {
	settings    webrtc.SettingEngine
	certificate webrtc.Certificate
	public      []netip.Addr
	lite        bool
	gathers     []gather // by writer
}

// New makes an API on an open port.
func New(port *udp.Port, c Config, log *slog.Logger) (*API, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, err
	}
	a := &API{certificate: *cert, public: c.PublicIPs, lite: c.Lite}
	for range c.Writers {
		a.gathers = append(a.gathers, newGather(port))
	}
	s := &a.settings
	s.LoggerFactory = pionLogs{log}
	s.SetICEUDPMux(port.Mux())
	s.SetIncludeLoopbackCandidate(true)
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if mux := port.TCPMux(); mux != nil {
		s.SetICETCPMux(mux)
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	s.DisableActiveTCP(true) // clients come to us
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(disconnectedAfter, failedAfter, keepAlive)
	s.SetHostAcceptanceMinWait(0)
	s.SetPrflxAcceptanceMinWait(0)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	s.SetDTLSInsecureSkipHelloVerify(true) // ICE has verified the address
	s.SetSRTPReplayProtectionWindow(replayWindow)
	s.SetDTLSRetransmissionInterval(200 * time.Millisecond)
	s.SetSCTPMaxMessageSize(maxMessage)
	s.DetachDataChannels()
	return a, nil
}

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
