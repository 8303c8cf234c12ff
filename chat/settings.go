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
	set, value := r.rooms.ledger.settings(r.token), any(nil)
	switch q.Type {
	case "slow":
		if q.Seconds > maxSlow {
			return refuse(ErrMalformed, "seconds is %d; %d are the most", q.Seconds, maxSlow)
		}
		set.Slow, value = q.Seconds, q.Seconds
	case "followers":
		set.Followers, value = q.On, q.On
	case "pin":
		pinned, err := r.toPin(q.ID)
		if err != nil {
			return err
		}
		set.Pinned, value = pinned, q.ID
	case "words":
		if q.Words == nil {
			m.send(encode(wordsEvent{Type: "words", Ref: q.Ref, Words: append([]string{}, set.Words...)}))
			return nil
		}
		words, err := checkWords(q.Words)
		if err != nil {
			return err
		}
		set.Words, value = words, len(words)
	}
	if err := r.putSettings(set, me); err != nil {
		return err
	}
	r.audit(action{Action: q.Type, By: me, Value: value})
	m.done(q.Ref)
	return nil
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

// unpin takes the pinned message away if it is gone.
func (r *room) unpin(me Person, gone func(*event) bool) error {
	set := r.rooms.ledger.settings(r.token)
	var pinned event
	if len(set.Pinned) == 0 {
		return nil
	}
	if err := json.Unmarshal(set.Pinned, &pinned); err == nil && !gone(&pinned) { // what can't be read is none
		return nil
	}
	set.Pinned = nil
	return r.putSettings(set, me)
}

func (r *room) putSettings(set settings, me Person) error {
	return r.rooms.ledger.put(r.rooms.ctx, &rule{Key: r.token + "." + kindSettings, By: me, Settings: &set})
}
