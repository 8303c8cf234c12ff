package lite

import (
	"crypto/rand"

	"github.com/pion/stun/v4"
)

// credentials are a user name fragment and password of one side (RFC 8445 section 5.3).
type credentials struct {
	ufrag string
	key   stun.MessageIntegrity // the password
}

// newCredentials have 40 and 130 random bits in letters and digits; 24 and 128 are asked for.
func newCredentials() credentials {
	return credentials{rand.Text()[:8], stun.NewShortTermIntegrity(rand.Text())}
}

// generation is what both sides use from one ICE restart to the next.
type generation struct {
	own, peer credentials
}

// username is what the peer's checks carry: ours first (RFC 8445 section 7.2.2).
func (g *generation) username() string { return g.own.ufrag + ":" + g.peer.ufrag }
