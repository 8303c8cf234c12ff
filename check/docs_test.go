package check

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// requirements is how many there are of each kind.
func requirements() map[string]int { return map[string]int{"W": 105, "E": 50, "V": 40} }

// TestDocs keeps docs/conformance.md honest: it lists every requirement once, in the words of its check, and whatever tests
// and files it names are there.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	checks := map[string]Check{}
	for _, c := range Checks() {
		checks[c.ID] = c
	}
	seen := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([WEV]-\d+) \| (\w+) \| (.*) \| (.*) \|$`).FindAllStringSubmatch(string(text), -1) {
		id, level, title, by := row[1], row[2], row[3], row[4]
		seen[id]++
		c, known := checks[id]
		switch {
		case known != strings.Contains(by, "`check`"):
			t.Errorf("%s: there is a check: %t; the table says %s", id, known, by)
		case known && (c.Title != title || string(c.Level) != level):
			t.Errorf("%s: the check says %s, %q, and the table %s, %q", id, c.Level, c.Title, level, title)
		case !known && by == "":
			t.Errorf("%s: the table says neither what tests it nor why nothing does", id)
		}
	}
	for kind, n := range requirements() {
		for i := 1; i <= n; i++ {
			if id := fmt.Sprintf("%s-%02d", kind, i); seen[id] != 1 {
				t.Errorf("%s is in the tables %d times", id, seen[id])
			}
		}
	}
	for _, name := range regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if !hasTest(t, name[1], name[2]) {
			t.Errorf("there is no test %s in %s", name[2], name[1])
		}
	}
	for _, file := range regexp.MustCompile("`((?:web|interop)/[\\w./]+)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join("..", file[1])); err != nil {
			t.Error(err)
		}
	}
	for _, id := range regexp.MustCompile(`\b[WEV]-\d+\b`).FindAllString(string(text), -1) {
		if seen[id] == 0 {
			t.Errorf("there is no %s", id)
		}
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
