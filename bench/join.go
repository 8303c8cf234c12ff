package bench

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4/packetio"
)

const (
	joinTimeout = 20 * time.Second
	firstRetry  = 50 * time.Millisecond // of a connectivity check
	lastRetry   = 800 * time.Millisecond
)

var (
	errUnreachable = errors.New("no candidate of the server answers connectivity checks")
	errHandshake   = errors.New("the DTLS handshake failed")
)

// newViewer begins a viewer's session with the time of its start.
func (t *Tester) newViewer() *viewer {
	return &viewer{
		tester: t, own: credentials{random(8), random(24)}, responses: make(chan response, 16),
		loss: t.loss, nack: t.config.NACK || t.loss > 0, handshake: packetio.NewBuffer(), ssrc: rand.Uint32(), began: time.Now(), //nolint:gosec // an SSRC has to be random, not secret
	}
}

// join opens the session: POST, connectivity checks, DTLS. If it fails, what is open stays for leave.
func (v *viewer) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	t := v.tester
	if err := v.open(t.loopback, t.local); err != nil {
		return err
	}
	text, resource, err := t.whep.Post(ctx, viewerOffer(v.own, t.identity.fingerprint, v.outlet.local, t.config.Media.Codec, t.config.Media.Audio))
	if err != nil {
		return err
	}
	v.resource = resource
	a, err := readAnswer(text)
	if err != nil {
		return err
	}
	candidates := a.reachable(t.loopback)
	if len(candidates) == 0 {
		return fmt.Errorf("%w: %v are addresses of its own machine", errUnreachable, a.candidates)
	}
	if v.outlet.shared && !slices.ContainsFunc(candidates, t.isLocal) {
		v.outlet.Close() // an address of the loopback network gets nowhere
		if err := v.open(false, t.local); err != nil {
			return err
		}
	}
	v.outlet.mu.Lock()
	v.remote, v.formats = a.credentials, a.formats
	v.outlet.mu.Unlock()
	if err := v.connect(ctx, candidates); err != nil {
		return err
	}
	return v.secure(ctx, a)
}

func (v *viewer) open(shared bool, local netip.Addr) error {
	o, err := v.tester.sockets.open(shared, local)
	if err != nil {
		return err
	}
	v.outlet = o
	o.listen(v)
	return nil
}

// connect finds a candidate of the server that answers, and nominates it (RFC 8445 section 8.1.1).
func (v *viewer) connect(ctx context.Context, candidates []netip.AddrPort) error {
	for _, nominate := range []bool{false, true} {
		from, err := v.probe(ctx, candidates, nominate)
		if err != nil {
			return fmt.Errorf("%w (%v): %w", errUnreachable, candidates, err)
		}
		candidates = []netip.AddrPort{from}
	}
	v.server = candidates[0]
	return nil
}

// probe sends a check to each candidate, again and again, until one answers.
func (v *viewer) probe(ctx context.Context, to []netip.AddrPort, nominate bool) (netip.AddrPort, error) {
	id := stun.NewTransactionID()
	check, err := v.request(id, nominate)
	if err != nil {
		return netip.AddrPort{}, err
	}
	var failed error
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		for _, candidate := range to {
			if err := v.outlet.write(check, candidate); err != nil {
				failed = err
			}
		}
		retry := time.NewTimer(wait)
		for waiting := true; waiting; {
			select {
			case r := <-v.responses:
				if r.id == id && slices.Contains(to, r.from) {
					retry.Stop()
					return r.from, nil
				}
			case <-retry.C:
				waiting = false
			case <-ctx.Done():
				retry.Stop()
				return netip.AddrPort{}, errors.Join(failed, context.Cause(ctx))
			}
		}
	}
}

// secure does the DTLS handshake and takes the SRTP keys from it (RFC 5764). Nothing of it stays in memory: what a viewer
// needs to say later goes over RTCP and HTTP.
func (v *viewer) secure(ctx context.Context, a *answer) error {
	pipe := &pipe{viewer: v, buffer: v.handshake}
	connection, err := v.handshakeAs(pipe, a)
	if err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	defer connection.Close()
	defer pipe.muted.Store(true)
	if err := connection.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	profile, ok := connection.SelectedSRTPProtectionProfile()
	state, known := connection.ConnectionState()
	if !ok || !known {
		return fmt.Errorf("%w: the server chose no SRTP profile", errHandshake)
	}
	keys := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := keys.ExtractSessionKeysFromDTLS(&state, !a.active); err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	in, err := srtp.CreateContext(keys.Keys.RemoteMasterKey, keys.Keys.RemoteMasterSalt, keys.Profile)
	if err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	out, err := srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
	if err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	v.ready(in, out)
	return nil
}

// handshakeAs takes the role that the server's answer leaves (RFC 8842 section 5.3), and checks its certificate.
func (v *viewer) handshakeAs(pipe *pipe, a *answer) (*dtls.Conn, error) {
	verify := func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || fingerprint(raw[0]) != a.fingerprint {
			return errors.New("the server's certificate is not the one of its answer")
		}
		return nil
	}
	options := []dtls.Option{
		dtls.WithCertificates(v.tester.identity.certificate),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(verify),
		dtls.WithFlightInterval(200 * time.Millisecond),
	}
	to := net.UDPAddrFromAddrPort(v.server)
	if a.active {
		server := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
		for _, o := range options {
			server = append(server, o)
		}
		return dtls.ServerWithOptions(pipe, to, server...)
	}
	client := make([]dtls.ClientOption, len(options))
	for i, o := range options {
		client[i] = o
	}
	return dtls.ClientWithOptions(pipe, to, client...)
}

// pipe is the net.PacketConn that DTLS talks through. A muted one says nothing: closing the connection is not to end the session.
type pipe struct {
	viewer *viewer
	buffer *packetio.Buffer
	muted  atomic.Bool
}

func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.buffer.Read(b)
	return n, net.UDPAddrFromAddrPort(p.viewer.server), err
}

func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	if p.muted.Load() {
		return len(b), nil
	}
	return len(b), p.viewer.outlet.write(b, p.viewer.server)
}

func (p *pipe) Close() error                      { return p.buffer.Close() }
func (p *pipe) LocalAddr() net.Addr               { return net.UDPAddrFromAddrPort(p.viewer.outlet.local) }
func (p *pipe) SetDeadline(t time.Time) error     { return p.buffer.SetReadDeadline(t) }
func (p *pipe) SetReadDeadline(t time.Time) error { return p.buffer.SetReadDeadline(t) }
func (p *pipe) SetWriteDeadline(time.Time) error  { return nil }

// leave ends the session with the server, and gives the address back.
func (v *viewer) leave(ctx context.Context) error {
	var err error
	if v.resource != nil {
		err = v.resource.Delete(ctx)
	}
	if v.outlet != nil {
		v.outlet.Close()
	}
	if v.handshake != nil {
		_ = v.handshake.Close()
	}
	return err
}

// identity is the certificate of all viewers.
type identity struct {
	certificate tls.Certificate
	fingerprint string
}

// fingerprint is RFC 8122 section 5's of a certificate, by SHA-256.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	pairs := make([]string, 0, len(sum))
	for i := 0; i < len(digits); i += 2 {
		pairs = append(pairs, digits[i:i+2])
	}
	return strings.Join(pairs, ":")
}

// route finds out whether the server is on this machine, and which address of this machine leads there.
func (t *Tester) route(ctx context.Context) error {
	u, err := url.Parse(t.config.WHEP)
	if err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(u.Hostname(), port)) // sends nothing
	if err != nil {
		return fmt.Errorf("can't find the way to %s: %w", t.config.WHEP, err)
	}
	defer conn.Close()
	t.local = conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	t.loopback = t.local.IsLoopback() || t.local == conn.RemoteAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			ip, _ := netip.AddrFromSlice(n.IP.To4())
			t.own = append(t.own, ip)
		}
	}
	return nil
}

// isLocal: the loopback network gets to this machine's own IPv4 addresses only.
func (t *Tester) isLocal(a netip.AddrPort) bool {
	return a.Addr().Is4() && (a.Addr().IsLoopback() || slices.Contains(t.own, a.Addr()))
}
