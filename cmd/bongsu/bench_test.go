package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bongsu/bench"
)

// childEnv has the test binary be bongsu, for the servers that bench starts.
const childEnv = "BONGSU_TEST_CHILD"

func init() {
	if os.Getenv(childEnv) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, os.Exit))
	}
}

func TestBenchGateway(t *testing.T) {
	url := startGateway(t, nil)
	for _, codec := range []string{"h264", "vp8", "vp9", "av1", "h265"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			page := filepath.Join(t.TempDir(), "report.html")
			cmd := BenchLoadCmd{
				WHIP: url + "/whip/" + codec, WHEP: url + "/whep/" + codec, Viewers: 5, Rate: 50, Duration: time.Second, Codec: codec,
				Bitrate: 1_000_000, FPS: 30, GOP: time.Second, Simulcast: 1, Audio: true, PLI: true, NACK: true, Sample: 5,
				JSON: true, HTML: page, ServerPID: os.Getpid(),
			}
			var out bytes.Buffer
			if err := cmd.Run(limited(t, time.Minute), &out); err != nil {
				t.Fatal(err)
			}
			var r bench.Report
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if r.Joins.Joined != 5 || r.Joins.FirstKeyframe.Count != 5 || r.Server == nil || r.Server.PID != os.Getpid() {
				t.Errorf("%+v", r.Joins)
			}
			// On a busy machine the last frames may come after the end.
			if m := r.Media; m.FramesMissing*5 > m.FramesExpected || m.FramesExpected == 0 || m.Lost != 0 || m.Undecryptable != 0 || m.Latency.Count == 0 {
				t.Errorf("%+v", m)
			}
			if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "</html>") {
				t.Errorf("the page: %v", err)
			}
		})
	}
}

// TestBenchForeign: a stream that is no bench's, and simulcast.
func TestBenchForeign(t *testing.T) {
	url := startGateway(t, func(c *Config) { c.Demo = true })
	cmd := BenchLoadCmd{WHEP: url + "/whep/demo", Viewers: 3, Rate: 50, Duration: time.Second, Codec: "h264", Bitrate: 1e6, FPS: 30, Audio: true, Sample: 5}
	var out bytes.Buffer
	if err := cmd.Run(limited(t, time.Minute), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 of 3 joined", "frames damaged", "carries no times"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	layers := BenchLoadCmd{
		WHIP: url + "/whip/layers", WHEP: url + "/whep/layers", Viewers: 3, Rate: 50, Duration: time.Second, Codec: "vp8",
		Bitrate: 1e6, FPS: 30, GOP: time.Second, Simulcast: 3, Sample: 5, JSON: true,
	}
	out.Reset()
	if err := layers.Run(limited(t, time.Minute), &out); err != nil {
		t.Fatal(err)
	}
	var r bench.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Media.FramesMissing != 0 || r.Media.FramesExpected == 0 {
		t.Errorf("%v, %+v", err, r.Media)
	}
}

// TestBenchSelf: the whole measurement of this server in processes of their own, with few viewers.
func TestBenchSelf(t *testing.T) {
	t.Setenv(childEnv, "1")
	config, err := selfConfig(io.Discard, true)
	if err != nil {
		t.Fatal(err)
	}
	config.Viewers, config.Compare, config.Duration = []int{2, 4}, 4, 300*time.Millisecond
	table, err := bench.Self(limited(t, 2*time.Minute), config)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printTable(&out, table, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"machine's limit", "against plain pion", "allocations per forwarded packet", "viewers on one core", "load average"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	for _, row := range table.Rows {
		if strings.Contains(row.Measured, "NaN") || strings.Contains(row.Measured, "Inf") {
			t.Errorf("%+v", row)
		}
	}
}

func TestBitrate(t *testing.T) {
	for text, want := range map[string]bitrate{"500k": 500_000, "2M": 2_000_000, "2.5m": 2_500_000, "64000": 64_000} {
		var b bitrate
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%s is %d, %v", text, b, err)
		}
	}
	for _, text := range []string{"", "k", "-1M", "2G", "0", "1e30"} {
		var b bitrate
		if b.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is %d", text, b)
		}
	}
}
