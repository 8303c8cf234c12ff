package chat

import (
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzRequest: whatever a stranger sends is refused clearly or read, and never makes more than it is.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"type":"message","text":"안녕","reply":"01ARZ3NDEKTSV4RRFFQ69G5FAV","ref":"1"}`, `{"type":"reaction","emoji":"👨‍👩‍👧‍👦"}`,
		`{"type":"nickname","name":"Ａdmin"}`, `{"type":"ban","member":"x","seconds":-1}`, `{"type":"words","words":["a",null]}`,
		`[]`, `{"type":1}`, `{"type":"join","last":1e99}`, `{"type":"join","last":-3}`, "{\"type\":\"message\",\"text\":\"\u202e\\u0000\\ud800\"}", `{{{`, ``,
	} {
		f.Add([]byte(seed))
	}
	names := newNicknames(24)
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Entry
		if err := e.Read(data); err != nil && Code(err) != "malformed" {
			t.Errorf("Read: %v", err)
		}
		q, err := parseRequest(data)
		if err != nil {
			conforms(t, "frame", frameOf(encode(newErrorEvent(err, q.Ref, 0))))
			if Code(err) != "malformed" {
				t.Errorf("parseRequest: %v", err)
			}
			return
		}
		if text, err := q.text(500); err == nil {
			if again := clean(text); again != text || !utf8.ValidString(text) || utf8.RuneCountInString(text) > 500 {
				t.Errorf("clean(%q) = %q", text, again)
			}
			_ = contains(names.fold(text), names.fold(q.Name))
		}
		if shown, skeleton, err := names.check(q.Name, Viewer); err == nil {
			if again, same, err := names.check(shown, Viewer); err != nil || again != shown || same != skeleton {
				t.Errorf("%q is %q (%q), and that %q (%q, %v)", q.Name, shown, skeleton, again, same, err)
			}
		}
		_, _ = q.emoji()
		_, _ = checkWords(q.Words)
	})
}

// FuzzTokens: no token but those we signed is taken.
func FuzzTokens(f *testing.F) {
	k := &keys{secret: []byte("a key that nobody knows")}
	f.Add("", "봉수")
	f.Add("01arz3ndektsv4rrffq69g5fav.AAAA", "x")
	f.Add("1.99999999999.AAAA", "x")
	f.Fuzz(func(t *testing.T, token, stream string) {
		if identity, err := k.identity(token); err == nil {
			t.Errorf("%q is the token of %q", token, identity)
		}
		if _, err := k.invited(stream, token, time.Time{}); err == nil {
			t.Errorf("%q is an invitation to %q", token, stream)
		}
		_, _ = since(token)
		_ = network(token)
	})
}
