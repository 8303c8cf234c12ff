package broadcast

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxNameLength is the greatest length of a stream's name, in characters.
const MaxNameLength = 64

// ErrName is the error of a stream's name that can't be one.
var ErrName = errors.New("not a stream name")

// ValidName checks a stream's name: 1 to 64 letters (with their marks) and digits of any script, "-", "_" and ".", and
// not "." or "..", which mean something else in a URL. The error wraps ErrName.
func ValidName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case name == "." || name == "..":
		return fmt.Errorf("%w: %q has a meaning of its own in a URL", ErrName, name)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8", ErrName)
	case utf8.RuneCountInString(name) > MaxNameLength:
		return fmt.Errorf("%w: it is longer than %d characters", ErrName, MaxNameLength)
	}
	for _, r := range name {
		if !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && r != '-' && r != '_' && r != '.' {
			return fmt.Errorf("%w: %q is not allowed in it; use letters and digits of any script, \"-\", \"_\" and \".\"", ErrName, r)
		}
	}
	return nil
}
