package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table is what was measured beside what was aimed at.
type Table struct {
	Rows        []Row      `json:"rows"`
	LoadAverage [3]float64 `json:"loadAverage"` // over 1, 5 and 15 minutes, at the end
}

// Row is a line of the table.
type Row struct {
	Name     string `json:"name"`
	Measured string `json:"measured"`
	Target   string `json:"target,omitempty"`
	Met      bool   `json:"met"`
}

func (t *Table) add(name, measured, target string, met bool) {
	t.Rows = append(t.Rows, Row{name, measured, target, met})
	t.LoadAverage = loadAverage()
}

// Text writes the table for a person.
func (t *Table) Text(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\tmeasured\ttarget\t\n")
	for _, r := range t.Rows {
		verdict := "missed"
		switch {
		case r.Target == "":
			verdict = ""
		case r.Met:
			verdict = "met"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", r.Name, r.Measured, r.Target, verdict)
	}
	_ = out.Flush()
	fmt.Fprintf(w, "load average %.2f %.2f %.2f\n", t.LoadAverage[0], t.LoadAverage[1], t.LoadAverage[2])
}
