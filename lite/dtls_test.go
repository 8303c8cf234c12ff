package lite

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

func TestWrongFingerprint(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	var err error
	if c.certificate, err = selfsign.GenerateSelfSigned(); err != nil { // not the announced one
		t.Fatal(err)
	}
	c.ask(ctx, t, c.check(nominate))
	if c.shake(ctx, t) == nil {
		t.Error("the handshake succeeded for the client")
	}
	await(ctx, t, "end", c.session.Done())
	if !errors.Is(c.session.Err(), ErrNeverConnected) || !strings.Contains(c.session.Err().Error(), "DTLS") {
		t.Errorf("Err = %v", c.session.Err())
	}
}

func TestFingerprintHashes(t *testing.T) {
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	der := certificate.Certificate[0]
	for _, hash := range []string{"sha-256", "sha-384", "sha-512"} {
		f := fingerprint{hash: hash}
		f.sum = f.of(der)
		for _, text := range []string{f.String(), strings.ToLower(f.String()), strings.ToUpper(f.String())} {
			got, ok := parseFingerprint(text)
			if !ok || !got.matches(der) || got.matches(der[1:]) {
				t.Errorf("%q: %v, matches %v", text, ok, got.matches(der))
			}
		}
	}
	for _, bad := range []string{"", "sha-256", "sha-256 AB:CD", "sha-1 " + strings.Repeat("AB:", 19) + "AB", "md5 AB", "sha-256 " + strings.Repeat("XY:", 31) + "XY"} {
		if _, ok := parseFingerprint(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestNoCommonProfile(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	c.ask(ctx, t, c.check(nominate))
	if c.shake(ctx, t, dtls.SRTP_AEAD_AES_256_GCM) == nil {
		t.Error("the handshake succeeded")
	}
	await(ctx, t, "end", c.session.Done())
}

func TestGCMIsFirstChoice(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	c.connect(ctx, t, profileCM, profileGCM)
	if p := c.masters(t).profile; p != profileGCM {
		t.Errorf("profile %v", p)
	}
}

// TestHangUp: close_notify both ways.
func TestHangUp(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	g.publish(t, h264)
	v := g.join(ctx, t, viewerOptions{})
	await(ctx, t, "connection", v.session.Connected())
	for await(ctx, t, "state", v.states) != webrtc.PeerConnectionStateConnected {
	}
	if err := v.session.Close(); err != nil {
		t.Fatal(err)
	}
	_ = v.session.Close()
	if !errors.Is(v.session.Err(), ErrClosed) {
		t.Errorf("Err = %v", v.session.Err())
	}
	for await(ctx, t, "client's end", v.states) != webrtc.PeerConnectionStateClosed {
	}
	v = g.join(ctx, t, viewerOptions{})
	g.watch(ctx, t, v)
	v.plays(ctx, t, 5)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "server's end", v.session.Done())
	if !errors.Is(v.session.Err(), ErrHungUp) {
		t.Errorf("Err = %v", v.session.Err())
	}
	v.session.Send(0, []broadcast.Packet{{Kind: broadcast.Video}}) // too late, without harm
}

// TestForgedAlert: an alert in the clear, which anybody could send, ends nothing.
func TestForgedAlert(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	c.connect(ctx, t)
	for seq := range byte(100) {
		for _, alert := range [][]byte{{1, 0}, {2, 40}} {
			_, _ = c.UDPConn.Write(append([]byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 100 + seq, 0, 2}, alert...))
		}
		_, _ = c.UDPConn.Write([]byte{23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 100 + seq, 0, 1, 0})
		_, _ = c.UDPConn.Write([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 100 + seq, 0, 1})
	}
	if _, err := c.dtls.Write([]byte("nobody reads this")); err != nil {
		t.Fatal(err)
	}
	c.ask(ctx, t, c.check(controlling)) // all of it has arrived
	if err := c.session.Err(); err != nil {
		t.Fatalf("Err = %v", err)
	}
	if err := c.dtls.Close(); err != nil { // authentic
		t.Fatal(err)
	}
	await(ctx, t, "end", c.session.Done())
	if !errors.Is(c.session.Err(), ErrHungUp) {
		t.Errorf("Err = %v", c.session.Err())
	}
}

// TestGoroutines: a viewer costs three, all of pion/dtls.
func TestGoroutines(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	const viewers = 10
	before := runtime.NumGoroutine()
	var clients []*client
	for range viewers {
		c := g.dial(t)
		c.connect(ctx, t)
		c.hide()
		clients = append(clients, c)
	}
	for _, c := range clients {
		_ = c.dtls.Close() // says nothing any more
	}
	until(ctx, t, "three goroutines a viewer", func() bool { return runtime.NumGoroutine()-before <= 3*viewers })
	if err := g.server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := g.server.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if !errors.Is(c.session.Err(), ErrClosed) {
			t.Errorf("Err = %v", c.session.Err())
		}
	}
	if _, _, err := g.server.Answer(bareOffer(clients[0].certificate, "peer")); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed server answers: %v", err)
	}
	until(ctx, t, "no goroutine of theirs", func() bool { return runtime.NumGoroutine() < before })
}
