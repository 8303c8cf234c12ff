package chat

import (
	"encoding/json"
	"strings"
	"time"
)

// rule is one decision of a moderator, or the settings of a room. Of two with the same key the later one holds.
type rule struct {
	Key      string    `json:"key"` // room.kind.id, all encoded as tokens
	At       int64     `json:"at"`  // nanoseconds since 1970
	Until    int64     `json:"until,omitempty"`
	Off      bool      `json:"off,omitempty"` // lifted
	Member   Person    `json:"member,omitzero"`
	By       Person    `json:"by,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	Address  string    `json:"address,omitempty"` // network
	Settings *settings `json:"settings,omitempty"`
}

// settings are what holds for all in a room.
type settings struct {
	Slow      int             `json:"slow"`      // seconds between two messages of one member
	Followers bool            `json:"followers"` // only who came by an invitation may write
	Epoch     int             `json:"epoch"`     // of the invitations
	Words     []string        `json:"words"`
	Pinned    json.RawMessage `json:"pinned"` // a message event
}

// The kinds of rules.
const (
	kindBan       = "ban"
	kindTimeout   = "mute"
	kindModerator = "mod"
	kindSettings  = "cfg"
)

func (r *rule) holds(now time.Time) bool { return !r.Off && (r.Until == 0 || r.Until > now.UnixNano()) }

// remembered tells whether the rule has to be kept: a lifted one too, for a while, so that no old copy brings it back.
func (r *rule) remembered(now time.Time) bool {
	const grace = int64(30 * 24 * time.Hour)
	switch {
	case r.Off:
		return r.At+grace > now.UnixNano()
	default:
		return r.Until == 0 || r.Until > now.UnixNano()
	}
}

// kind is what the rule is about.
func (r *rule) kind() string {
	_, key, _ := cutRoom(r.Key)
	kind, _, _ := strings.Cut(key, ".")
	return kind
}

// meets tells whether a ban or a timeout is for who has this identity, network and role: by identity all below the role of who gave it; by
// address, which many may share, no moderator.
func (r *rule) meets(identity, address string, role Role) bool {
	return r.Member.ID == identity && role < max(r.By.Role, Moderator) || r.Address != "" && r.Address == address && role < Moderator
}

// rule does to the room's members what a moderator, here or at another node, has decided.
func (r *room) rule(rule *rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch rule.kind() {
	case kindBan:
		if !rule.Off {
			r.expel(rule)
		}
	case kindModerator:
		if s := r.speakers[rule.Member.ID]; s != nil {
			r.promote(s)
			for _, m := range s.members {
				m.send(encode(youEvent{Type: "you", You: s.person()}))
			}
		}
	case kindSettings:
		if rule.Settings != nil {
			r.foldWords(*rule.Settings)
			if r.loaded && !r.closed {
				r.push(encode(rule.Settings.event("settings")))
			}
		}
	}
}

// expel ends the memberships that a ban meets. The caller holds mu.
func (r *room) expel(ban *rule) {
	for m := range r.members {
		if ban.meets(m.identity, m.address, m.speaker.role) {
			m.end(banRefusal(ban))
		}
	}
}

// foldWords prepares the words that are not welcome for comparison.
func (r *room) foldWords(set settings) {
	r.words = r.words[:0]
	for _, w := range set.Words {
		if folded := r.rooms.names.fold(w); folded != "" {
			r.words = append(r.words, folded)
		}
	}
}
