package main

import (
	"fmt"
	"io"

	"bongsu/check"
)

// checkReport prints what the checks have found, for people.
type checkReport struct {
	out    io.Writer
	colors bool
	fails  bool // nothing but failures
}

// print writes a line for each check, the reason below it, and the totals.
func (r *checkReport) print(results []check.Result) {
	group := ""
	for _, result := range results {
		if r.fails && result.Outcome != check.Fail {
			continue
		}
		if name := groupOf(result.ID); name != group {
			group = name
			fmt.Fprintf(r.out, "\n%s\n\n", group)
		}
		fmt.Fprintf(r.out, "  %s  %-5s %-8s %s\n", r.word(result.Outcome), result.ID, result.Level, result.Title)
		if result.Why != "" {
			fmt.Fprintf(r.out, "        %s\n", result.Why)
		}
	}
	fmt.Fprintf(r.out, "\n%-10s %5s %5s %5s\n", "", check.Pass, check.Fail, check.Skip)
	for _, level := range check.Levels() {
		fmt.Fprintf(r.out, "%-10s %5d %5d %5d\n", level, count(results, level, check.Pass), count(results, level, check.Fail), count(results, level, check.Skip))
	}
}

func groupOf(id string) string {
	switch id[0] {
	case 'W':
		return "WHIP (RFC 9725)"
	case 'V':
		return "WHEP extensions: events and layers"
	}
	return "WHEP (draft-ietf-wish-whep-03)"
}

// word is an outcome, colored on a terminal.
func (r *checkReport) word(o check.Outcome) string {
	colors := map[check.Outcome]string{check.Pass: "32", check.Fail: "1;31", check.Skip: "90"}
	if !r.colors {
		return string(o)
	}
	return "\x1b[" + colors[o] + "m" + string(o) + "\x1b[0m"
}

func count(results []check.Result, level check.Level, outcome check.Outcome) (n int) {
	for _, r := range results {
		if r.Level == level && r.Outcome == outcome {
			n++
		}
	}
	return n
}
