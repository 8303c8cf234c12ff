package chat

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/time/rate"
)

const (
	quoteLength = 80 // characters of the message that a reply answers
	maxMembers  = 500
	maxReaction = 20 // emoji that a room counts at once
)

// handle does what a request asks for. The error is told to the member.
func (m *Member) handle(q *request) error {
	switch q.Type {
	case "message":
		return m.say(q)
	case "nickname":
		return m.rename(q)
	case "reaction":
		return m.react(q)
	case "members":
		return m.list(q)
	case "delete":
		return m.delete(q)
	default:
		return m.moderate(q)
	}
}

// say sends a message to the room.
func (m *Member) say(q *request) error {
	text, err := q.text(m.rooms.config.TextLength)
	if err != nil {
		return err
	}
	r, now, folded := m.room, time.Now(), m.rooms.names.fold(text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.maySay(m, text, folded, now); err != nil {
		return err
	}
	e := &event{Type: "message", From: new(m.speaker.person()), Text: text}
	if q.Reply != "" {
		to := r.log.message(q.Reply)
		if to == nil {
			return refuse(ErrNotFound, "the message to reply to is not there any more")
		}
		e.Reply = &quote{ID: to.ID, Member: to.From.ID, Name: to.From.Name, Text: begin(to.Text)}
	}
	if err := r.pace(m, now); err != nil {
		return err
	}
	m.speaker.said, m.speaker.text = now, text
	return r.publish(e, m, q.Ref)
}

// publish stamps an event with an id and the time, and brings it to all nodes and into the history. The caller holds mu, so
// that ids come in the order of the events; by may be nil.
func (r *room) publish(e *event, by *Member, ref string) error {
	id := ulid.Make() // rises even within a millisecond
	e.ID, e.Time = id.String(), id.Timestamp().UnixMilli()
	return r.rooms.store.publish(r.subject(), e.ID, encode(e), func(seq uint64, err error) {
		r.answered(e.ID, seq, err, func() {
			if by != nil && ref != "" {
				by.send(encode(doneEvent{Type: "done", Ref: ref, ID: e.ID, Stored: new(err == nil)}))
			}
		})
	})
}

// answered takes the store's answer to an event, and calls then when the event is in the log.
func (r *room) answered(id string, seq uint64, err error, then func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec := r.log.byID[id]; rec != nil && rec.erase && err == nil {
		r.rooms.store.later(func() { r.rooms.store.erase(r.rooms.ctx, seq) })
	}
	r.log.stored(id, seq, then)
}

// maySay tells why a member may not say something now, apart from its speed. The caller holds mu.
func (r *room) maySay(m *Member, text, folded string, now time.Time) error {
	s := m.speaker
	if t := r.silenced(s); t != nil {
		return refuseFor(ErrTimedOut, time.Unix(0, t.Until).Sub(now), "%s", cmp.Or(t.Reason, "you can write again later"))
	}
	if s.role >= Moderator {
		return nil
	}
	set := r.rooms.ledger.settings(r.token)
	if set.Followers && m.invited != set.Epoch {
		return refuse(ErrFollowers, "come by a link of the broadcaster")
	}
	if r.unwelcome(folded) {
		return refuse(ErrWord, "say it in other words")
	}
	if s.text == text && now.Sub(s.said) < duplicateFor {
		return refuseFor(ErrDuplicate, duplicateFor-now.Sub(s.said), "say something else")
	}
	slow := time.Duration(set.Slow) * time.Second
	last := s.said
	if came, ours := since(s.identity); ours && slow > 0 && came.After(last) { // a new identity is no way around it
		last = came
	}
	if wait := last.Add(slow).Sub(now); wait > 0 {
		return refuseFor(ErrSlowMode, wait, "one message in %v", slow)
	}
	return nil
}

// unwelcome tells whether a folded text has a word that the room does not want. The caller holds mu.
func (r *room) unwelcome(folded string) bool {
	return slices.ContainsFunc(r.words, func(word string) bool { return contains(folded, word) })
}

// pace tells whether a member, its address and the room have said too much. The caller holds mu.
func (r *room) pace(m *Member, now time.Time) error {
	limits := []*rate.Limiter{m.speaker.limit, r.rooms.limits.of(m.address), r.limit}
	if m.speaker.role >= Moderator {
		limits[2] = nil
	}
	switch wait, tightest := take(now, limits...); {
	case wait == 0:
		return nil
	case tightest == 2:
		return refuseFor(ErrBusy, wait, "too many write at once")
	default:
		return refuseFor(ErrTooFast, wait, "you write too fast")
	}
}

// rename changes the nickname.
func (m *Member) rename(q *request) error {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	if err := m.room.rename(m.speaker, q.Name); err != nil {
		return err
	}
	m.done(q.Ref)
	return nil
}

// react counts an emoji; the counts of a moment go out together.
func (m *Member) react(q *request) error {
	emoji, err := q.emoji()
	if err != nil {
		return err
	}
	r := m.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.silenced(m.speaker) != nil {
		return refuse(ErrTimedOut, "you can react again later")
	}
	counts := r.presence.reactions
	if _, known := counts[emoji]; !known && len(counts) >= maxReaction {
		return refuseFor(ErrBusy, tickEvery, "%d different emoji at once are enough", maxReaction)
	}
	counts[emoji]++
	m.done(q.Ref)
	r.soon()
	return nil
}

type membersEvent struct {
	Type    string   `json:"type"`
	Ref     string   `json:"ref,omitempty"`
	Viewers int      `json:"viewers"`
	Members []Person `json:"members"`
}

// list tells who is here: moderators first, so that they are in it where the room has more than fit.
func (m *Member) list(q *request) error {
	if !m.requests.AllowN(time.Now(), listCost-1) { // it goes through all who are here
		return refuseFor(ErrTooFast, time.Second, "a list counts as %d requests", listCost)
	}
	r := m.room
	r.mu.Lock()
	found := membersEvent{Type: "members", Ref: q.Ref, Viewers: r.everywhere(), Members: []Person{}}
	var viewers []Person
	for _, s := range r.speakers {
		switch {
		case len(s.members) == 0:
		case s.role > Viewer:
			found.Members = append(found.Members, s.person())
		case len(viewers) < maxMembers:
			viewers = append(viewers, s.person())
		}
	}
	r.mu.Unlock()
	found.Members = append(found.Members, viewers...)
	m.send(fit(found.Members, func(some []Person) json.RawMessage {
		found.Members = some
		return encode(found)
	}))
	return nil
}

// fit gives an event with as much of a list, from its beginning, as a frame takes.
func fit[T any](list []T, event func([]T) json.RawMessage) json.RawMessage {
	for {
		raw := event(list)
		if len(raw) <= maxFrame {
			return raw
		}
		list = list[:len(list)*3/4]
	}
}

// delete removes a message: one's own, or as a moderator somebody's.
func (m *Member) delete(q *request) error {
	r := m.room
	r.mu.Lock()
	rec := r.log.message(q.ID)
	if rec == nil {
		r.mu.Unlock()
		return refuse(ErrNotFound, "there is no such message, or it is deleted already")
	}
	me, author, seq := m.speaker.person(), *rec.From, rec.seq
	if author.ID != me.ID && me.Role <= author.Role && me.Role != Administrator {
		r.mu.Unlock()
		return refuse(ErrForbidden, "it is not yours")
	}
	gone := &event{Type: "delete", Target: q.ID, By: &me}
	err := r.publish(gone, m, q.Ref)
	rec.erase = err == nil
	r.mu.Unlock()
	if err != nil {
		return err
	}
	if seq != 0 {
		r.rooms.store.erase(r.rooms.ctx, seq)
	}
	if author.ID != me.ID {
		r.audit(action{Action: "delete", By: me, Member: &author, Message: q.ID})
	}
	return r.unpin(me, gone)
}

func begin(text string) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if runes := []rune(text); len(runes) > quoteLength {
		return string(runes[:quoteLength-1]) + "…"
	}
	return text
}
