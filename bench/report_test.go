package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReport: the report's JSON has the fields that others read, and its page is well-formed and complete in itself.
func TestReport(t *testing.T) {
	t.Parallel()
	config := testConfig(yardstick(t, false))
	seconds := 0
	config.Each = func(Second) { seconds++ }
	r, err := Run(limited(t, time.Minute), config, 2, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if seconds < 2 || seconds != len(r.Series) {
		t.Errorf("%d seconds were shown, %d are in the report", seconds, len(r.Series))
	}
	r.Tester.Reasons = nil
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	var names []string
	collect("", fields, &names)
	slices.Sort(names)
	want, err := os.ReadFile("testdata/report-fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(slices.Compact(names), "\n") + "\n"; got != string(want) {
		t.Errorf("the report's fields are not those of testdata/report-fields.txt; if others may rely on one that is gone, raise reportVersion:\n%s", got)
	}
	r.Server = &ServerReport{PID: 1, Memory: []MemoryUse{{Bytes: 1 << 20}}}
	r.Tester.Limited, r.Tester.Reasons = true, []string{"it is <slow>"}
	r.Joins.Errors = map[string]int{"bad & worse": 1}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if n := wellFormed(t, page.String()); n != 6 {
		t.Errorf("%d plots", n)
	}
	for _, word := range []string{"src=", "href=", "url(", "@import", "<script"} {
		if strings.Contains(page.String(), word) {
			t.Errorf("the page has %s", word)
		}
	}
	if !strings.Contains(page.String(), "it is &lt;slow&gt;") {
		t.Error("the page does not say why the tester is the limit")
	}
}

// collect lists the names of all fields; those of lists have no number.
func collect(path string, v any, names *[]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			collect(path+"."+name, value, names)
		}
	case []any:
		for _, value := range v {
			collect(path+"[]", value, names)
		}
	default:
		*names = append(*names, strings.TrimPrefix(path, "."))
	}
}

// wellFormed reads a page as XML, and counts its plots.
func wellFormed(t *testing.T, page string) (plots int) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return plots
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "svg" {
			plots++
		}
	}
}

func TestShortReport(t *testing.T) {
	r := Report{Joins: JoinReport{Wanted: 1}}
	var text, page bytes.Buffer
	r.Text(&text)
	if err := r.HTML(&page); err != nil || wellFormed(t, page.String()) != 0 || !strings.Contains(text.String(), "0 of 1 joined") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

func TestLimits(t *testing.T) {
	quiet := Measurement{Seconds: 1, cpus: 2, TesterCPU: time.Second}
	if reasons := quiet.limits(); len(reasons) != 0 {
		t.Errorf("a tester at ease is limited: %v", reasons)
	}
	busy := Measurement{Seconds: 1, cpus: 2, TesterCPU: 1900 * time.Millisecond, Drops: 1, Lag: Quantiles{P99: 11}, PublisherLate: Quantiles{P99: 11}}
	if reasons := busy.limits(); len(reasons) != 4 {
		t.Errorf("reasons: %v", reasons)
	}
}

func TestLive(t *testing.T) {
	var lines, table bytes.Buffer
	plain, live := NewLive(&lines, nil), NewLive(&table, func() int { return 20 })
	for i := range 10 {
		s := Second{At: float64(i), Viewers: i, ServerRSS: 1 << 20}
		plain.Show(s)
		live.Show(s)
	}
	if n := strings.Count(lines.String(), "\n"); n != 2 {
		t.Errorf("%d lines in ten seconds", n)
	}
	if n := strings.Count(table.String(), "\x1b[7A"); n != 9 {
		t.Errorf("the table was written over %d times", n)
	}
	for line := range strings.Lines(table.String()) {
		if text := strings.NewReplacer("\x1b[7A", "", "\x1b[K", "", "\r", "", "\n", "").Replace(line); len(text) > 19 {
			t.Errorf("%q is wider than the terminal", text)
		}
	}
}
