package chat

import (
	"encoding/json"
	"fmt"
	"slices"
)

// event is what a room's log is made of, as it stands on the wire, in the store, and in frames.
type event struct {
	Type    string  `json:"type"` // message, delete, clear, timeout or ban
	ID      string  `json:"id"`
	Time    int64   `json:"time"` // milliseconds since 1970, the server's clock
	From    *Person `json:"from,omitempty"`
	Text    string  `json:"text,omitempty"`
	Reply   *quote  `json:"reply,omitempty"`
	Target  string  `json:"target,omitempty"` // the message that is deleted
	Member  *Person `json:"member,omitempty"` // who is silenced or banned
	By      *Person `json:"by,omitempty"`
	Seconds int     `json:"seconds,omitempty"`
	Reason  string  `json:"reason,omitempty"`
}

// quote is what a reply tells of the message that it answers.
type quote struct {
	ID     string `json:"id"`
	Member string `json:"member,omitempty"` // its author; records of old have none
	Name   string `json:"name"`
	Text   string `json:"text"` // its beginning
}

// removes tells whether the event takes away a message, by its id and its author's.
func (e *event) removes(id, author string) bool {
	switch e.Type {
	case "delete":
		return id == e.Target
	case "clear":
		return true
	case "timeout", "ban":
		return e.Member != nil && author == e.Member.ID
	default:
		return false
	}
}

// strike takes from a message what another event removes: all of it, or the quote of what it answers. It tells if there was any.
func (e *event) strike(by *event) bool {
	switch {
	case e.Type != "message":
		return false
	case by.removes(e.ID, e.From.ID):
		*e = event{Type: "gone", ID: e.ID, Time: e.Time, From: e.From}
		return true
	case e.Reply != nil && by.removes(e.Reply.ID, e.Reply.Member):
		e.Reply = nil
		return true
	default:
		return false
	}
}

// record is an event in the log.
type record struct {
	event

	raw   json.RawMessage // nil: removed
	seq   uint64          // in the JetStream stream; 0 until known
	erase bool            // from there, as soon as it is known
}

func (r *record) isMessage() bool { return r.Type == "message" }

// history is a room's log: its newest records, each once, in the order of their arrival. Positions count from the first ever.
type history struct {
	records []*record
	tail    uint64 // position of records[0]
	byID    map[string]*record
	early   map[string]acknowledged // what is stored but has not come yet
}

func newHistory() *history {
	return &history{byID: map[string]*record{}, early: map[string]acknowledged{}}
}

func (h *history) head() uint64 { return h.tail + uint64(len(h.records)) }

// passed tells whether an event is older than all in the log: what comes so late is the store's retry, and has been here.
func (h *history) passed(id string) bool { return h.tail > 0 && id < h.records[0].ID }

// add takes an event as it came from the bus; nil if it was there before.
func (h *history) add(raw []byte, seq uint64) (*record, error) {
	r := &record{raw: raw, seq: seq}
	if err := json.Unmarshal(raw, &r.event); err != nil {
		return nil, fmt.Errorf("an event on the bus can't be read: %w", err)
	}
	if r.isMessage() && r.From == nil {
		return nil, fmt.Errorf("an event on the bus can't be read: message %.64q has no author", r.ID)
	}
	if h.passed(r.ID) {
		return nil, nil
	}
	if known := h.byID[r.ID]; known != nil {
		known.seq = max(known.seq, seq)
		return nil, nil
	}
	if early, ok := h.early[r.ID]; ok {
		r.seq = max(seq, early.seq)
		delete(h.early, r.ID)
		defer early.then()
	}
	for _, other := range h.records {
		h.strike(other, r)
		if other.ID > r.ID { // r comes late into the store
			h.strike(r, other)
		}
	}
	h.records = append(h.records, r)
	h.byID[r.ID] = r
	if len(h.records) > logSize {
		delete(h.byID, h.records[0].ID)
		h.records[0] = nil
		h.records = h.records[1:]
		h.tail++
	}
	return r, nil
}

// acknowledged is the store's answer to an event of ours.
type acknowledged struct {
	seq  uint64
	then func()
}

// stored notes where an event is in the store, and calls then once the event is in the log, too: the answer to who caused it
// does not come before it.
func (h *history) stored(id string, seq uint64, then func()) {
	switch r := h.byID[id]; {
	case r != nil:
		r.seq = max(r.seq, seq)
		then()
	case !h.passed(id) && len(h.early) < logSize:
		h.early[id] = acknowledged{seq, then}
	default: // the bus does not bring back what it takes
		then()
	}
}

// strike takes from a record what another removes. It stays, if only as an empty one, so that positions hold.
func (h *history) strike(r, by *record) {
	if !r.event.strike(&by.event) {
		return
	}
	if r.raw = nil; r.isMessage() {
		r.raw = encode(r.event)
	}
}

// message gives a message that is still to be seen.
func (h *history) message(id string) *record {
	if r := h.byID[id]; r != nil && r.isMessage() && !r.erase {
		return r
	}
	return nil
}

// last gives the newest n messages before a position.
func (h *history) last(n int, before uint64) []json.RawMessage {
	var found []json.RawMessage
	for i := int(max(before, h.tail)-h.tail) - 1; i >= 0 && len(found) < n; i-- {
		if h.records[i].isMessage() {
			found = append(found, h.records[i].raw)
		}
	}
	slices.Reverse(found)
	return found
}

// between gives all there was from one position up to another; false if the log does not go back so far.
func (h *history) between(from, before uint64) ([]json.RawMessage, bool) {
	if from < h.tail || from > before {
		return nil, false
	}
	found := []json.RawMessage{}
	for _, r := range h.records[from-h.tail : before-h.tail] {
		if r.raw != nil {
			found = append(found, r.raw)
		}
	}
	return found, true
}

// before gives the id of the event before a position; "" if the log does not have it.
func (h *history) before(pos uint64) string {
	if pos <= h.tail || pos > h.head() {
		return ""
	}
	return h.records[pos-h.tail-1].ID
}

// after gives the position behind an event; false if the log does not have it.
func (h *history) after(id string) (uint64, bool) {
	if h.byID[id] == nil {
		return 0, false
	}
	i := slices.IndexFunc(h.records, func(r *record) bool { return r.ID == id })
	return h.tail + uint64(i) + 1, i >= 0
}
