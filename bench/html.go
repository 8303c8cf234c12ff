package bench

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

// page is the template of the report.
//
//go:embed report.html
var page string

// HTML writes the report as a page of its own: no part of it comes from elsewhere.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	var text strings.Builder
	r.Text(&text)
	return t.Execute(w, struct {
		*Report
		Text  string
		Plots []plot
	}{r, text.String(), r.plots()})
}

// The size of a plot in SVG units.
const (
	plotWidth  = 640
	plotHeight = 200
	marginX    = 56
	marginY    = 20
	gridLines  = 4
)

// plot is values over time, or over a share.
type plot struct {
	Title, Unit string
	Lines       []line
	Grid        []mark // of the y axis
	Ticks       []mark // of the x axis
}

type line struct {
	Name, Points string
	Number       int // of its color
}

type mark struct {
	Text string
	At   float64
}

// curve is a line of values, one for each second.
type curve struct {
	name  string
	value func(Second) float64
}

func (r *Report) plots() []plot {
	if len(r.Series) < 2 {
		return nil
	}
	list := []plot{
		r.plot("Viewers", "", curve{"viewers", func(s Second) float64 { return float64(s.Viewers) }}),
		r.plot("Received by all viewers", "packets/s", curve{"packets", func(s Second) float64 { return s.Packets }}),
		r.plot("Latency, one way", "ms", curve{"p50", func(s Second) float64 { return s.P50 }}, curve{"p99", func(s Second) float64 { return s.P99 }}),
		r.plot("Lost", "packets/s", curve{"lost", func(s Second) float64 { return max(s.Lost, 0) }}),
	}
	cpu := []curve{{"tester", func(s Second) float64 { return s.TesterCPU }}}
	if r.Server != nil {
		cpu = append(cpu, curve{"server", func(s Second) float64 { return s.ServerCPU }})
		list = append(list, r.plot("Server's memory", "MiB", curve{"RSS", func(s Second) float64 { return float64(s.ServerRSS) / (1 << 20) }}))
	}
	return append(list, r.plot("CPU", "% of a core", cpu...))
}

func (r *Report) plot(title, unit string, curves ...curve) plot {
	p := plot{Title: title, Unit: unit}
	highest := 0.0
	for _, c := range curves {
		for _, s := range r.Series {
			highest = max(highest, c.value(s))
		}
	}
	top := roundUp(highest)
	begin, end := r.Series[0].At, r.Series[len(r.Series)-1].At
	x := func(at float64) float64 { return marginX + (plotWidth-marginX)*(at-begin)/max(end-begin, 1e-9) }
	y := func(v float64) float64 { return marginY + plotHeight*(1-v/top) }
	for i, c := range curves {
		var points strings.Builder
		for _, s := range r.Series {
			fmt.Fprintf(&points, "%.1f,%.1f ", x(s.At), y(c.value(s)))
		}
		p.Lines = append(p.Lines, line{c.name, strings.TrimSpace(points.String()), i})
	}
	for i := range gridLines + 1 {
		v := top * float64(i) / gridLines
		p.Grid = append(p.Grid, mark{number(v), y(v)})
		at := begin + (end-begin)*float64(i)/gridLines
		p.Ticks = append(p.Ticks, mark{number(at) + " s", x(at)})
	}
	return p
}

// roundUp gives the next number that is good to read: 1, 2, 4 or 10 times a power of ten.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 4, 10} {
		if v <= f*power {
			return f * power
		}
	}
	return 10 * power
}

func number(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.4gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.4gk", v/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}
