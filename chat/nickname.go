package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// reserved are the names that only those may bear who have the role at the beginning of the line, or a higher one.
const reserved = `
moderator mod 매니저 부방장
broadcaster host 방송자 방장
administrator admin 관리자 운영자 bongsu 봉수 system 시스템
`

// nicknames decides which names may be.
type nicknames struct {
	*skeletons

	most     int
	reserved map[string]Role // by skeleton
}

func newNicknames(most int) *nicknames {
	n := &nicknames{skeletons: newSkeletons(), most: most, reserved: map[string]Role{}}
	role := Viewer
	for line := range strings.Lines(strings.TrimSpace(reserved)) {
		role++
		for name := range strings.FieldsSeq(line) {
			n.reserved[n.skeleton(name)] = role
		}
	}
	return n
}

// check gives a name in the form in which it is shown, and its skeleton. The error is a RefusalError that wraps ErrNickname.
func (n *nicknames) check(name string, role Role) (shown, skeleton string, err error) {
	shown = strings.Join(strings.Fields(norm.NFC.String(name)), " ")
	if !utf8.ValidString(name) || shown == "" {
		return "", "", refuse(ErrNickname, "it is empty or not UTF-8")
	}
	if length := utf8.RuneCountInString(shown); length > n.most {
		return "", "", refuse(ErrNickname, "it has %d characters; %d are the most", length, n.most)
	}
	if err := checkLetters(shown); err != nil {
		return "", "", err
	}
	skeleton = n.skeleton(shown)
	switch {
	case skeleton == "":
		return "", "", refuse(ErrNickname, "it needs a letter or a digit")
	case role < n.reserved[skeleton]:
		return "", "", refuse(ErrNickname, "%q looks like a name that is kept for those who run the room", shown)
	}
	return shown, skeleton, nil
}

// checkLetters allows letters, marks and digits of any script, and a few signs between; scripts mix only as languages mix
// them (Unicode Technical Standard 39 section 5.2, "highly restrictive").
func checkLetters(name string) error {
	used, marks := map[string]bool{}, 0
	for _, r := range name {
		marks++
		if !unicode.Is(unicode.M, r) {
			marks = 0
		}
		switch {
		case hidden(r) || r == '\u200c' || r == '\u200d':
			return refuse(ErrNickname, "it has a character that can't be seen (U+%04X)", r)
		case marks > 2:
			return refuse(ErrNickname, "it has too many marks on one letter")
		case unicode.In(r, unicode.L, unicode.M, unicode.Nd):
			used[script(r)] = true
		case !strings.ContainsRune(" -_.'", r):
			return refuse(ErrNickname, "%q is not allowed in it; use letters and digits of any script, spaces and - _ . '", r)
		}
	}
	delete(used, "Common")
	delete(used, "Inherited")
	if !mixes(used) {
		return refuse(ErrNickname, "it mixes letters of scripts that no language mixes")
	}
	return nil
}

func mixes(used map[string]bool) bool {
	if len(used) <= 1 {
		return true
	}
	for _, language := range []string{"Latin Han Hangul", "Latin Han Hiragana Katakana", "Latin Han Bopomofo"} {
		in := 0
		for s := range strings.FieldsSeq(language) {
			if used[s] {
				in++
			}
		}
		if in == len(used) {
			return true
		}
	}
	return false
}

// script names the script of a character.
func script(r rune) string {
	for _, near := range []string{"Latin", "Hangul", "Common", "Han"} { // the frequent ones: the table has 170
		if unicode.Is(unicode.Scripts[near], r) {
			return near
		}
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "Unknown"
}

// guest is the name of who has none: from the identity, so that it stays the same.
func (n *nicknames) guest(identity string, try int) (shown, skeleton string) {
	end := n.skeleton(identity)
	shown = "guest-" + end[max(0, len(end)-5):]
	if try > 0 {
		shown = fmt.Sprintf("%s-%d", shown, try)
	}
	return shown, n.skeleton(shown)
}
