package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// request is a frame in, of any type; docs/chat.md has the types. Unknown fields are ignored.
type request struct {
	Type    string   `json:"type"`
	Ref     string   `json:"ref"`
	Text    string   `json:"text"`
	Reply   string   `json:"reply"`
	Name    string   `json:"name"`
	Emoji   string   `json:"emoji"`
	ID      string   `json:"id"`
	Member  string   `json:"member"`
	Reason  string   `json:"reason"`
	Words   []string `json:"words"`
	Seconds int      `json:"seconds"`
	Address bool     `json:"address"`
	On      bool     `json:"on"`
	Renew   bool     `json:"renew"`
}

const (
	maxRef     = 64
	maxReason  = 200
	maxSeconds = 10 * 365 * 24 * 3600
	maxWords   = 500
	maxLines   = 10 // of a message
	maxMarks   = 4  // combining marks in a row
)

// parseRequest reads a frame. The error is a RefusalError that wraps ErrMalformed.
func parseRequest(data []byte) (*request, error) {
	r := &request{}
	if err := readObject(data, r); err != nil {
		return &request{}, err
	}
	if len(r.Ref) > maxRef {
		return &request{}, refuse(ErrMalformed, "ref is longer than %d bytes", maxRef)
	}
	if r.Type == "" {
		return r, refuse(ErrMalformed, `it has no "type"`)
	}
	if r.Seconds < 0 || r.Seconds > maxSeconds {
		return r, refuse(ErrMalformed, "seconds is %d; it may be 0 to %d", r.Seconds, maxSeconds)
	}
	if utf8.RuneCountInString(r.Reason) > maxReason {
		return r, refuse(ErrMalformed, "reason is longer than %d characters", maxReason)
	}
	r.Reason = clean(r.Reason)
	return r, nil
}

// readObject reads one JSON object.
func readObject(data []byte, into any) error {
	if len(data) > maxRequest {
		return refuse(ErrMalformed, "it has %d bytes; %d are the most", len(data), maxRequest)
	}
	if !utf8.Valid(data) {
		return refuse(ErrMalformed, "it is not UTF-8")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return refuse(ErrMalformed, "it is not a JSON object")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return refuse(ErrMalformed, "%v", err)
	}
	return nil
}

// clean gives a text as it is stored: composed (NFC), without what can't be seen and turns or hides other text, and trimmed.
// It stays text: clients show it as such, and never as HTML.
func clean(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ", "\u2028", "\n", "\u2029", "\n").Replace(text)
	var b strings.Builder
	lines, marks := 1, 0
	for _, r := range norm.NFC.String(text) {
		if unicode.In(r, unicode.Mn, unicode.Me) && r != '\u20e3' && !unicode.Is(unicode.Variation_Selector, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case marks > maxMarks, r == utf8.RuneError, hidden(r):
			continue
		case r == '\n':
			if lines++; lines > maxLines {
				r = ' '
			}
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(norm.NFC.String(b.String())) // what stood between may have kept letters and marks apart
}

// hidden tells the runes that nobody sees: controls but the end of a line, embeddings and overrides of direction (Unicode
// Standard Annex 9), tags and fillers; not the joiners, which emoji and many scripts need.
func hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\u200c' || r == '\u200d' || r == '\u200e' || r == '\u200f':
		return false
	case r >= 0xe0020 && r <= 0xe007f: // in the flags of England, Scotland and Wales
		return false
	default:
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
	}
}

// text gives a message's text, or why it is none.
func (r *request) text(most int) (string, error) {
	text := clean(r.Text)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", refuse(ErrEmpty, "write something into %q", "text")
	case n > most:
		return "", refuse(ErrTooLong, "it has %d characters; %d are the most", n, most)
	}
	return text, nil
}

// emoji gives a reaction, or why it is none: one emoji, which may be made of several code points.
func (r *request) emoji() (string, error) {
	const most = 32 // bytes: a family of four with skin tones
	if r.Emoji == "" || len(r.Emoji) > most {
		return "", refuse(ErrMalformed, "emoji has to be one emoji")
	}
	symbols, flags, digits, joined := 0, 0, 0, false
	for _, c := range r.Emoji {
		switch {
		case c >= 0x1f1e6 && c <= 0x1f1ff: // two of them are a flag
			flags++
		case c >= 0x1f3fb && c <= 0x1f3ff && symbols > 0: // the tone of the skin before it
		case unicode.In(c, unicode.So, unicode.Sk, unicode.Sm) || unicode.Is(unicode.Po, c) && c > 0x2000 || c == '\u20e3':
			if !joined {
				symbols++
			}
		case c == '\u200d' || unicode.Is(unicode.Variation_Selector, c) || c >= 0xe0020 && c <= 0xe007f:
		case c >= '0' && c <= '9' || c == '#' || c == '*': // of a keycap
			digits++
		default:
			return "", refuse(ErrMalformed, "emoji has to be one emoji; %q is none", c)
		}
		joined = c == '\u200d'
	}
	if symbols+(flags+1)/2 != 1 || digits > 1 {
		return "", refuse(ErrMalformed, "emoji has to be one emoji")
	}
	return r.Emoji, nil
}

// Entry is who wants to join a room, and how. What the caller knows comes from it; the rest is what the member said (Read).
type Entry struct {
	Stream   string // the room
	Identity string // who it is, if the caller knows; else Token says, or a new identity is made
	Address  string // IP address, for bans and limits; empty if unknown
	Role     Role   // the administrator's token and a broadcaster's appointment can raise it

	Token      string // of an earlier welcome
	Credential string // the administrator's bearer token, or the stream's key
	Invitation string
	Nickname   string // wanted; another is given where it can't be had
	Since      string // id of the last event seen: only what came after it is sent
	Last       int    // how many messages of history; 0: as configured, -1: none
}

// Read fills in what the first frame of a connection says: a "join" request. The error is a RefusalError that wraps ErrMalformed.
func (e *Entry) Read(data []byte) error {
	var join struct {
		Type       string `json:"type"`
		Token      string `json:"token"`
		Credential string `json:"credential"`
		Invitation string `json:"invitation"`
		Name       string `json:"name"`
		Since      string `json:"since"`
		Last       *int   `json:"last"`
	}
	if err := readObject(data, &join); err != nil {
		return err
	}
	if join.Type != "join" {
		return refuse(ErrMalformed, `the first frame has to be {"type":"join"}, and is %q`, fmt.Sprintf("%.32s", join.Type))
	}
	e.Token, e.Invitation, e.Nickname, e.Since = join.Token, join.Invitation, join.Name, join.Since
	if join.Credential != "" {
		e.Credential = join.Credential
	}
	if join.Last != nil {
		if e.Last = *join.Last; e.Last <= 0 {
			e.Last = -1
		}
	}
	return nil
}
