package broadcast

import (
	"errors"
	"strings"
	"testing"
)

func TestValidName(t *testing.T) {
	for _, name := range []string{"a", "lobby-2_x.y", "봉수", "봉수대", "камера1", "عربي", "हिन्दी", "café", strings.Repeat("가", 64), "..."} {
		if err := ValidName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a b", "a/b", "a%2fb", "a\x00", "\xff\xfe", strings.Repeat("가", 65), "😀", "<b>", "a\u202eb", "a?b", "a#b", "a\nb"} {
		if err := ValidName(name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v, want ErrName", name, err)
		}
	}
}
