package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// reportVersion changes when a field of Report changes its meaning or goes away.
const reportVersion = 1

// When the tester itself is taken to be what limits the result.
const (
	busyShare   = 0.85 // of its CPUs
	maxLag      = 10.0 // milliseconds at p99, from the kernel's receipt of a packet to the tester's
	maxLateness = 10.0 // milliseconds at p99, of published frames
)

// Report is the outcome of a test, as --json prints it. Times are in milliseconds unless the name says otherwise.
type Report struct {
	Version int           `json:"version"`
	Begun   time.Time     `json:"begun"`
	Target  TargetReport  `json:"target"`
	Machine MachineReport `json:"machine"`
	Joins   JoinReport    `json:"joins"`
	Media   MediaReport   `json:"media"`
	Server  *ServerReport `json:"server,omitempty"` // with a process to measure
	Tester  TesterReport  `json:"tester"`
	Series  []Second      `json:"series"`
}

// TargetReport says what was tested.
type TargetReport struct {
	WHIP       string  `json:"whip,omitempty"`
	WHEP       string  `json:"whep"`
	Published  *Media  `json:"published,omitempty"`
	GOPSeconds float64 `json:"gopSeconds,omitempty"`
	Rate       float64 `json:"rate"` // viewers a second
}

// MachineReport says where.
type MachineReport struct {
	OS          string     `json:"os"`
	Arch        string     `json:"arch"`
	CPUs        int        `json:"cpus"`        // of the tester
	LoadAverage [3]float64 `json:"loadAverage"` // over 1, 5 and 15 minutes, at the end
}

// JoinReport says how the viewers came. All times begin with the offer's POST.
type JoinReport struct {
	Wanted        int            `json:"wanted"`
	Joined        int            `json:"joined"`
	Failed        int            `json:"failed"`
	Ended         int            `json:"ended"` // by the server, after they had joined
	PerSecond     float64        `json:"perSecond"`
	Connect       Quantiles      `json:"connect"` // to the end of the DTLS handshake
	FirstPacket   Quantiles      `json:"firstPacket"`
	FirstKeyframe Quantiles      `json:"firstKeyframe"`
	Errors        map[string]int `json:"errors,omitempty"`
}

// MediaReport is what all viewers together received in the measured time.
type MediaReport struct {
	Seconds        float64   `json:"seconds"`
	Packets        uint64    `json:"packets"`
	Bytes          uint64    `json:"bytes"`
	Lost           int64     `json:"lost"` // by sequence number
	Late           uint64    `json:"late"` // out of order
	Duplicates     uint64    `json:"duplicates"`
	Retransmitted  uint64    `json:"retransmitted"` // by RTX
	Undecryptable  uint64    `json:"undecryptable"`
	FramesExpected int64     `json:"framesExpected"` // published times viewers; -1: not known
	FramesWhole    uint64    `json:"framesWhole"`
	FramesMissing  int64     `json:"framesMissing"` // against published; of a foreign stream, the damaged ones
	Latency        Quantiles `json:"latency"`       // one-way; count 0: the stream carries no times
}

// ServerReport is what the server's process took.
type ServerReport struct {
	PID                   int         `json:"pid"`
	CPUPercent            float64     `json:"cpuPercent"` // of a core
	MicrosecondsPerPacket float64     `json:"microsecondsPerPacket"`
	Memory                []MemoryUse `json:"memory"`
}

// MemoryUse is the server's resident set at a time.
type MemoryUse struct {
	At        float64 `json:"at"` // seconds after the measurement began
	Bytes     int64   `json:"bytes"`
	PerViewer float64 `json:"perViewer"` // bytes, above what it was before the first viewer
}

// TesterReport says whether to believe the rest.
type TesterReport struct {
	CPUPercent    float64   `json:"cpuPercent"`
	Drops         uint64    `json:"drops"`         // packets that the tester's sockets had no room for
	Lag           Quantiles `json:"lag"`           // from the kernel's receipt to the tester's
	PublisherLate Quantiles `json:"publisherLate"` // how much later than due the frames were sent
	Limited       bool      `json:"limited"`
	Reasons       []string  `json:"reasons,omitempty"`
}

// limits tells why the tester may have been what was measured.
func (m *Measurement) limits() (reasons []string) {
	if share := percent(m.TesterCPU, m.Seconds) / 100 / float64(max(m.cpus, 1)); share > busyShare {
		reasons = append(reasons, fmt.Sprintf("the tester used %.0f %% of its CPUs", 100*share))
	}
	if m.Drops > 0 {
		reasons = append(reasons, fmt.Sprintf("the tester's own sockets dropped %d packets", m.Drops))
	}
	if m.Lag.P99 > maxLag {
		reasons = append(reasons, fmt.Sprintf("packets waited %.0f ms (p99) for the tester to read them", m.Lag.P99))
	}
	if m.PublisherLate.P99 > maxLateness {
		reasons = append(reasons, fmt.Sprintf("frames were published up to %.0f ms (p99) later than due", m.PublisherLate.P99))
	}
	return reasons
}

// MicrosecondsPerPacket is the server's CPU time for each packet that arrived.
func (m *Measurement) MicrosecondsPerPacket() float64 {
	return float64(m.ServerCPU.Microseconds()) / float64(max(m.Packets, 1))
}

// Run tests: publish, let the viewers come, measure. The report is good as far as it got, also with an error.
func Run(ctx context.Context, c Config, viewers int, duration time.Duration) (*Report, error) {
	t, err := New(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	if err := t.Publish(ctx); err != nil {
		return nil, err
	}
	if t.publisher != nil {
		if err := wait(ctx, time.Second); err != nil { // so that the server's memory is what one stream takes
			return nil, err
		}
	}
	empty := t.server.resident()
	if err := t.Join(ctx, viewers); err != nil {
		return t.report(Measurement{}, nil), err
	}
	if len(t.watching()) == 0 && viewers > 0 {
		return t.report(Measurement{}, nil), t.whyNobody()
	}
	if err := wait(ctx, grace); err != nil {
		return t.report(Measurement{}, nil), err
	}
	memory := t.memory(ctx, empty, duration)
	m, err := t.Measure(ctx, duration)
	return t.report(m, memory()), err
}

// whyNobody is the error of viewers that all failed.
func (t *Tester) whyNobody() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for text, n := range t.joins.errors {
		return fmt.Errorf("no viewer could join; %d of %d: %w", n, t.joins.wanted, errors.New(text))
	}
	return fmt.Errorf("no viewer could join")
}

// memory notes the server's memory at the beginning, after a minute and at the end; the function that it gives stops that.
func (t *Tester) memory(ctx context.Context, empty int64, d time.Duration) func() []MemoryUse {
	begin := time.Now()
	var uses []MemoryUse
	note := func() {
		if n := len(t.watching()); n > 0 && t.server.pid != 0 {
			bytes := t.server.resident()
			uses = append(uses, MemoryUse{time.Since(begin).Seconds(), bytes, float64(bytes-empty) / float64(n)})
		}
	}
	note()
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if d > time.Minute && wait(ctx, time.Minute) == nil {
			note()
		}
	}()
	return func() []MemoryUse {
		stop()
		<-done
		note()
		return uses
	}
}

// report sums up.
func (t *Tester) report(m Measurement, memory []MemoryUse) *Report {
	r := &Report{
		Version: reportVersion, Begun: t.begin.UTC().Truncate(time.Second),
		Target:  TargetReport{WHIP: t.config.WHIP, WHEP: t.config.WHEP, Rate: t.config.Rate},
		Machine: MachineReport{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: availableCPUs(), LoadAverage: loadAverage()},
		Joins:   t.joinReport(m.Ended),
		Media: MediaReport{
			Seconds: m.Seconds, Packets: m.Packets, Bytes: m.Bytes, Lost: m.Lost, Late: m.Late, Duplicates: m.Duplicates,
			Retransmitted: m.Retransmitted, Undecryptable: m.Undecryptable, FramesExpected: -1, FramesWhole: m.Whole,
			FramesMissing: m.Missing, Latency: m.Latency,
		},
		Tester: TesterReport{Drops: m.Drops, Lag: m.Lag, PublisherLate: m.PublisherLate, Reasons: m.limits()},
	}
	r.Tester.Limited = len(r.Tester.Reasons) > 0
	if t.publisher != nil {
		media := t.config.Media
		r.Target.Published, r.Target.GOPSeconds = &media, media.GOP.Seconds()
	}
	if m.Seconds > 0 {
		r.Tester.CPUPercent = percent(m.TesterCPU, m.Seconds)
		if m.Frames >= 0 {
			r.Media.FramesExpected = m.Frames * int64(r.Joins.Joined)
		}
	}
	if t.server.pid != 0 {
		r.Server = &ServerReport{PID: t.server.pid, MicrosecondsPerPacket: m.MicrosecondsPerPacket(), Memory: memory}
		if m.Seconds > 0 {
			r.Server.CPUPercent = percent(m.ServerCPU, m.Seconds)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Series = append([]Second{}, t.series...)
	return r
}

func (t *Tester) joinReport(ended int) JoinReport {
	var first [2]histogram
	for _, v := range t.watching() {
		v.outlet.mu.Lock()
		for i, d := range v.firstFrame {
			if d > 0 {
				first[i].add(d)
			}
		}
		v.outlet.mu.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := JoinReport{
		Wanted: t.joins.wanted, Joined: t.joins.joined, Failed: t.joins.failed, Ended: ended, Connect: t.joins.connect.quantiles(),
		FirstPacket: first[0].quantiles(), FirstKeyframe: first[1].quantiles(), Errors: t.joins.errors,
	}
	if busy := t.joins.busy.Seconds(); busy > 0 {
		r.PerSecond = float64(r.Joined) / busy
	}
	return r
}
