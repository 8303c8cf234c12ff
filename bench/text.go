package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Text writes the report for a person.
func (r *Report) Text(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, values ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, values...))
	}
	row("viewers", "%d of %d joined, %.0f a second", r.Joins.Joined, r.Joins.Wanted, r.Joins.PerSecond)
	if r.Joins.Ended > 0 {
		row("", "%d were sent away by the server", r.Joins.Ended)
	}
	row("connected after", "%s", r.Joins.Connect)
	row("first packet", "%s", r.Joins.FirstPacket)
	row("first keyframe", "%s", r.Joins.FirstKeyframe)
	r.mediaText(row)
	if s := r.Server; s != nil {
		row("server CPU", "%.0f %% of a core, %.2f us a packet", s.CPUPercent, s.MicrosecondsPerPacket)
		for _, m := range s.Memory {
			row("server memory", "%s after %.0f s, %s a viewer", byteCount(float64(m.Bytes)), m.At, byteCount(m.PerViewer))
		}
	}
	row("tester", "%.0f %% of a core on %d CPUs; load average %.2f", r.Tester.CPUPercent, r.Machine.CPUs, r.Machine.LoadAverage[0])
	_ = t.Flush()
	for _, text := range slices.Sorted(maps.Keys(r.Joins.Errors)) {
		fmt.Fprintf(w, "%d viewers failed: %s\n", r.Joins.Errors[text], text)
	}
	if r.Tester.Limited {
		fmt.Fprintf(w, "\nCAUTION: this may be the tester's own limit, not the server's: %s.\n", strings.Join(r.Tester.Reasons, "; "))
	}
}

func (r *Report) mediaText(row func(name, format string, values ...any)) {
	m := r.Media
	if m.Seconds == 0 {
		return
	}
	row("packets", "%d in %.1f s, %.0f a second, %.1f Mbit/s", m.Packets, m.Seconds, float64(m.Packets)/m.Seconds, float64(m.Bytes)*8/m.Seconds/1e6)
	row("lost", "%d (%.3f %%); %d out of order, %d twice, %d sent again", m.Lost, share(float64(m.Lost), float64(m.Packets)+float64(m.Lost)), m.Late, m.Duplicates, m.Retransmitted)
	switch {
	case m.FramesExpected >= 0:
		row("frames missing", "%d of %d (%.3f %%)", m.FramesMissing, m.FramesExpected, share(float64(m.FramesMissing), float64(m.FramesExpected)))
	default:
		row("frames damaged", "%d; %d came whole", m.FramesMissing, m.FramesWhole)
	}
	if m.Latency.Count > 0 {
		row("latency", "%s", m.Latency)
	} else {
		row("latency", "not measured: the stream carries no times of a bongsu bench publisher")
	}
	if m.Undecryptable > 0 {
		row("not decryptable", "%d packets", m.Undecryptable)
	}
}

func share(part, all float64) float64 { return 100 * part / max(all, 1) }

// String gives the quantiles as the report's text has them.
func (q Quantiles) String() string {
	if q.Count == 0 {
		return "-"
	}
	return fmt.Sprintf("p50 %s  p95 %s  p99 %s ms", short(q.P50), short(q.P95), short(q.P99))
}

func short(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.2f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}

func byteCount(n float64) string {
	switch {
	case n >= 10<<20 || n <= -10<<20:
		return fmt.Sprintf("%.0f MiB", n/(1<<20))
	default:
		return fmt.Sprintf("%.0f KiB", n/1024)
	}
}

// Live shows what happens: on a terminal a table that is written over, elsewhere a line now and then.
type Live struct {
	w     io.Writer
	width func() int // of the terminal; nil: there is none
	shown int        // lines
	n     int
}

// NewLive writes to w. width gives the terminal's columns; nil if w is none.
func NewLive(w io.Writer, width func() int) *Live { return &Live{w: w, width: width} }

// linesEvery is how many seconds pass between two lines where there is no terminal.
const linesEvery = 5

// Show takes what happened in a second.
func (l *Live) Show(s Second) {
	l.n++
	rows := [][2]string{
		{"time", fmt.Sprintf("%.0f s", s.At)},
		{"viewers", fmt.Sprintf("%d (%d joined, %d failed)", s.Viewers, s.Joined, s.Failed)},
		{"packets", fmt.Sprintf("%.0f/s, %.1f Mbit/s", s.Packets, s.Bits/1e6)},
		{"lost", fmt.Sprintf("%.0f/s", s.Lost)},
		{"latency", fmt.Sprintf("p50 %s  p99 %s ms", short(s.P50), short(s.P99))},
		{"server", fmt.Sprintf("%.0f %% CPU, %s", s.ServerCPU, byteCount(float64(s.ServerRSS)))},
		{"tester", fmt.Sprintf("%.0f %% CPU, %d packets dropped", s.TesterCPU, s.Drops)},
	}
	if s.ServerRSS == 0 {
		rows = slices.Delete(rows, 5, 6)
	}
	if l.width == nil {
		if l.n%linesEvery == 0 {
			parts := make([]string, len(rows))
			for i, r := range rows {
				parts[i] = r[0] + " " + r[1]
			}
			fmt.Fprintln(l.w, strings.Join(parts, "; "))
		}
		return
	}
	var b strings.Builder
	if l.shown > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.shown)
	}
	for _, r := range rows {
		line := fmt.Sprintf("%-9s%s", r[0], r[1])
		fmt.Fprintf(&b, "\r\x1b[K%s\n", line[:min(len(line), max(l.width()-1, 10))])
	}
	l.shown = len(rows)
	fmt.Fprint(l.w, b.String())
}
