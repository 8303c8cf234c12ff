package lite

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/stun/v4"

	"bongsu/broadcast"
)

// client is a bare WebRTC client: checks, DTLS and what comes, by hand.
type client struct {
	*net.UDPConn
	session     *Session
	certificate tls.Certificate
	key         stun.MessageIntegrity // for what it answers
	dtls        *dtls.Conn
	records     chan []byte // received DTLS datagrams
	media       chan []byte // received SRTP and SRTCP
	stun        chan *stun.Message
	mute        func(*stun.Message) bool // requests that it does not answer
	reading     sync.WaitGroup
}

const clientPassword = "aClientsPasswordOf24Chars"

// bareOffer is what a client says, as package wish writes it.
func bareOffer(certificate tls.Certificate, ufrag string) Offer {
	f := fingerprint{hash: "sha-256"}
	f.sum = f.of(certificate.Certificate[0])
	media := func(name, mid, formats, codecs string) string {
		return "m=" + name + " 9 UDP/TLS/RTP/SAVPF " + formats + "\r\nc=IN IP4 0.0.0.0\r\na=mid:" + mid + "\r\na=recvonly\r\na=rtcp-mux\r\n" + codecs +
			"a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + clientPassword + "\r\na=fingerprint:" + f.String() + "\r\na=setup:actpass\r\n"
	}
	return Offer{
		SDP: "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
			media("video", "0", "96 97", "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n") +
			media("audio", "1", "111", "a=rtpmap:111 opus/48000/2\r\n"),
		Formats: []broadcast.Format{{Codec: h264, PayloadType: 96, RTX: 97}, {Codec: opus, PayloadType: 111}},
	}
}

func (g *gateway) address() netip.AddrPort { return g.port.Addresses()[0] }

// dial opens a socket and a session that nothing has happened on.
func (g *gateway) dial(t testing.TB) *client {
	t.Helper()
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := g.server.Answer(bareOffer(certificate, "peer"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return g.open(t, s, certificate)
}

// open opens another socket for a session.
func (g *gateway) open(t testing.TB, s *Session, certificate tls.Certificate) *client {
	t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(g.address()))
	if err != nil {
		t.Fatal(err)
	}
	c := &client{
		UDPConn: conn, session: s, certificate: certificate, key: stun.NewShortTermIntegrity(clientPassword),
		records: make(chan []byte, 100), media: make(chan []byte, 1000), stun: make(chan *stun.Message, 100),
	}
	c.reading.Go(c.read)
	t.Cleanup(c.hide)
	return c
}

// hide closes the socket without a word.
func (c *client) hide() {
	_ = c.UDPConn.Close()
	c.reading.Wait()
}

func (c *client) read() {
	buf := make([]byte, 2000)
	for {
		n, err := c.UDPConn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			close(c.records)
			return
		}
		if err != nil {
			continue // an ICMP of a closed port
		}
		into := c.media
		switch {
		case buf[0] < 4:
			c.handle(bytes.Clone(buf[:n]))
			continue
		case buf[0] < 64:
			into = c.records
		}
		if len(into) < cap(into) {
			into <- bytes.Clone(buf[:n])
		}
	}
}

func (c *client) handle(b []byte) {
	m := &stun.Message{Raw: b}
	if m.Decode() != nil {
		return
	}
	if m.Type == stun.BindingRequest && (c.mute == nil || !c.mute(m)) && c.key.Check(m) == nil {
		a := stun.MustBuild(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(127, 0, 0, 1), Port: 9}, c.key, stun.Fingerprint)
		_, _ = c.UDPConn.Write(a.Raw)
	}
	select {
	case c.stun <- m:
	default:
	}
}

// check builds a connectivity check.
func (c *client) check(more ...stun.Setter) *stun.Message {
	s := c.session
	s.mu.Lock()
	own := s.current.own
	s.mu.Unlock()
	return checkAs(own.ufrag+":peer", own.key, more...)
}

func checkAs(username string, key stun.MessageIntegrity, more ...stun.Setter) *stun.Message {
	set := append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(username), attribute{stun.AttrPriority, []byte{1, 2, 3, 4}}}, more...)
	return stun.MustBuild(append(set, key, stun.Fingerprint)...)
}

var (
	nominate    = attribute{stun.AttrUseCandidate, nil}
	controlling = attribute{stun.AttrICEControlling, make([]byte, 8)}
	controlled  = attribute{stun.AttrICEControlled, make([]byte, 8)}
)

// ask sends a message and gives the answer to it.
func (c *client) ask(ctx context.Context, t testing.TB, m *stun.Message) *stun.Message {
	t.Helper()
	if _, err := c.UDPConn.Write(m.Raw); err != nil {
		t.Fatal(err)
	}
	for {
		if a := await(ctx, t, "answer", c.stun); a.TransactionID == m.TransactionID {
			return a
		}
	}
}

// connect checks, and shakes hands.
func (c *client) connect(ctx context.Context, t testing.TB, profiles ...dtls.SRTPProtectionProfile) {
	t.Helper()
	c.ask(ctx, t, c.check(controlling, nominate))
	if err := c.shake(ctx, t, profiles...); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "connection", c.session.Connected())
}

func (c *client) shake(ctx context.Context, t testing.TB, profiles ...dtls.SRTPProtectionProfile) (err error) {
	t.Helper()
	if len(profiles) == 0 {
		profiles = []dtls.SRTPProtectionProfile{profileGCM}
	}
	c.dtls, err = dtls.ClientWithOptions(&clientRecords{client: c}, c.RemoteAddr(), dtls.WithCertificates(c.certificate),
		dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(profiles...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.dtls.Close() })
	return c.dtls.HandshakeContext(ctx)
}

// masters are the keys that the client has.
func (c *client) masters(t testing.TB) masters {
	t.Helper()
	m, err := exportMasters(c.dtls)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// clientRecords is the net.PacketConn under the client's DTLS.
type clientRecords struct {
	*client
	mu   sync.Mutex
	late chan struct{}
}

func (r *clientRecords) deadline() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.late == nil {
		r.late = make(chan struct{})
	}
	return r.late
}

func (r *clientRecords) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d, ok := <-r.records:
		if !ok {
			return 0, nil, net.ErrClosed
		}
		return copy(b, d), r.RemoteAddr(), nil
	case <-r.deadline():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

func (r *clientRecords) SetReadDeadline(at time.Time) error {
	c := r.deadline()
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.IsZero() {
		r.late = make(chan struct{})
	} else {
		select {
		case <-c:
		default:
			close(c)
		}
	}
	return nil
}

func (r *clientRecords) WriteTo(b []byte, _ net.Addr) (int, error) { return r.UDPConn.Write(b) }
func (r *clientRecords) SetDeadline(at time.Time) error            { return r.SetReadDeadline(at) }
func (r *clientRecords) SetWriteDeadline(time.Time) error          { return nil }
func (r *clientRecords) Close() error                              { return r.SetReadDeadline(time.Unix(1, 0)) }

func (c *client) String() string { return fmt.Sprint(c.LocalAddr()) }
