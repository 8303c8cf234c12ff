package bench

import (
	"context"
	"math"
	"time"
)

// grace is how long a measurement waits, at its end, for what is still on its way.
const grace = time.Second

// Second is what happened within a second.
type Second struct {
	At        float64 `json:"at"` // seconds since the beginning
	Viewers   int     `json:"viewers"`
	Packets   float64 `json:"packets"` // in a second, like the next two
	Bits      float64 `json:"bits"`
	Lost      float64 `json:"lost"`
	P50       float64 `json:"p50"` // one-way latency in milliseconds; 0: not measured
	P99       float64 `json:"p99"`
	ServerCPU float64 `json:"serverCPU"` // percent of a core
	ServerRSS int64   `json:"serverRSS"` // bytes
	TesterCPU float64 `json:"testerCPU"`
	Drops     uint64  `json:"drops"` // in the tester's own sockets, so far
	Joined    int     `json:"-"`
	Failed    int     `json:"-"`
}

// snapshot is the state of all counters.
type snapshot struct {
	at             time.Time
	counts         counts
	server, tester time.Duration // CPU time
	drops          uint64
	broken, resent uint64
	ended          int
}

func (t *Tester) snapshot() snapshot {
	s := snapshot{at: time.Now(), server: t.server.cpu(), tester: t.tester.cpu(), drops: t.sockets.dropped()}
	for _, v := range t.watching() {
		v.outlet.mu.Lock()
		for _, x := range v.streams {
			s.counts.add(x.counts)
		}
		s.broken += v.broken
		s.resent += v.resent
		s.ended += btoi(v.ended != nil)
		v.outlet.mu.Unlock()
	}
	return s
}

// watch looks once a second.
func (t *Tester) watch(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	last := t.snapshot()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := t.snapshot()
		s := t.second(last, now)
		last = now
		if t.config.Each != nil {
			t.config.Each(s)
		}
	}
}

func (t *Tester) second(last, now snapshot) Second {
	elapsed := now.at.Sub(last.at).Seconds()
	d := now.counts.since(last.counts)
	if now.counts.Packets < last.counts.Packets {
		d = counts{} // viewers left
	}
	t.collect()
	t.mu.Lock()
	defer t.mu.Unlock()
	took := t.fresh
	t.fresh = histograms{}
	s := Second{
		At: now.at.Sub(t.begin).Seconds(), Viewers: len(t.viewers) - now.ended, Packets: float64(d.Packets) / elapsed,
		Bits: float64(d.Bytes) * 8 / elapsed, Lost: float64(d.Lost) / elapsed,
		P50: milliseconds(took.latency.quantile(0.5)), P99: milliseconds(took.latency.quantile(0.99)),
		ServerCPU: percent(now.server-last.server, elapsed), ServerRSS: t.server.resident(),
		TesterCPU: percent(now.tester-last.tester, elapsed), Drops: now.drops, Joined: t.joins.joined, Failed: t.joins.failed,
	}
	t.series = append(t.series, s)
	return s
}

func percent(cpu time.Duration, seconds float64) float64 { return 100 * cpu.Seconds() / seconds }

// collect moves what the sockets have measured to the second and to the measurement that run.
func (t *Tester) collect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := &histograms{}
	t.sockets.times(&now.latency, &now.lag)
	if t.publisher != nil {
		now.late = t.publisher.late.take()
	}
	t.took.merge(now)
	t.fresh.merge(now)
}

// Measurement is what a time of steady load showed.
type Measurement struct {
	Seconds float64
	Viewers int // at its end; who was lost meanwhile does not count
	Ended   int // viewers whose session the server ended, so far
	counts
	Undecryptable  uint64
	Retransmitted  uint64 // packets that came by RTX
	Frames         int64  // that each viewer should have got whole; -1: not known
	Missing        int64  // of all viewers'
	Latency        Quantiles
	ServerCPU      time.Duration
	ServerRSS      int64 // bytes, at its end
	TesterCPU      time.Duration
	Drops          uint64 // in the tester's own sockets
	Lag            Quantiles
	PublisherLate  Quantiles
	cpus           int
	measuresServer bool
}

// Measure watches for a time. Viewers must not come or go meanwhile.
func (t *Tester) Measure(ctx context.Context, d time.Duration) (Measurement, error) {
	from := t.openSpan()
	t.collect()
	t.mu.Lock()
	t.took = histograms{}
	t.mu.Unlock()
	before := t.snapshot()
	err := wait(ctx, d)
	after := t.snapshot()
	to := t.closeSpan()
	err = firstError(err, wait(ctx, grace))
	t.settle()
	t.collect()
	settled := t.snapshot()
	t.mu.Lock()
	defer t.mu.Unlock()
	m := Measurement{
		Seconds: after.at.Sub(before.at).Seconds(), Viewers: len(t.viewers) - settled.ended, Ended: settled.ended,
		counts:        after.counts.since(before.counts),
		Undecryptable: after.broken - before.broken, Retransmitted: after.resent - before.resent,
		Latency: t.took.latency.quantiles(), Lag: t.took.lag.quantiles(), PublisherLate: t.took.late.quantiles(),
		ServerCPU: after.server - before.server, ServerRSS: t.server.resident(), TesterCPU: after.tester - before.tester,
		Drops: after.drops - before.drops, Frames: -1, cpus: availableCPUs(), measuresServer: t.server.pid != 0,
	}
	// What is lost and which frames are whole is known only now.
	m.Lost = settled.counts.Lost - before.counts.Lost
	m.Whole, m.Broken = settled.counts.Whole-before.counts.Whole, settled.counts.Broken-before.counts.Broken
	switch {
	case t.publisher == nil:
		m.Missing = int64(m.Broken)
	case m.Latency.Count > 0: // the stamps come through
		m.Frames = to - from
		m.Missing = max(m.Frames*int64(len(t.viewers))-int64(m.Whole), 0)
	}
	return m, err
}

// openSpan begins to count whole frames with the next that is published.
func (t *Tester) openSpan() int64 {
	from := int64(0)
	if t.publisher != nil {
		from = t.publisher.next.Load()
	}
	t.spanFrom.Store(from)
	t.eachStream(func(s *stream) { s.settle(); s.span(from) })
	return from
}

func (t *Tester) closeSpan() int64 {
	to := int64(math.MaxInt64)
	if t.publisher != nil {
		to = t.publisher.next.Load()
	}
	t.eachStream(func(s *stream) { s.until(to) })
	return to
}

func (t *Tester) settle() { t.eachStream(func(s *stream) { s.settle() }) }

func (t *Tester) eachStream(f func(*stream)) {
	for _, v := range t.watching() {
		v.outlet.mu.Lock()
		for _, s := range v.streams {
			f(s)
		}
		v.outlet.mu.Unlock()
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
