package lite

import (
	"context"
	"fmt"
	"strings"

	"github.com/pion/stun/v4"
)

// Trickle does nothing: a lite agent learns the client's addresses from its checks (RFC 8445 section 6.2).
func (s *Session) Trickle([]string) {}

// Restart begins an ICE restart with the client's new credentials (RFC 8445 section 9, RFC 9725 section 4.3.3) and describes
// ours, in lines of SDP with all candidates. The old ones hold until the new are used; DTLS and media go on. The client's
// candidates don't matter. The error is the session's own end.
func (s *Session) Restart(_ context.Context, ufrag, password string, _ []string) (description string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return "", s.Err()
	}
	if s.next != nil {
		s.forsake(s.next)
	}
	s.next = s.server.name(s, credentials{strings.Clone(ufrag), stun.NewShortTermIntegrity(password)})
	var out strings.Builder
	fmt.Fprintf(&out, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", s.next.own.ufrag, string(s.next.own.key))
	for _, c := range s.server.candidates {
		fmt.Fprintf(&out, "a=candidate:%s\r\n", c)
	}
	return out.String(), nil
}

// name makes a generation that checks can find.
func (v *Server) name(s *Session, peer credentials) *generation {
	g := &generation{own: newCredentials(), peer: peer}
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.byUfrag[g.own.ufrag] != nil {
		g.own = newCredentials()
	}
	v.byUfrag[g.own.ufrag] = s
	return g
}
