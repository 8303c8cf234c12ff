package lite

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/pion/stun/v4"
)

// exchange is a message and the answer to it, kept for reuse.
type exchange struct{ in, out stun.Message }

// handleSTUN answers connectivity checks of sessions, and takes the answers to our own. A check without a valid
// MESSAGE-INTEGRITY gets no answer: who can't name the session's password learns nothing (RFC 8445 section 19.4).
func (v *Server) handleSTUN(at place, data []byte) bool {
	if !stun.IsMessage(data) {
		return false
	}
	x := v.messages.Get().(*exchange)
	defer v.messages.Put(x)
	x.in.Raw = append(x.in.Raw[:0], data...)
	if x.in.Decode() != nil {
		return false
	}
	switch x.in.Type {
	case stun.BindingRequest:
		return v.handleCheck(at, x)
	case stun.BindingSuccess, stun.BindingError:
		return v.handleResponse(at, &x.in)
	}
	return false
}

func (v *Server) handleCheck(at place, x *exchange) bool {
	username, err := x.in.Get(stun.AttrUsername)
	if err != nil {
		return false
	}
	ufrag, _, _ := bytes.Cut(username, []byte{':'})
	v.mu.RLock()
	s := v.byUfrag[string(ufrag)]
	v.mu.RUnlock()
	if s == nil {
		return false
	}
	g := s.generationOf(username)
	if g == nil || !authentic(&x.in, g.own.key) {
		v.count.forgedChecks.Add(1)
		return true
	}
	v.count.checks.Add(1)
	if x.in.Contains(stun.AttrICEControlled) {
		// Only full agents change roles; a lite one is always controlled (RFC 8445 sections 6.1.1 and 7.3.1.1).
		v.answer(at, x, stun.BindingError, stun.CodeRoleConflict, g)
		return true
	}
	ip := at.addr.Addr().Unmap()
	if v.answer(at, x, stun.BindingSuccess, &stun.XORMappedAddress{IP: ip.AsSlice(), Port: int(at.addr.Port())}, g) {
		s.checked(at, g, x.in.Contains(stun.AttrUseCandidate))
	}
	return true
}

func (v *Server) answer(at place, x *exchange, kind stun.MessageType, what stun.Setter, g *generation) bool {
	x.out.Reset()
	if x.out.Build(kind, &x.in, what, g.own.key, stun.Fingerprint) != nil {
		return false
	}
	return at.sock.WriteTo(x.out.Raw, at.addr) == nil
}

func (v *Server) handleResponse(at place, m *stun.Message) bool {
	v.mu.RLock()
	s := v.probed[m.TransactionID]
	v.mu.RUnlock()
	if s == nil {
		return false
	}
	s.responded(at, m)
	return true
}

// authentic checks MESSAGE-INTEGRITY, and FINGERPRINT if there is one. It cuts off what stands after them: anybody on the
// way could have put it there (RFC 8489 section 14.5).
func authentic(m *stun.Message, key stun.MessageIntegrity) bool {
	if key.Check(m) != nil || m.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(m) != nil {
		return false
	}
	i := slices.IndexFunc(m.Attributes, func(a stun.RawAttribute) bool { return a.Type == stun.AttrMessageIntegrity })
	m.Attributes = m.Attributes[:i]
	return true
}

// attribute is a raw STUN attribute.
type attribute struct {
	kind  stun.AttrType
	value []byte
}

// AddTo implements stun.Setter.
func (a attribute) AddTo(m *stun.Message) error {
	m.Add(a.kind, a.value)
	return nil
}

// probeMessage is a check of our own. Only its answer counts, so the priority is that of any peer-reflexive candidate
// (RFC 8445 section 5.1.2.1).
func probeMessage(g *generation) (*stun.Message, error) {
	const preference = 110<<24 | 65535<<8 | 255
	return stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(strings.Join([]string{g.peer.ufrag, g.own.ufrag}, ":")),
		attribute{stun.AttrPriority, binary.BigEndian.AppendUint32(nil, preference)},
		attribute{stun.AttrICEControlled, make([]byte, 8)},
		g.peer.key, stun.Fingerprint)
}
