package chat

import (
	"slices"
	"time"

	"golang.org/x/time/rate"
)

const (
	speakerFor   = 2 * time.Minute // a nickname stays its owner's so long after the last window closed
	duplicateFor = 30 * time.Second
	maxAway      = 1000 // speakers without a member that a room remembers longer than it must
	guestTries   = 100
)

// speaker is an identity in a room, with all its members (windows), and for a while after the last has gone: leaving and
// coming back must not lift limits. It is under the room's mu.
type speaker struct {
	identity  string
	name      string
	skeleton  string
	role      Role // highest of its members'
	address   string
	members   []*Member // the oldest first
	announced bool
	limit     *rate.Limiter
	said      time.Time
	text      string
	renamed   time.Time
	left      time.Time
}

func (s *speaker) person() Person { return Person{ID: s.identity, Name: s.name, Role: s.role} }

// join puts a member into the room: its frames begin with a welcome and the history, and go on with what comes after that.
func (r *room) join(m *Member, e Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.rooms.config
	if r.closed || r.ending {
		return ErrClosed
	}
	if ban := r.rooms.ledger.meeting(r.token, kindBan, m.identity, m.address, m.entryRole); ban != nil { // what comes after this meets a member
		return banRefusal(ban)
	}
	if len(r.members) >= c.Members && m.entryRole < Moderator {
		return refuseFor(ErrFull, 10*time.Second, "%d are here already", len(r.members))
	}
	s := r.speakers[m.identity]
	if s == nil {
		s = &speaker{identity: m.identity, limit: rate.NewLimiter(rate.Limit(c.Rate), c.Burst)}
		r.speakers[m.identity] = s
	}
	for _, old := range s.members[:max(0, len(s.members)-c.Connections+1)] { // those that have been told so are here until they go
		old.end(refuse(ErrFull, "you are here %d times; this is the oldest", c.Connections))
	}
	if len(s.members) == 0 {
		r.present++
		r.presence.changed[m.identity] = struct{}{}
		r.soon()
	}
	s.members = append(s.members, m)
	r.members[m] = struct{}{}
	m.room, m.speaker, m.at = r, s, r.chain.last()
	if m.address != "" {
		s.address = m.address
	}
	r.promote(s)
	refused := r.baptize(s, e.Nickname)
	r.welcome(m, e)
	if refused != nil {
		m.send(encode(newErrorEvent(refused, "", 0)))
	}
	return nil
}

// promote finds a speaker's role: the highest that a member came with or that the broadcaster gave. The caller holds mu.
func (r *room) promote(s *speaker) {
	if len(s.members) == 0 {
		return // it keeps the last
	}
	s.role = Viewer
	for _, m := range s.members {
		s.role = max(s.role, m.entryRole)
	}
	if r.rooms.ledger.holding(r.token, kindModerator, s.identity) != nil {
		s.role = max(s.role, Moderator)
	}
}

// silenced gives the timeout that meets a speaker. The caller holds mu.
func (r *room) silenced(s *speaker) *rule {
	return r.rooms.ledger.meeting(r.token, kindTimeout, s.identity, s.address, s.role)
}

// baptize gives a speaker the name it wants, or the one it has, or a guest's. The caller holds mu.
func (r *room) baptize(s *speaker, want string) (refused error) {
	if want != "" {
		if refused = r.rename(s, want); refused == nil {
			return nil
		}
	}
	for try := 0; s.name == "" && try < guestTries; try++ {
		name, skeleton := r.rooms.names.guest(s.identity, try)
		if r.owners[skeleton] == "" {
			r.own(s, name, skeleton)
		}
	}
	if s.name == "" {
		s.name = s.identity
	}
	return refused
}

// rename gives a speaker another name, if it may have it, and tells all who knew it by the one before: joining anew is no way
// around a timeout or the pace. The caller holds mu.
func (r *room) rename(s *speaker, want string) error {
	name, skeleton, err := r.rooms.names.check(want, s.role)
	if err != nil || name == s.name {
		return err
	}
	if owner := r.owners[skeleton]; owner != "" && owner != s.identity {
		return refuse(ErrTaken, "somebody here is called %q or something that looks like it", name)
	}
	if s.role < Moderator && r.unwelcome(r.rooms.names.fold(name)) {
		return refuse(ErrWord, "choose another name")
	}
	was, now := s.name, time.Now()
	if was != "" {
		if t := r.silenced(s); t != nil {
			return refuseFor(ErrTimedOut, time.Unix(0, t.Until).Sub(now), "you can change your name later")
		}
		if wait := s.renamed.Add(renameEvery).Sub(now); wait > 0 && s.role < Moderator {
			return refuseFor(ErrTooFast, wait, "a nickname may change once in %v", renameEvery)
		}
		s.renamed = now
	}
	r.own(s, name, skeleton)
	if was != "" {
		r.tell(nicknameEvent{Type: "nickname", Member: s.person(), Was: was})
	}
	return nil
}

type nicknameEvent struct {
	Type   string `json:"type"`
	Member Person `json:"member"`
	Was    string `json:"was"`
}

func (r *room) own(s *speaker, name, skeleton string) {
	if s.skeleton != "" {
		delete(r.owners, s.skeleton)
	}
	s.name, s.skeleton = name, skeleton
	r.owners[skeleton] = s.identity
}

// part takes a member out of the room.
func (r *room) part(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.members[m]; !ok {
		return
	}
	delete(r.members, m)
	s := m.speaker
	s.members = slices.DeleteFunc(s.members, func(other *Member) bool { return other == m })
	r.promote(s)
	if len(s.members) > 0 {
		return
	}
	r.present--
	s.left = time.Now()
	r.presence.changed[s.identity] = struct{}{}
	r.soon()
}

// forgetSpeakers drops who left long enough ago. The caller holds mu.
func (r *room) forgetSpeakers(now time.Time) {
	away := len(r.speakers) - r.present
	if away == 0 {
		return
	}
	slow := time.Duration(r.rooms.ledger.settings(r.token).Slow) * time.Second
	for identity, s := range r.speakers {
		gone := now.Sub(s.left)
		if len(s.members) > 0 || gone < speakerFor && away < maxAway || gone < slow && s.said.Add(slow).After(now) {
			continue
		}
		delete(r.owners, s.skeleton)
		delete(r.speakers, identity)
		away--
	}
}

// known finds a person and the network it came from: present, gone a while ago, or the author of a message. The caller holds mu.
func (r *room) known(identity string) (p Person, address string, ok bool) {
	if s := r.speakers[identity]; s != nil {
		return s.person(), s.address, true
	}
	for _, rec := range r.log.records {
		if rec.From != nil && rec.From.ID == identity {
			p, ok = *rec.From, true
		}
	}
	if r.rooms.ledger.holding(r.token, kindModerator, identity) != nil {
		p.Role = max(p.Role, Moderator)
	}
	return p, "", ok
}
