package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"
)

// The benchmark's broadcast: 2 Mbit/s at 30 frames a second in packets of about 1040 bytes, a keyframe each two seconds.
const (
	benchPackets  = 8
	benchPayload  = 1040
	benchRate     = 30
	benchSeconds  = 5
	serverRoleEnv = "BONGSU_BENCH_SERVER"
)

// BenchmarkViewers serves viewers from a process of its own that is pinned to one CPU, and prints what they missed, the
// CPU time per forwarded packet, the memory per viewer, and how old the packets are when they arrive.
func BenchmarkViewers(b *testing.B) {
	for _, viewers := range []int{25, 100} {
		b.Run(strconv.Itoa(viewers), func(b *testing.B) {
			url, pid := benchServer(b)
			ctx := limited(b, 2*time.Minute)
			stop := benchPublisher(b, ctx, url+"/whip/bench")
			defer stop()
			before := residentBytes(b, pid)
			var all []*benchViewer
			for range viewers {
				all = append(all, startBenchViewer(b, ctx, url+"/whep/bench"))
			}
			for _, v := range all {
				v.await(b, ctx)
			}
			b.ResetTimer()
			for b.Loop() {
				measureViewers(b, all, pid, before)
			}
		})
	}
}

func measureViewers(b *testing.B, all []*benchViewer, pid int, before int64) {
	for _, v := range all {
		v.reset()
	}
	cpu := cpuTime(b, pid)
	<-time.After(benchSeconds * time.Second)
	cpu = cpuTime(b, pid) - cpu
	var packets, lost int
	var ages []time.Duration
	for _, v := range all {
		n, missing, late := v.result()
		packets, lost, ages = packets+n, lost+missing, append(ages, late...)
	}
	slices.Sort(ages)
	b.ReportMetric(float64(packets)/benchSeconds, "packets/s")
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(float64(cpu.Microseconds())/float64(max(packets, 1)), "cpu-us/packet")
	b.ReportMetric(100*cpu.Seconds()/benchSeconds, "cpu-%")
	b.ReportMetric(float64(residentBytes(b, pid)-before)/float64(len(all))/1024, "KiB/viewer")
	b.ReportMetric(float64(ages[len(ages)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(ages[len(ages)*99/100].Microseconds())/1000, "p99-ms")
}

// TestMain-like entry of the server's process: the test binary runs itself.
func init() {
	if os.Getenv(serverRoleEnv) == "" {
		return
	}
	runtime.GOMAXPROCS(1)
	cfg := defaultConfig()
	cfg.Web.Listen, cfg.UDP, cfg.Limits.PerAddress = "127.0.0.1:0", "127.0.0.1:0", 0
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }() // ends with its parent
	if err := serve(ctx, &cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func benchServer(b *testing.B) (url string, pid int) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), serverRoleEnv+"=1")
	cmd.Stderr = os.Stderr
	out := &firstMatch{match: regexp.MustCompile(`running at (http\S+)`), found: make(chan string, 1)}
	cmd.Stdout = out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	pin(b, cmd.Process.Pid, 0)
	if runtime.NumCPU() > 1 {
		pin(b, os.Getpid(), 1)
	}
	select {
	case url = <-out.found:
	case <-time.After(20 * time.Second):
		b.Fatal("the server does not start")
	}
	return url, cmd.Process.Pid
}

// pin binds all threads of a process to a CPU.
func pin(b *testing.B, pid, cpu int) {
	b.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		b.Fatal(err)
	}
	var set unix.CPUSet
	set.Set(cpu)
	for _, t := range threads {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.SchedSetaffinity(tid, &set)
		}
	}
}

// benchPublisher sends frames whose packets say when they were sent.
func benchPublisher(b *testing.B, ctx context.Context, url string) (stop func()) {
	b.Helper()
	server, err := newEndpoint(url, "")
	if err != nil {
		b.Fatal(err)
	}
	h264 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "packetization-mode=1;profile-level-id=42e01f"}
	peer, err := newClientPeer(server, func(m *webrtc.MediaEngine) error {
		return m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: h264, PayloadType: 96}, webrtc.RTPCodecTypeVideo)
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	track, err := webrtc.NewTrackLocalStaticRTP(h264, "video", "bench")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := peer.AddTrack(track); err != nil {
		b.Fatal(err)
	}
	if err := peer.connect(ctx); err != nil {
		b.Fatal(err)
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / benchRate)
		defer tick.Stop()
		p := newBenchFrame()
		for frame := 0; ; frame++ {
			select {
			case <-tick.C:
			case <-quit:
				return
			}
			for i := range benchPackets {
				_ = track.WriteRTP(p.packet(frame, i))
			}
		}
	}()
	return func() { close(quit); <-done; _ = peer.Close(); server.Close() }
}

// benchViewer counts what arrives.
type benchViewer struct {
	begun chan struct{}
	once  sync.Once
	began atomic.Bool

	mu            sync.Mutex
	packets, lost int
	last          uint16
	ages          []time.Duration
}

func startBenchViewer(b *testing.B, ctx context.Context, url string) *benchViewer {
	b.Helper()
	server, err := newEndpoint(url, "")
	if err != nil {
		b.Fatal(err)
	}
	peer, err := newClientPeer(server, (*webrtc.MediaEngine).RegisterDefaultCodecs, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = peer.Close(); server.Close() })
	v := &benchViewer{begun: make(chan struct{})}
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		buffer := make([]byte, 1500)
		for {
			n, _, err := track.Read(buffer)
			if err != nil {
				return
			}
			v.count(buffer[:n])
		}
	})
	if _, err := peer.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		b.Fatal(err)
	}
	if err := peer.connect(ctx); err != nil {
		b.Fatal(err)
	}
	return v
}

func (v *benchViewer) count(packet []byte) {
	now := time.Now().UnixNano()
	v.mu.Lock()
	defer v.mu.Unlock()
	seq := binary.BigEndian.Uint16(packet[2:])
	if v.began.Load() {
		if d := int16(seq - v.last); d > 0 {
			v.lost += int(d) - 1
		} else {
			v.lost--
		}
	}
	v.began.Store(true)
	v.once.Do(func() { close(v.begun) })
	v.last = seq
	v.packets++
	if sent := int64(binary.BigEndian.Uint64(packet[len(packet)-8:])); v.packets%16 == 0 {
		v.ages = append(v.ages, time.Duration(now-sent))
	}
}

func (v *benchViewer) await(b *testing.B, ctx context.Context) {
	b.Helper()
	select {
	case <-v.begun:
	case <-ctx.Done():
		b.Fatal("a viewer gets nothing")
	}
}

func (v *benchViewer) reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.packets, v.lost, v.ages = 0, 0, nil
}

func (v *benchViewer) result() (packets, lost int, ages []time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.packets, v.lost, v.ages
}

// cpuTime is the user and system time of a process (proc(5), /proc/pid/stat fields 14 and 15).
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
	user, _ := strconv.Atoi(fields[12])
	system, _ := strconv.Atoi(fields[13])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

func residentBytes(b *testing.B, pid int) int64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
