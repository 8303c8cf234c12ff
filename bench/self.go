package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// SelfConfig says how a machine and a server of our own are measured.
type SelfConfig struct {
	Server   []string      // command that serves /whip/:stream and /whep/:stream, and answers as AnswerRuntime does
	Plain    []string      // command that serves as Fanout does, without interceptors
	Default  []string      // the same with pion's default interceptors
	Viewers  []int         // levels of load, ascending; the first that does not hold is the last
	Compare  int           // viewers with which the servers are compared
	Duration time.Duration // of each measurement
	Minute   bool          // stay a minute with 1000 viewers, or with the most there are, to see whether memory grows
	Out      io.Writer
}

// selfStream is the load of all: 8 packets a frame.
func selfStream() Media {
	return Media{Codec: "H264", Bitrate: 2_000_000, FPS: 30, GOP: time.Second, Audio: true}
}

const (
	selfRate   = 100 // viewers a second, while media flows
	idleRate   = 1000
	selfSample = 17 // no divisor of the packets of a frame: all positions are sampled
	maxLatency = 100.0
	minuteAt   = 1000
)

// self is a measurement under way.
type self struct {
	SelfConfig
	server, tester []int // CPUs
	table          Table
}

// Limit measures this machine's limit and the yardsticks of pion.
func Limit(ctx context.Context, c SelfConfig) (*Table, error) {
	s := newSelf(c)
	defer s.pin()()
	_, err := s.yardsticks(ctx)
	return &s.table, err
}

// Self measures all of the table: the machine, the yardsticks, our own server. The table is good as far as it got, also with
// an error.
func Self(ctx context.Context, c SelfConfig) (*Table, error) {
	s := newSelf(c)
	defer s.pin()()
	y, err := s.yardsticks(ctx)
	if err == nil {
		err = s.idle(ctx)
	}
	if err == nil {
		err = s.load(ctx, y)
	}
	return &s.table, err
}

func newSelf(c SelfConfig) *self {
	s := &self{SelfConfig: c}
	if all := allowedCPUs(); len(all) > 1 {
		s.server, s.tester = all[:1], all[1:]
	}
	return s
}

// pin keeps this process off the server's CPU until release.
func (s *self) pin() (release func()) {
	if s.server == nil {
		s.say("There is one CPU for all, so server and tester take time from each other: trust the CPU per packet, not the latency.")
		return func() {}
	}
	all := allowedCPUs()
	pinSelf(s.tester)
	return func() { pinSelf(all) }
}

func (s *self) say(format string, values ...any) { fmt.Fprintf(s.Out, format+"\n", values...) }

// yardsticks are what our server is compared with, as CPU time for a packet.
type yardsticks struct{ limit, plain, standard float64 } // microseconds; 0: not measured

func (s *self) yardsticks(ctx context.Context) (y yardsticks, err error) {
	n, size := selfStream().packets(0)
	limit, err := MachineLimit(ctx, s.server, n, size)
	if err != nil {
		return y, err
	}
	y.limit = float64(limit.Nanoseconds()) / 1000
	s.say("machine's limit        %6.2f us a packet (AES-GCM and GSO in a bare loop)", y.limit)
	s.table.add("the machine's limit, seal + GSO", fmt.Sprintf("%.2f us", y.limit), "", true)
	for _, f := range []struct {
		name    string
		command []string
		to      *float64
	}{{"plain pion", s.Plain, &y.plain}, {"pion + interceptors", s.Default, &y.standard}} {
		m, err := s.yardstick(ctx, f.command)
		if err != nil {
			return y, fmt.Errorf("%s: %w", f.name, err)
		}
		*f.to = m.MicrosecondsPerPacket()
		s.measured(f.name, &m)
		s.table.add(fmt.Sprintf("%s, %d viewers", f.name, m.Viewers), fmt.Sprintf("%.2f us", *f.to), "", true)
	}
	return y, nil
}

func (s *self) yardstick(ctx context.Context, command []string) (m Measurement, err error) {
	c, err := startChild(ctx, s.server, nil, command...)
	if err != nil {
		return m, err
	}
	defer c.Close()
	t, err := s.begin(ctx, c, "/whip", "/whep", selfRate)
	if err != nil {
		return m, err
	}
	defer t.Close()
	if err := s.come(ctx, t, s.Compare); err != nil {
		return m, err
	}
	return t.Measure(ctx, s.Duration)
}

// begin begins a load on a server, with the stream if there is a path to publish to.
func (s *self) begin(ctx context.Context, c *child, whip, whep string, rate float64) (*Tester, error) {
	config := Config{WHEP: c.url + whep, Media: selfStream(), Rate: rate, Sample: selfSample, PLI: true, ServerPID: c.pid()}
	if whip != "" {
		config.WHIP = c.url + whip
	}
	t, err := New(ctx, config)
	if err != nil {
		return nil, err
	}
	if err = t.Publish(ctx); err == nil {
		err = wait(ctx, grace)
	}
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// come adds viewers, and waits until what the joining took is over.
func (s *self) come(ctx context.Context, t *Tester, n int) error {
	if err := t.Join(ctx, n); err != nil {
		return err
	}
	if len(t.watching()) == 0 {
		return t.whyNobody()
	}
	return wait(ctx, grace)
}

func (s *self) measured(name string, m *Measurement) {
	s.say("%-22s %6.2f us a packet, %4d viewers, %3.0f %% of a core, %d frames missing, latency %s",
		name, m.MicrosecondsPerPacket(), m.Viewers, percent(m.ServerCPU, m.Seconds), m.Missing, m.Latency)
	for _, reason := range m.limits() {
		s.say("%-22s CAUTION: %s", "", reason)
	}
}

// idle measures joining, and the memory of viewers who wait for a stream.
func (s *self) idle(ctx context.Context) error {
	c, err := startChild(ctx, s.server, nil, s.Server...)
	if err != nil {
		return err
	}
	defer c.Close()
	t, err := s.begin(ctx, c, "", "/whep/idle", idleRate)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := s.come(ctx, t, 5); err != nil { // what is made once is made
		return err
	}
	before, err := c.runtime(ctx, true)
	if err != nil {
		return err
	}
	cpu := t.server.cpu()
	if err := t.Join(ctx, s.Compare); err != nil {
		return err
	}
	cpu = t.server.cpu() - cpu
	if err := wait(ctx, grace); err != nil {
		return err
	}
	after, err := c.runtime(ctx, true)
	if err != nil {
		return err
	}
	n := float64(len(t.watching()) - 5)
	memory, goroutines := float64(int64(after.Memory-before.Memory))/n, float64(after.Goroutines-before.Goroutines)/n
	s.table.add("heap + stack per idle viewer", byteCount(memory), "under 64 KiB", memory < 64<<10)
	s.table.add("goroutines per idle viewer", fmt.Sprintf("%.1f", goroutines), "3", goroutines < 3.05)
	joins := n / max(cpu.Seconds(), 0.01)
	s.table.add("joins per second on one core", fmt.Sprintf("%.0f", joins), "280 or more", joins >= 280)
	s.say("joins                  %6.0f a second and core, %s, %.1f goroutines a viewer", joins, byteCount(memory), goroutines)
	return nil
}

// load raises the number of viewers until the server does not hold.
func (s *self) load(ctx context.Context, y yardsticks) error {
	c, err := startChild(ctx, s.server, nil, s.Server...)
	if err != nil {
		return err
	}
	defer c.Close()
	t, err := s.begin(ctx, c, "/whip/self", "/whep/self", selfRate)
	if err != nil {
		return err
	}
	defer t.Close()
	empty, held := t.server.resident(), 0
	for i, level := range s.Viewers {
		if err := s.come(ctx, t, level-len(t.watching())); err != nil {
			return err
		}
		before, err := c.runtime(ctx, false)
		if err != nil {
			return err
		}
		packets := t.snapshot().counts.Packets
		m, err := t.Measure(ctx, s.Duration)
		if err != nil {
			return err
		}
		after, err := c.runtime(ctx, false)
		if err != nil {
			return err
		}
		s.measured(fmt.Sprintf("bongsu, %d", level), &m)
		if level == s.Compare {
			s.compare(y, &m, float64(after.Mallocs-before.Mallocs)/float64(max(t.snapshot().counts.Packets-packets, 1)))
			if err := s.lossy(ctx, t, &m); err != nil {
				return err
			}
		}
		holds := m.Missing == 0 && m.Latency.P99 < maxLatency && m.Viewers == level
		if s.Minute && holds && (level >= minuteAt && held < minuteAt || i == len(s.Viewers)-1 && level < minuteAt) {
			if err := s.minute(ctx, t, empty, level); err != nil {
				return err
			}
		}
		if !holds {
			break
		}
		held = level
	}
	s.table.add("viewers on one core, none misses a frame, p99 < 100 ms", fmt.Sprintf("%d (of %d tried)", held, s.Viewers[len(s.Viewers)-1]), "1200 or more", held >= 1200)
	return nil
}

func (s *self) compare(y yardsticks, m *Measurement, allocations float64) {
	us := m.MicrosecondsPerPacket()
	s.table.add(fmt.Sprintf("CPU per forwarded packet, %d viewers", m.Viewers), fmt.Sprintf("%.2f us", us), "", true)
	against := func(what string, other, target float64) {
		text := "too little CPU time to tell"
		if us > 0 && other > 0 {
			text = fmt.Sprintf("1/%.1f", other/us)
		}
		s.table.add("  against "+what, text, fmt.Sprintf("at most 1/%.0f", target), us > 0 && us <= other/target)
	}
	against("plain pion", y.plain, 5)
	against("pion with its interceptors", y.standard, 7)
	s.table.add("  against the machine's limit", fmt.Sprintf("%.2fx", us/y.limit), "at most 2.5x", us > 0 && us <= 2.5*y.limit)
	s.table.add("allocations per forwarded packet", fmt.Sprintf("%.3f", allocations), "under 0.05", allocations < 0.05)
}

// lossy adds a viewer who loses 5 % of what arrives, and asks for it again.
func (s *self) lossy(ctx context.Context, t *Tester, quiet *Measurement) error {
	t.loss = 0.05
	err := firstError(t.Join(ctx, 1), wait(ctx, grace))
	t.loss = 0
	if err != nil {
		return err
	}
	m, err := t.Measure(ctx, s.Duration)
	if err != nil {
		return err
	}
	s.table.add("one viewer loses 5 %: frames missing in the end", fmt.Sprintf("%d of %d; %d packets sent again", m.Missing, m.Frames, m.Retransmitted+m.Late),
		"0", m.Missing == 0)
	s.table.add("  latency p99 of all, before and with it", fmt.Sprintf("%s and %s ms", short(quiet.Latency.P99), short(m.Latency.P99)), "the same",
		m.Latency.P99 < 2*quiet.Latency.P99+5)
	return t.leaveLast(ctx)
}

// minute looks at the memory, again after a minute.
func (s *self) minute(ctx context.Context, t *Tester, empty int64, viewers int) error {
	each := func() float64 { return float64(t.server.resident()-empty) / float64(viewers) }
	before := each()
	if err := wait(ctx, time.Minute); err != nil {
		return err
	}
	after := each()
	s.table.add(fmt.Sprintf("RSS per viewer at %d viewers", viewers), byteCount(before), "under 90 KiB", before < 90<<10)
	s.table.add("  a minute later", byteCount(after), "within 10 %", after < 1.1*before)
	s.say("memory                 %s a viewer, %s a minute later", byteCount(before), byteCount(after))
	return nil
}
