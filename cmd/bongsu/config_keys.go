package main

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
)

// separator stands between the parts of a key path. It is not a dot, since the name of a stream may hold dots.
const separator = "/"

// anyName is the part of a key path that is a name of the user's own: "streams/*/file/video".
const anyName = "*"

// notKey is the tag of a field that is set by the program and not by anybody's configuration.
const notKey = "-"

// keys are the types of all keys that Config knows, by key path.
type keys map[string]reflect.Type

// keysOf lists the keys of a struct by its koanf tags, a squashed field's as if they were its parent's.
func keysOf(t reflect.Type, path string) keys {
	known := keys{}
	switch {
	case isValue(t):
		known[path] = t
	case t.Kind() == reflect.Map:
		maps.Copy(known, keysOf(t.Elem(), join(path, anyName)))
	default:
		for field := range t.Fields() {
			name, options, _ := strings.Cut(field.Tag.Get("koanf"), ",")
			if name == "" && options == "" || name == notKey {
				continue
			}
			maps.Copy(known, keysOf(field.Type, join(path, name)))
		}
	}
	return known
}

// isValue tells a type that holds one value (or a list of them) from one that holds keys.
func isValue(t reflect.Type) bool {
	if t.Kind() == reflect.Map {
		return false
	}
	return t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// pattern gives the known key path that a path is an instance of, such as "streams/*/file/video".
func (k keys) pattern(path string) (string, bool) {
	for known := range k {
		if matches(known, path) {
			return known, true
		}
	}
	return "", false
}

// section tells whether known keys live below the path.
func (k keys) section(path string) bool {
	for known := range k {
		for i := range known {
			if known[i:i+1] == separator && matches(known[:i], path) {
				return true
			}
		}
	}
	return path == ""
}

func matches(pattern, path string) bool {
	want, have := strings.Split(pattern, separator), strings.Split(path, separator)
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == h || w == anyName && h != "" })
}

// check tells what is wrong with a setting of a known key, naming the value and what is allowed.
func (k keys) check(path string, s setting) error {
	pattern, _ := k.pattern(path)
	value := reflect.New(k[pattern])
	decoding := decoding()
	decoding.Result = value.Interface()
	decoder, err := mapstructure.NewDecoder(decoding)
	if err != nil {
		return err
	}
	rule := rules()[pattern]
	empty := s.text == "" && k[pattern].Kind() != reflect.String && k[pattern].Kind() != reflect.Slice
	if !empty && decoder.Decode(s.text) == nil && rule.ok(value.Elem().Interface()) {
		return nil
	}
	shown := fmt.Sprintf("%q", s.text)
	if isSecret(path) {
		shown = "the value"
	}
	return fmt.Errorf("%s: %s: %s is not allowed; it must be %s", s.origin, display(path), shown, rule.allowed)
}

// suggest says in words what a mistaken key path was most likely meant to be.
func (k keys) suggest(path string) string {
	var candidates []string
	for pattern := range k {
		for pattern != "" {
			if !strings.HasSuffix(pattern, anyName) {
				candidates = append(candidates, display(named(pattern, path)))
			}
			pattern = parent(pattern)
		}
	}
	return didYouMean(display(path), candidates)
}

// didYouMean names the candidate that is nearest to a mistaken word, or says nothing where none is near.
func didYouMean(wrong string, candidates []string) string {
	best, distance := "", len(wrong)/2+1
	slices.Sort(candidates)
	for _, candidate := range candidates {
		d := editDistance(wrong, candidate)
		if strings.HasSuffix(candidate, "."+wrong) {
			d = 1 // the right name in the wrong place
		}
		if d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// named puts the path's own names where the pattern has any.
func named(pattern, path string) string {
	parts, have := strings.Split(pattern, separator), strings.Split(path, separator)
	for i := range parts {
		if parts[i] == anyName && i < len(have) {
			parts[i] = have[i]
		}
	}
	return strings.Join(parts, separator)
}

// editDistance is Levenshtein's: how many letters to insert, remove or replace.
func editDistance(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range to {
			cost := 1
			if r == s {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(to)]
}

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + separator + name
}

func parent(path string) string { return path[:max(strings.LastIndex(path, separator), 0)] }

// display writes a key path as people do: "log.level".
func display(path string) string { return strings.ReplaceAll(path, separator, ".") }

// isSecret tells which values are never shown unasked.
func isSecret(path string) bool {
	return slices.ContainsFunc([]string{"keys/*", "ice_servers/*/credential", "ice_servers/*/secret", "chat/administrator"}, func(p string) bool { return matches(p, path) })
}
