package chat

import (
	"encoding/json"
	"time"
)

// welcomeEvent is the first event to a member, and comes again when it was set forward.
type welcomeEvent struct {
	Type     string        `json:"type"`
	You      Person        `json:"you"`
	Token    string        `json:"token,omitempty"`
	Stream   string        `json:"stream"`
	Time     int64         `json:"time"`
	Viewers  int           `json:"viewers"`
	Invited  bool          `json:"invited"`
	Resumed  bool          `json:"resumed"` // history goes on where the member was; else what it has of before is not complete
	History  int           `json:"history"` // events that follow before the live ones
	Settings settingsEvent `json:"settings"`
	Limits   limitsEvent   `json:"limits"`
}

type settingsEvent struct {
	Type      string          `json:"type,omitempty"`
	Slow      int             `json:"slow"`
	Followers bool            `json:"followers"`
	Pinned    json.RawMessage `json:"pinned"` // a message or null
}

type limitsEvent struct {
	Text     int `json:"text"`
	Nickname int `json:"nickname"`
}

type youEvent struct {
	Type string `json:"type"`
	You  Person `json:"you"`
}

func (s settings) event(kind string) settingsEvent {
	e := settingsEvent{Type: kind, Slow: s.Slow, Followers: s.Followers, Pinned: s.Pinned}
	if len(e.Pinned) == 0 {
		e.Pinned = json.RawMessage("null")
	}
	return e
}

// welcome gives a member its first frames: where it stands, then the history up to the frame where its cursor is.
// The caller holds mu.
func (r *room) welcome(m *Member, e Entry) {
	n := r.rooms.config.History
	if e.Last != 0 {
		n = min(max(e.Last, 0), logSize)
	}
	if from, ok := r.log.after(e.Since); ok {
		if events, ok := r.log.between(from, r.sent); ok {
			r.greet(m, true, events)
			return
		}
	}
	r.greet(m, false, r.log.last(n, r.sent))
}

// resume sets a member forward that has lost its place in the chain of frames.
func (r *room) resume(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := m.at.pos
	m.at = r.chain.last()
	events, ok := r.log.between(from, r.sent)
	if !ok {
		events = r.log.last(r.rooms.config.History, r.sent)
	}
	r.greet(m, ok, events)
}

// Rewind has Next begin anew, as after Join: with a welcome, and with what came after the event since, or, where that is not
// known, with the recent history. It is for a transport that can't tell whether what Next gave has arrived, and not to be
// called while Next runs.
func (m *Member) Rewind(since string) {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.at = m.room.chain.last()
	m.room.welcome(m, Entry{Since: since})
}

func (r *room) greet(m *Member, resumed bool, events []json.RawMessage) {
	s := r.rooms.ledger.settings(r.token)
	hello := frameOf(encode(welcomeEvent{
		Type: "welcome", You: m.speaker.person(), Token: m.token, Stream: r.stream, Time: time.Now().UnixMilli(), Viewers: r.everywhere(),
		Invited: m.invited >= 0 && m.invited == s.Epoch, Resumed: resumed, History: len(events), Settings: s.event(""),
		Limits: limitsEvent{Text: r.rooms.config.TextLength, Nickname: r.rooms.config.NicknameLength},
	}))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return // who is banned gets no more
	}
	m.welcome, m.history = hello, events
	m.signal()
}
