package chat

import (
	"fmt"
	"testing"
)

func ident(i int) string { return fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ6%06d", i) }

func said(i int, more string) []byte {
	return fmt.Appendf(nil, `{"type":"message","id":%q,"time":1,"from":{"id":"a","name":"A","role":"viewer"},"text":"%d"%s}`, ident(i), i, more)
}

// TestLateEvents: what the store brings late, since it was given it again, neither comes twice nor comes back.
func TestLateEvents(t *testing.T) {
	h := newHistory()
	add := func(raw []byte) *record {
		t.Helper()
		r, err := h.add(raw, 0)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for i := range logSize + 10 {
		add(said(i, ""))
	}
	if r := add(said(3, "")); r != nil {
		t.Error("an event that has left the log comes again")
	}
	told := false
	if h.stored(ident(3), 9, func() { told = true }); !told || len(h.early) != 0 {
		t.Error("the answer to an event that has left the log is never told")
	}
	add(fmt.Appendf(nil, `{"type":"delete","id":%q,"time":1,"target":%q}`, ident(903), ident(901)))
	add(fmt.Appendf(nil, `{"type":"ban","id":%q,"time":1,"member":{"id":"b","name":"B","role":"viewer"}}`, ident(905)))
	for i, c := range []struct {
		raw  []byte
		gone bool
	}{
		{said(901, ""), true},
		{said(902, ""), false},
		{fmt.Appendf(nil, `{"type":"message","id":%q,"time":1,"from":{"id":"b","name":"B","role":"viewer"},"text":"x"}`, ident(904)), true},
		{fmt.Appendf(nil, `{"type":"message","id":%q,"time":1,"from":{"id":"b","name":"B","role":"viewer"},"text":"x"}`, ident(906)), false},
	} {
		if r := add(c.raw); (r.raw == nil) != c.gone {
			t.Errorf("%d: late, it is %+v, want it gone: %v", i, r.event, c.gone)
		}
	}
	if r, err := h.add([]byte(`{"type":"message","id":"01ARZ3NDEKTSV4RRFFQ6999999"}`), 0); err == nil {
		t.Errorf("a message of nobody: %+v", r)
	}
}

// TestEmoji: a reaction is one emoji.
func TestEmoji(t *testing.T) {
	for emoji, ok := range map[string]bool{
		"❤️": true, "👨‍👩‍👧‍👦": true, "👍🏽": true, "🇰🇷": true, "🏴󠁧󠁢󠁥󠁮󠁧󠁿": true, "1️⃣": true, "🏳️‍🌈": true, "‼️": true, "🤷🏽‍♀️": true,
		"": false, "a": false, "1": false, "🅵🆄🅲🅺": false, "🇰🇷🇰🇷": false, "😀😀": false, "12️⃣": false, "\u200d": false, "1️⃣2️⃣": false,
	} {
		q := &request{Emoji: emoji}
		if _, err := q.emoji(); (err == nil) != ok {
			t.Errorf("%q: %v", emoji, err)
		}
	}
}
