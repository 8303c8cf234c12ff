package chat

import (
	"encoding/json"
	"unicode/utf8"
)

const (
	maxSlow = 6 * 3600 // seconds
	maxWord = 60       // characters
)

type wordsEvent struct {
	Type  string   `json:"type"`
	Ref   string   `json:"ref,omitempty"`
	Words []string `json:"words"`
}

// set changes a setting of the room, or, for words without a list, tells it.
func (m *Member) set(q *request, me Person) error {
	r := m.room
	if q.Type == "words" && q.Words == nil {
		words := r.rooms.ledger.settings(r.token).Words
		m.send(encode(wordsEvent{Type: "words", Ref: q.Ref, Words: append([]string{}, words...)}))
		return nil
	}
	value := any(nil)
	err := r.change(me, func(set *settings) (err error) {
		switch q.Type {
		case "slow":
			if q.Seconds > maxSlow {
				return refuse(ErrMalformed, "seconds is %d; %d are the most", q.Seconds, maxSlow)
			}
			set.Slow, value = q.Seconds, q.Seconds
		case "followers":
			set.Followers, value = q.On, q.On
		case "pin":
			value = q.ID
			set.Pinned, err = r.toPin(q.ID)
		case "words":
			value = len(q.Words)
			set.Words, err = checkWords(q.Words)
		}
		return err
	})
	if err != nil {
		return err
	}
	r.audit(action{Action: q.Type, By: me, Value: value})
	m.done(q.Ref)
	return nil
}

// change changes the settings of the room: one change after the other, so that none undoes another.
func (r *room) change(me Person, do func(*settings) error) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	set := r.rooms.ledger.settings(r.token)
	if err := do(&set); err != nil {
		return err
	}
	return r.putSettings(set, me)
}

// putSettings makes settings hold. The caller holds changing.
func (r *room) putSettings(set settings, me Person) error {
	return r.rooms.ledger.put(r.rooms.ctx, &rule{Key: r.token + "." + kindSettings, By: me, Settings: &set})
}

func checkWords(words []string) ([]string, error) {
	if len(words) > maxWords {
		return nil, refuse(ErrMalformed, "there are %d words; %d are the most", len(words), maxWords)
	}
	checked := []string{}
	for _, w := range words {
		w = clean(w)
		if n := utf8.RuneCountInString(w); n == 0 || n > maxWord {
			return nil, refuse(ErrMalformed, "a word has 1 to %d characters; %.40q has %d", maxWord, w, n)
		}
		checked = append(checked, w)
	}
	return checked, nil
}

// toPin gives the message to pin; none for no id.
func (r *room) toPin(id string) (json.RawMessage, error) {
	if id == "" {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.log.message(id)
	if rec == nil {
		return nil, refuse(ErrNotFound, "there is no message with this id")
	}
	return rec.raw, nil
}

// unpin takes from the pinned message what an event removes.
func (r *room) unpin(me Person, by *event) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	set := r.rooms.ledger.settings(r.token)
	if len(set.Pinned) == 0 {
		return nil
	}
	var pinned event
	switch err := json.Unmarshal(set.Pinned, &pinned); {
	case err != nil || pinned.From == nil: // what can't be read is none
		set.Pinned = nil
	case !pinned.strike(by):
		return nil
	case pinned.Type == "message":
		set.Pinned = encode(pinned)
	default:
		set.Pinned = nil
	}
	return r.putSettings(set, me)
}
