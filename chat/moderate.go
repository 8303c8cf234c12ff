package chat

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// inviteSeconds is how long an invitation holds if nobody says otherwise.
const inviteSeconds = 7 * 24 * 3600

// action is one line of the audit log.
type action struct {
	Time    int64   `json:"time"`
	Stream  string  `json:"stream"`
	Action  string  `json:"action"`
	By      Person  `json:"by"`
	Member  *Person `json:"member,omitempty"`
	Message string  `json:"message,omitempty"`
	Seconds int     `json:"seconds,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Value   any     `json:"value,omitempty"`
}

// audit logs what somebody did who may do more than others.
func (r *room) audit(a action) {
	a.Time, a.Stream = time.Now().UnixMilli(), r.stream
	args := []any{"stream", r.stream, "action", a.Action, "by", a.By.ID, "name", a.By.Name, "role", a.By.Role.String()}
	if a.Member != nil {
		args = append(args, "member", a.Member.ID)
	}
	r.rooms.log.Info("A moderator acted", args...)
	r.rooms.store.audit(subjectAudit+"."+r.token, encode(a))
}

// moderate does what takes a role.
func (m *Member) moderate(q *request) error {
	needs := Moderator
	var do func(*request, Person) error
	switch q.Type {
	case "timeout", "ban":
		do = m.silence
	case "lift":
		do = m.lift
	case "bans":
		do = m.bans
	case "slow", "followers", "pin", "words":
		do = m.set
	case "clear":
		do = m.clear
	case "moderator":
		needs, do = Broadcaster, m.appoint
	case "invite":
		needs, do = Broadcaster, m.invite
	default:
		return refuse(ErrUnknown, "%q", q.Type)
	}
	m.room.mu.Lock()
	me := m.speaker.person()
	m.room.mu.Unlock()
	if me.Role < needs {
		return refuse(ErrForbidden, "it takes the role %s", needs)
	}
	return do(q, me)
}

// target finds the member that a request is about, whom the role must be above.
func (m *Member) target(q *request, me Person) (p Person, address string, err error) {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	p, address, ok := m.room.known(q.Member)
	switch {
	case !ok:
		return p, "", refuse(ErrNotFound, "nobody here has the id %q", q.Member)
	case p.ID == me.ID:
		return p, "", refuse(ErrForbidden, "that is you")
	case p.Role >= me.Role:
		return p, "", refuse(ErrForbidden, "%s is %s, too", p.Name, p.Role)
	}
	return p, address, nil
}

// silence times a member out, or bans it; what it said is removed.
func (m *Member) silence(q *request, me Person) error {
	r := m.room
	p, address, err := m.target(q, me)
	if err != nil {
		return err
	}
	kind := kindBan
	if q.Type == "timeout" {
		if kind = kindTimeout; q.Seconds == 0 {
			return refuse(ErrMalformed, "seconds has to say for how long")
		}
	}
	if known := r.rooms.ledger.holding(r.token, kind, p.ID); known != nil && known.By.Role > me.Role {
		return decided(known)
	}
	rule := &rule{Key: r.token + "." + kind + "." + token(p.ID), Member: p, By: me, Reason: q.Reason}
	if q.Seconds > 0 {
		rule.Until = time.Now().Add(time.Duration(q.Seconds) * time.Second).UnixNano()
	}
	if q.Address {
		rule.Address = address
	}
	problem := r.rooms.ledger.put(r.rooms.ctx, rule)
	gone := &event{Type: q.Type, Member: &p, By: &me, Seconds: q.Seconds, Reason: q.Reason}
	r.mu.Lock()
	err = r.publish(gone, m, q.Ref)
	r.mu.Unlock()
	r.audit(action{Action: q.Type, By: me, Member: &p, Seconds: q.Seconds, Reason: q.Reason})
	if problem != nil {
		return problem
	}
	if err != nil {
		return err
	}
	return r.unpin(me, gone)
}

// decided refuses to change what somebody with a higher role has decided.
func decided(known *rule) error {
	return refuse(ErrForbidden, "%s has decided it, and is %s", known.By.Name, known.By.Role)
}

// lift ends a member's ban and timeout.
func (m *Member) lift(q *request, me Person) error {
	r, lifted := m.room, false
	for _, kind := range []string{kindBan, kindTimeout} {
		known := r.rooms.ledger.holding(r.token, kind, q.Member)
		switch {
		case known == nil:
			continue
		case known.By.Role > me.Role:
			return decided(known)
		}
		if err := r.rooms.ledger.put(r.rooms.ctx, &rule{Key: known.Key, Off: true, Member: known.Member, By: me}); err != nil {
			return err
		}
		lifted = true
		r.audit(action{Action: "lift", By: me, Member: &known.Member})
	}
	if !lifted {
		return refuse(ErrNotFound, "%q is neither banned nor timed out", q.Member)
	}
	m.done(q.Ref)
	return nil
}

type ban struct {
	Kind   string `json:"kind"`
	Member Person `json:"member"`
	By     Person `json:"by"`
	Since  int64  `json:"since"`
	Until  int64  `json:"until,omitempty"`
	Reason string `json:"reason,omitempty"`
}

type bansEvent struct {
	Type string `json:"type"`
	Ref  string `json:"ref,omitempty"`
	Bans []ban  `json:"bans"`
}

// bans lists who is banned or timed out, the latest first.
func (m *Member) bans(q *request, _ Person) error {
	list := bansEvent{Type: "bans", Ref: q.Ref, Bans: []ban{}}
	for kind, name := range map[string]string{kindBan: "ban", kindTimeout: "timeout"} {
		for _, r := range m.rooms.ledger.holdingAll(m.room.token, kind) {
			list.Bans = append(list.Bans, ban{Kind: name, Member: r.Member, By: r.By, Since: r.At / 1e6, Until: r.Until / 1e6, Reason: r.Reason})
		}
	}
	slices.SortFunc(list.Bans, func(a, b ban) int { return cmp.Compare(b.Since, a.Since) })
	m.send(fit(list.Bans, func(some []ban) json.RawMessage {
		list.Bans = some
		return encode(list)
	}))
	return nil
}

// appoint makes a member moderator, or takes that back.
func (m *Member) appoint(q *request, me Person) error {
	p, _, err := m.target(q, me)
	if err != nil {
		return err
	}
	err = m.rooms.ledger.put(m.rooms.ctx, &rule{Key: m.room.token + "." + kindModerator + "." + token(p.ID), Member: p, By: me, Off: !q.On})
	if err != nil {
		return err
	}
	m.room.audit(action{Action: "moderator", By: me, Member: &p, Value: q.On})
	m.done(q.Ref)
	return nil
}

// clear removes all messages, the pinned one too.
func (m *Member) clear(q *request, me Person) error {
	r := m.room
	if err := r.rooms.store.clear(r.rooms.ctx, r.subject()); err != nil {
		return err
	}
	gone := &event{Type: "clear", By: &me}
	r.mu.Lock()
	err := r.publish(gone, m, q.Ref)
	r.mu.Unlock()
	r.audit(action{Action: "clear", By: me})
	if err != nil {
		return err
	}
	return r.unpin(me, gone)
}

type invitationEvent struct {
	Type       string `json:"type"`
	Ref        string `json:"ref,omitempty"`
	Invitation string `json:"invitation"`
	Expires    int64  `json:"expires"`
}

// invite makes an invitation: who joins with it may write while the room is for followers only. Renewing ends all earlier ones.
func (m *Member) invite(q *request, me Person) error {
	r := m.room
	if q.Renew {
		if err := r.change(me, func(set *settings) error { set.Epoch++; return nil }); err != nil {
			return err
		}
		r.audit(action{Action: "renew invitations", By: me})
	}
	epoch := r.rooms.ledger.settings(r.token).Epoch
	seconds := q.Seconds
	if seconds == 0 {
		seconds = inviteSeconds
	}
	until := time.Now().Add(time.Duration(seconds) * time.Second)
	m.send(encode(invitationEvent{Type: "invitation", Ref: q.Ref, Invitation: r.rooms.keys.invite(r.stream, epoch, until), Expires: until.Unix() * 1000}))
	return nil
}
