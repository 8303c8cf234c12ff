package check

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

const (
	connectTimeout = 15 * time.Second
	mediaTimeout   = 15 * time.Second
)

// peerOptions are what checks want of a peer connection beyond the usual.
type peerOptions struct {
	bare      bool               // no candidates in the offer
	baseline  bool               // nothing but what RFC 8827 section 6.5 demands of everybody
	line      bool               // over a line that can be cut
	simulcast bool               // two layers, "h" and "l"
	only      string             // "audio" or "video"; "" is both
	vp8       webrtc.PayloadType // 0 is 96
}

// peer is a real client of the server.
type peer struct {
	*webrtc.PeerConnection
	session *session
	line    *line // nil unless asked for
	answer  string
	state   atomic.Int32 // webrtc.PeerConnectionState
	up      chan struct{}
}

// newPeer makes a peer connection that ends with the check.
func (p *probe) newPeer(o peerOptions) *peer {
	c := &peer{up: make(chan struct{})}
	engine := &webrtc.MediaEngine{}
	p.need("registering codecs", registerCodecs(engine, o))
	registry := &interceptor.Registry{}
	p.need("registering interceptors", webrtc.RegisterDefaultInterceptors(engine, registry))
	settings := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(p.loopback)
	settings.SetICETimeouts(4*time.Second, 4*time.Second, time.Second)
	if o.baseline {
		settings.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
		settings.SetDTLSEllipticCurves(elliptic.P256)
	}
	if o.line {
		c.line = p.newLine()
		mux := webrtc.NewICEUDPMux(settings.LoggerFactory.NewLogger("mux"), c.line)
		p.defers(func(context.Context) { _ = mux.Close() })
		settings.SetICEUDPMux(mux)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	var err error
	c.PeerConnection, err = api.NewPeerConnection(webrtc.Configuration{})
	p.need("making a peer connection", err)
	p.defers(func(context.Context) { _ = c.GracefulClose() })
	c.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if c.state.Swap(int32(s)); s == webrtc.PeerConnectionStateConnected {
			select {
			case <-c.up:
			default:
				close(c.up)
			}
		}
	})
	return c
}

func registerCodecs(engine *webrtc.MediaEngine, o peerOptions) error {
	if o.vp8 == 0 {
		o.vp8 = 96
	}
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: feedback}, PayloadType: o.vp8}, webrtc.RTPCodecTypeVideo)
	if err != nil {
		return err
	}
	return engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
}

// offerWith is the peer's offer with all its candidates.
func (c *peer) offerWith(p *probe, options *webrtc.OfferOptions) string {
	o, err := c.CreateOffer(options)
	p.need("making an offer", err)
	gathered := webrtc.GatheringCompletePromise(c.PeerConnection)
	p.need("using the own offer", c.SetLocalDescription(o))
	select {
	case <-gathered:
	case <-p.ctx.Done():
		p.failf("the own candidates are not gathered: %v", context.Cause(p.ctx))
	}
	return c.LocalDescription().SDP
}

// connect posts the peer's offer to an endpoint and waits until media can flow.
func (c *peer) connect(p *probe, what, endpoint string, o peerOptions) {
	text := c.offerWith(p, nil)
	if o.bare {
		text = withoutCandidates(text)
	}
	r := p.send(what, "POST", endpoint, text, "Content-Type", mediaTypeSDP)
	c.session = r.opened(offer(text))
	c.answer = r.body
	if err := c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.answer}); err != nil {
		p.failf("%s got an answer that pion refuses: %v", what, err)
	}
	timeout := time.NewTimer(connectTimeout)
	defer timeout.Stop()
	select {
	case <-c.up:
	case <-p.ctx.Done():
		p.failf("%s was answered 201, but no connection came about: %v", what, context.Cause(p.ctx))
	case <-timeout.C:
		p.failf("%s was answered 201, but no connection came about within %v", what, connectTimeout)
	}
}

func withoutCandidates(text string) string {
	var out strings.Builder
	for l := range strings.Lines(text) {
		if !strings.HasPrefix(l, "a=candidate:") && !strings.HasPrefix(l, "a=end-of-candidates") {
			out.WriteString(l)
		}
	}
	return out.String()
}

// restart restarts ICE by PATCH and waits until the new ICE session is connected.
func (c *peer) restart(p *probe) {
	o := c.offerWith(p, &webrtc.OfferOptions{ICERestart: true})
	ufrag, pwd, candidates := iceOf(o)
	lines := "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\n"
	for i, candidate := range candidates {
		candidates[i] = "a=candidate:" + candidate + "\r\n"
	}
	r := c.session.patch("PATCH to restart ICE", fragment(lines, candidates...), "If-Match", "*")
	if unsupported(r.StatusCode) {
		p.skipf("the server has no ICE restart: it answers one with %s", r.summary())
	}
	r.wants(r.StatusCode == 200, "200 OK")
	c.answer = withICE(c.answer, r.body)
	p.need("using the server's new credentials", c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.answer}))
}

// withICE is a description with the credentials and candidates of a fragment.
func withICE(description, fragment string) string {
	ufrag, pwd, candidates := iceOf(fragment)
	var out strings.Builder
	for l := range strings.Lines(withoutCandidates(description)) {
		switch {
		case strings.HasPrefix(l, "a=ice-ufrag:"):
			out.WriteString("a=ice-ufrag:" + ufrag + "\r\n")
		case strings.HasPrefix(l, "a=ice-pwd:"):
			out.WriteString("a=ice-pwd:" + pwd + "\r\n")
		case strings.HasPrefix(l, "a=mid:"):
			out.WriteString(l)
			for _, c := range candidates {
				out.WriteString("a=candidate:" + c + "\r\n")
			}
			candidates = nil
		default:
			out.WriteString(l)
		}
	}
	return out.String()
}

func (c *peer) connected() bool {
	return webrtc.PeerConnectionState(c.state.Load()) == webrtc.PeerConnectionStateConnected
}

// lost reports whether the connection has been there and is over.
func (c *peer) lost() bool {
	s := webrtc.PeerConnectionState(c.state.Load())
	return s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed || s == webrtc.PeerConnectionStateDisconnected
}

// hangUp closes the connection with DTLS close_notify and without DELETE.
func (c *peer) hangUp() { _ = c.GracefulClose() }

// line is a client's network, which can be cut.
type line struct {
	*net.UDPConn
	cut atomic.Bool
}

// newLine opens it at the address by which the server is reached.
func (p *probe) newLine() *line {
	address := ":0"
	if p.loopback {
		address = "127.0.0.1:0"
	}
	conn, err := (&net.ListenConfig{}).ListenPacket(p.ctx, "udp4", address)
	p.need("opening a UDP socket", err)
	return &line{UDPConn: conn.(*net.UDPConn)}
}

// ReadFrom loses what comes once the line is cut.
func (l *line) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.UDPConn.ReadFrom(b)
		if err != nil || !l.cut.Load() {
			return n, from, err
		}
	}
}

// WriteTo loses what goes once the line is cut.
func (l *line) WriteTo(b []byte, to net.Addr) (int, error) {
	if l.cut.Load() {
		return len(b), nil
	}
	return l.UDPConn.WriteTo(b, to)
}
