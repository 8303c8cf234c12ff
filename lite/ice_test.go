package lite

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func TestCheckIsAnswered(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	m := c.check(controlling)
	a := c.ask(ctx, t, m)
	var mapped stun.XORMappedAddress
	if a.Type != stun.BindingSuccess || mapped.GetFrom(a) != nil || mapped.Port != c.LocalAddr().(*net.UDPAddr).Port || !mapped.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		t.Errorf("answer %v with %v", a, mapped)
	}
	if c.session.current.own.key.Check(a) != nil || stun.Fingerprint.Check(a) != nil {
		t.Error("the answer is not authentic")
	}
	if a = c.ask(ctx, t, checkAs(c.session.current.own.ufrag+":peer", c.session.current.own.key)); a.Type != stun.BindingSuccess {
		t.Errorf("a check without a role got %v", a) // FFmpeg's
	}
	a = c.ask(ctx, t, c.check(controlled))
	var code stun.ErrorCodeAttribute
	if a.Type != stun.BindingError || code.GetFrom(a) != nil || code.Code != stun.CodeRoleConflict {
		t.Errorf("a controlled client got %v %v, want 487", a, code)
	}
}

// TestStrangersGetNothing: no packet of a stranger has an answer, whatever it is.
func TestStrangersGetNothing(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	own := c.session.current.own
	late := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(own.ufrag+":peer"), own.key, controlled, stun.Fingerprint)
	broken := checkAs(own.ufrag+":peer", own.key)
	broken.Raw[len(broken.Raw)-1]++
	noise := make([]byte, 1200)
	_, _ = rand.Read(noise)
	junk := [][]byte{
		checkAs(own.ufrag+":peer", stun.NewShortTermIntegrity("another")).Raw,
		checkAs(own.ufrag+":other", own.key).Raw,
		checkAs("nobody:peer", own.key).Raw,
		stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(own.ufrag+":peer")).Raw,
		stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw,
		stun.MustBuild(stun.TransactionID, stun.BindingSuccess, own.key).Raw,
		stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.NewUsername(own.ufrag+":peer"), own.key).Raw,
		broken.Raw, broken.Raw[:30], noise, append([]byte{22, 0xfe, 0xfd}, noise...), append([]byte{0x80, 200}, noise...), {0}, {},
	}
	before := g.port.Stats().PacketsIn
	for range 100 {
		for _, b := range junk {
			if _, err := c.UDPConn.Write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	until(ctx, t, "flood", func() bool { return g.port.Stats().PacketsIn-before >= uint64(50*len(junk)) })
	if out := g.port.Stats().PacketsOut; out != 0 {
		t.Errorf("%d packets were sent to a stranger", out)
	}
	if c.session.path.Load() != nil {
		t.Error("a stranger has become the viewer")
	}
	if g.server.Stats().ForgedChecks == 0 {
		t.Error("forged checks are not counted")
	}
	// What stands after the integrity is not of the client: this is no controlled one.
	if a := c.ask(ctx, t, late); a.Type != stun.BindingSuccess {
		t.Errorf("an appended attribute counts: %v", a)
	}
}

func TestNeverConnected(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, timeouts{setup: 50 * time.Millisecond, silence: time.Hour, check: 5 * time.Millisecond})
	silent, checking, shaking := g.dial(t), g.dial(t), g.dial(t)
	checking.ask(ctx, t, checking.check(nominate))
	shaking.ask(ctx, t, shaking.check(nominate))
	if _, err := shaking.UDPConn.Write([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{silent, checking, shaking} {
		await(ctx, t, "end", c.session.Done())
		if !errors.Is(c.session.Err(), ErrNeverConnected) {
			t.Errorf("Err = %v", c.session.Err())
		}
	}
	until(ctx, t, "end of all", func() bool {
		g.server.mu.RLock()
		defer g.server.mu.RUnlock()
		return len(g.server.byUfrag)+len(g.server.byPlace)+len(g.server.probed) == 0
	})
	if n, addresses := g.server.admission.Len(); n != 0 || addresses != 0 {
		t.Errorf("%d handshakes left, of %d addresses", n, addresses)
	}
}

func TestSilenceEndsSession(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, timeouts{setup: 10 * time.Second, silence: 300 * time.Millisecond, check: 10 * time.Millisecond})
	c := g.dial(t)
	c.connect(ctx, t)
	kept := time.Now().Add(time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for now := range tick.C {
		if now.After(kept) {
			break
		}
		c.ask(ctx, t, c.check(controlling))
		if err := c.session.Err(); err != nil {
			t.Fatalf("ended although the client consents: %v", err)
		}
	}
	await(ctx, t, "end", c.session.Done())
	if !errors.Is(c.session.Err(), ErrLost) {
		t.Errorf("Err = %v", c.session.Err())
	}
}

// TestPathNeedsAnswer: media moves to a new address only when it has answered, so that nobody is sent what others ordered.
func TestPathNeedsAnswer(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	c.connect(ctx, t)
	first := c.session.path.Load().addr
	victim := g.open(t, c.session, c.certificate)
	victim.mute = func(*stun.Message) bool { return true }
	victim.ask(ctx, t, victim.check(controlling, nominate))
	probe := await(ctx, t, "probe", victim.stun)
	for probe.Type != stun.BindingRequest {
		probe = await(ctx, t, "probe", victim.stun)
	}
	// The owner of the session answers in the victim's place, from where it really is.
	a := stun.MustBuild(probe, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(127, 0, 0, 1), Port: 9}, c.key, stun.Fingerprint)
	if _, err := c.UDPConn.Write(a.Raw); err != nil {
		t.Fatal(err)
	}
	// The victim itself has no key to answer with.
	a = stun.MustBuild(probe, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(127, 0, 0, 1), Port: 9}, stun.NewShortTermIntegrity("another"), stun.Fingerprint)
	if _, err := victim.UDPConn.Write(a.Raw); err != nil {
		t.Fatal(err)
	}
	c.ask(ctx, t, c.check(controlling))
	victim.ask(ctx, t, victim.check(controlling))
	if at := c.session.path.Load().addr; at != first {
		t.Fatalf("media went to %v, which never answered", at)
	}
	if g.server.Stats().Probes != 1 {
		t.Errorf("%d probes", g.server.Stats().Probes)
	}
	moved := g.open(t, c.session, c.certificate)
	want := moved.LocalAddr().(*net.UDPAddr).AddrPort()
	until(ctx, t, "move to an address that answers", func() bool {
		moved.ask(ctx, t, moved.check(controlling, nominate))
		return c.session.path.Load().addr == want
	})
}

// TestContestedPlace: one session can't take another's packets away by naming its address, but the client that really is
// there can, as when a NAT gives an old port to a new client.
func TestContestedPlace(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	c.connect(ctx, t)
	at := c.session.path.Load().place
	other := g.dial(t)
	c.mute = func(*stun.Message) bool { return true }
	m := other.check(controlling, nominate)
	c.ask(ctx, t, m) // the other session's check from this socket
	owner := func() *Session {
		g.server.mu.RLock()
		defer g.server.mu.RUnlock()
		return g.server.byPlace[at]
	}
	if owner() != c.session {
		t.Fatal("the place changed hands without an answer")
	}
	probe := await(ctx, t, "probe", c.stun)
	a := stun.MustBuild(probe, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(127, 0, 0, 1), Port: 9}, c.key, stun.Fingerprint)
	if _, err := c.UDPConn.Write(a.Raw); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, "new owner", func() bool { return owner() == other.session })
	if p := other.session.path.Load(); p == nil || p.place != at {
		t.Errorf("path %v", p)
	}
}

func TestPlacesAreBounded(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	c.connect(ctx, t)
	first := c.session.path.Load().place
	for range 2 * maxPlaces {
		o := g.open(t, c.session, c.certificate)
		o.ask(ctx, t, o.check(controlling))
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	g.server.mu.RLock()
	defer g.server.mu.RUnlock()
	if len(c.session.places) != maxPlaces || len(g.server.byPlace) != maxPlaces || g.server.byPlace[first] != c.session {
		t.Errorf("%d places, %d known, the current one's owner is %p", len(c.session.places), len(g.server.byPlace), g.server.byPlace[first])
	}
}

func TestRestart(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	c.connect(ctx, t)
	old := c.session.current.own
	if _, err := c.session.Restart(ctx, "lost", "aPasswordThatIsNeverUsed1", nil); err != nil { // replaced before it was used
		t.Fatal(err)
	}
	description, err := c.session.Restart(ctx, "next", "anotherPasswordOfTheClient", nil)
	if err != nil {
		t.Fatal(err)
	}
	ufrag, password := sdpValue(description, "ice-ufrag"), sdpValue(description, "ice-pwd")
	c.ask(ctx, t, checkAs(old.ufrag+":peer", old.key, controlling)) // still valid
	a := c.ask(ctx, t, checkAs(ufrag+":next", stun.NewShortTermIntegrity(password), controlling, nominate))
	if a.Type != stun.BindingSuccess {
		t.Fatalf("%v", a)
	}
	until(ctx, t, "end of the old name", func() bool {
		g.server.mu.RLock()
		defer g.server.mu.RUnlock()
		return len(g.server.byUfrag) == 1 && g.server.byUfrag[ufrag] == c.session
	})
}

// BenchmarkChecks: what a check costs, and what a flood of strangers' packets costs.
func BenchmarkChecks(b *testing.B) {
	ctx := deadline(b)
	g := newGateway(b, defaultTimeouts())
	c := g.dial(b)
	c.connect(ctx, b)
	sock, from := g.port.Socks()[0], c.LocalAddr().(*net.UDPAddr).AddrPort()
	own := c.session.current.own
	for name, data := range map[string][]byte{
		"valid":   c.check(controlling, nominate).Raw,
		"forged":  checkAs(own.ufrag+":peer", stun.NewShortTermIntegrity("another"), controlling).Raw,
		"unknown": checkAs("nobody:peer", own.key, controlling).Raw,
		"noise":   append([]byte{22}, make([]byte, 100)...),
	} {
		at := from
		if name == "noise" {
			at = netip.AddrPortFrom(from.Addr(), 9)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.server.Handle(sock, at, data)
			}
		})
	}
}
