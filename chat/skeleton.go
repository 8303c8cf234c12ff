package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// lookalikes maps characters to the Latin letter, digit or Hangul that they are taken for, after folding. Each line: what
// they look like, then those which do. It is the idea of Unicode Technical Standard 39 section 4 for the scripts that may
// be mistaken for those of most names; names that mix scripts are refused before (section 5.2).
const lookalikes = `
a аαɑ⍺
b ьƅ
c сϲᴄⅽ
d ԁɗժ
e еҽєέ
f ſƒϝք
g ɡցƍ
h һհኸ
j јϳյ
k кκҝ
l1iіιıɩӏ
m м
n пηոռ
o0оοօഠ൦๐໐۰०০੦૦୦௦
p рρϱ
q ԛգզ
r гɼᴦ
s ѕꜱꮪƽ
t тτᴛ
u υսʋᴜ
v νѵᴠⅴ
w ѡωԝաɯ
x хχⅹ
y уүγʏყ
z ᴢ
ロ口
カ力
エ工
ト卜
タ夕
ハ八
ニ二
ヘへ
リり
ー一
`

// skeletons gives the skeleton of a text: two texts with the same one can be mistaken for each other.
type skeletons struct{ of map[rune]rune }

func newSkeletons() *skeletons {
	s := &skeletons{of: map[rune]rune{}}
	for line := range strings.Lines(lookalikes) {
		var first rune
		for _, r := range strings.TrimSpace(line) {
			switch {
			case first == 0:
				first = r
			case r != ' ':
				s.of[r] = first
			}
		}
	}
	return s
}

// fold gives the text in one form of its characters: compatible forms, case, accents and lookalikes make no difference.
// Words stay apart.
func (s *skeletons) fold(text string) string {
	folded := cases.Fold().String(norm.NFKD.String(text)) // a Caser is not for use by several goroutines
	var b strings.Builder
	for _, r := range norm.NFKD.String(folded) {
		switch {
		case r >= 0x300 && r <= 0x36f: // accents of Latin, Greek and Cyrillic; the marks of other scripts tell words apart
		case hidden(r) || r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Variation_Selector, r):
		default:
			if to, ok := s.of[r]; ok {
				r = to
			}
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// skeleton is fold without what parts words, and with the pairs of letters that look like one.
func (s *skeletons) skeleton(name string) string {
	letters := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.L, unicode.M, unicode.N) {
			return r
		}
		return -1
	}, s.fold(name))
	return strings.NewReplacer("rn", "m", "vv", "w").Replace(letters)
}

// contains tells whether a folded text has a folded word: anywhere in scripts that run words together or add endings to
// them, as Hangul and Han; only as a word of its own in those that part them by spaces, as Latin, where "class" is none.
func contains(text, word string) bool {
	for at := 0; word != ""; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		begin, end := at+i, at+i+len(word)
		if !inWord(text[:begin], word, true) && !inWord(text[end:], word, false) {
			return true
		}
		at = begin + 1
	}
	return false
}

// inWord tells whether a word goes on in the text beside it.
func inWord(beside, word string, before bool) bool {
	var near, edge rune
	if before {
		near, _ = utf8.DecodeLastRuneInString(beside)
		edge, _ = utf8.DecodeRuneInString(word)
	} else {
		near, _ = utf8.DecodeRuneInString(beside)
		edge, _ = utf8.DecodeLastRuneInString(word)
	}
	return parted(near) && parted(edge)
}

func parted(r rune) bool { return unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek) }
