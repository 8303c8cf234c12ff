// Package check tests any WHIP and WHEP server from outside, against RFC 9725 and draft-ietf-wish-whep-03: it sends what clients
// send, real media too, and tells for each requirement whether the server keeps it. It knows nothing of this project's own
// server. docs/conformance.md lists the requirements.
package check

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Level is how strongly a requirement binds (RFC 2119).
type Level string

// The levels, from the strictest.
const (
	Must    Level = "must"    // MUST, MUST NOT
	Should  Level = "should"  // SHOULD, SHOULD NOT
	May     Level = "may"     // an option: a server without it is skipped, one that has it has to do it well
	Interop Level = "interop" // follows from another standard, or from what real clients send and need
)

// Levels gives all, from the strictest.
func Levels() []Level { return []Level{Must, Should, May, Interop} }

// Need is what a check can't do without.
type Need uint

// What checks need.
const (
	Pair  Need = 1 << iota // both endpoints, so that a stream can be published and watched
	Alone                  // a stream of its own to watch, while nobody else publishes it
	Token                  // a bearer token that the server asks for
	Slow                   // up to a minute of waiting
	Load                   // a burden on the server: hundreds of requests at once
)

// Check is one requirement and how it is tried.
type Check struct {
	ID      string // as in docs/conformance.md: W-14 is WHIP's 14th, E-09 WHEP's 9th, V-08 its extensions' 8th
	Level   Level
	Section string // where it stands
	Title   string // the requirement in a few words
	Needs   Need
	Run     func(p *probe) // ends early by p.failf or p.skipf
}

// Checks gives all checks in the order of their IDs.
func Checks() []Check {
	all := slices.Concat(methodChecks(), corsChecks(), postChecks(), offerChecks(), bundleChecks(), setupChecks(), trickleChecks(), restartChecks(),
		lifeChecks(), redirectChecks(), serverChecks(), authChecks(), simulcastChecks(), loadChecks(), streamChecks(), counterChecks(), mediaChecks(),
		eventChecks(), newsChecks(), layerChecks())
	const order = "WEV"
	slices.SortFunc(all, func(a, b Check) int {
		return cmp.Or(strings.IndexByte(order, a.ID[0])-strings.IndexByte(order, b.ID[0]), strings.Compare(number(a.ID), number(b.ID)))
	})
	return all
}

// number is the part of an ID behind the letter, for comparing.
func number(id string) string {
	n := id[2:]
	return strings.Repeat("0", 3-len(n)) + n
}

// whip reports whether the check is of a WHIP endpoint.
func (c *Check) whip() bool { return c.ID[0] == 'W' }

// within reports whether the check's level is at least as strict as the lowest that is wanted.
func (c *Check) within(lowest Level) bool {
	return lowest == "" || slices.Index(Levels(), c.Level) <= slices.Index(Levels(), lowest)
}

// matches reports whether the check's ID fits one of the patterns (as "W-14" or "E-*"); no pattern fits all.
func (c *Check) matches(patterns []string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(strings.ToUpper(strings.TrimSpace(pattern)), c.ID)
		return ok
	})
}

// Outcome is what became of a check.
type Outcome string

// The outcomes.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Skip Outcome = "skip"
)

// Result is a check's outcome.
type Result struct {
	ID      string  `json:"id"`
	Level   Level   `json:"level"` // the check's, or that of the part that failed
	Outcome Outcome `json:"outcome"`
	Title   string  `json:"title"`
	Section string  `json:"section"`
	Why     string  `json:"why,omitempty"` // of a failure or a skip, in a sentence
	Seconds float64 `json:"seconds"`
}
