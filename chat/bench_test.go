//go:build unix

package chat

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRoom has 10,000 members in a room, of whom one writes every 20 ms: from publishing to what each member has in hand,
// and the CPU time of it all. One core: go test -run - -bench Room -cpu 1 -benchtime 500x ./chat
func BenchmarkRoom(b *testing.B) {
	for _, batch := range []time.Duration{time.Nanosecond, 100 * time.Millisecond} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) { benchRoom(b, batch) })
	}
}

func benchRoom(b *testing.B, batch time.Duration) {
	const members, every, pace = 10_000, 20, 20 * time.Millisecond
	c := quick()
	c.Batch = batch
	r := rooms(b, bus(b, ""), c)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	var delivered, frames atomic.Int64
	var mu sync.Mutex
	var delays []float64 // of every 20th member, in ms
	begin := time.Now()
	var writer *Member
	for i := range members {
		m, err := r.Join(ctx, Entry{Stream: "s", Role: Moderator, Last: -1})
		if err != nil {
			b.Fatal(err)
		}
		m.requests.SetLimit(1e9)
		m.requests.SetBurst(1e9)
		writer = m
		running.Go(func() {
			defer func() { _ = m.Close() }()
			for {
				data, err := m.Next(ctx)
				if err != nil {
					return
				}
				now := time.Now()
				frames.Add(1)
				delivered.Add(int64(bytes.Count(data, []byte(`"text":"`))))
				if i%every == 0 {
					mu.Lock()
					delays = append(delays, delaysIn(data, now)...)
					mu.Unlock()
				}
			}
		})
	}
	joined := time.Since(begin)
	debug.FreeOSMemory()
	await := func(n int64) {
		for deadline := time.Now().Add(20 * time.Second); delivered.Load() < n; {
			if time.Now().After(deadline) {
				b.Fatalf("%d of %d messages were delivered", delivered.Load(), n)
			}
			<-time.After(time.Millisecond)
		}
	}
	said := func() {
		_ = writer.Receive(fmt.Appendf(nil, `{"type":"message","text":"%d"}`, time.Now().UnixNano()))
	}
	said()
	await(members)
	<-time.After(2 * tickEvery) // for the presence
	mu.Lock()
	delays = delays[:0]
	mu.Unlock()
	frames.Store(0)
	before, n := cpu(), delivered.Load()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	b.ResetTimer()
	for range b.N {
		<-tick.C
		said()
	}
	await(n + int64(b.N)*members)
	b.StopTimer()
	used := cpu() - before
	cancel()
	running.Wait()
	slices.Sort(delays)
	b.ReportMetric(0, "ns/op") // the pace, and of no interest
	b.ReportMetric(delays[len(delays)/2], "p50-ms")
	b.ReportMetric(delays[len(delays)*99/100], "p99-ms")
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/members, "cpu-ns/delivery")
	b.ReportMetric(100*used.Seconds()/(time.Duration(b.N)*pace).Seconds(), "%cpu")
	b.ReportMetric(float64(frames.Load())/members/float64(b.N), "frames/msg")
	b.ReportMetric(joined.Seconds()*1e6/members, "us/join")
}

// delaysIn gives how old the messages of a frame are, in milliseconds.
func delaysIn(data []byte, now time.Time) (delays []float64) {
	for {
		_, rest, ok := bytes.Cut(data, []byte(`"text":"`))
		if !ok {
			return delays
		}
		digits, _, _ := bytes.Cut(rest, []byte(`"`))
		at, err := strconv.ParseInt(string(digits), 10, 64)
		if err == nil {
			delays = append(delays, float64(now.UnixNano()-at)/1e6)
		}
		data = rest
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
