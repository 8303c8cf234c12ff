package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/ingest"
)

// sender is a WHEP endpoint that plays a media to its first viewer, and then to the next.
func sender(t *testing.T, m *ingest.Media) *testEndpoint {
	var mu sync.Mutex
	var tracks []*webrtc.TrackLocalStaticRTP
	e := newTestEndpoint(t, func(_ int, pc *webrtc.PeerConnection) {
		var mine []*webrtc.TrackLocalStaticRTP
		for _, codec := range m.Codecs() {
			track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: codec.MimeType, ClockRate: codec.ClockRate, Channels: codec.Channels},
				codec.Kind().String(), "test")
			if err == nil {
				_, err = pc.AddTrack(track)
			}
			if err != nil {
				t.Error(err)
			}
			mine = append(mine, track)
		}
		pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
			if state == webrtc.PeerConnectionStateConnected {
				mu.Lock()
				defer mu.Unlock()
				tracks = mine
			}
		})
	})
	_, _ = start(t, func(ctx context.Context) error {
		defer m.Close()
		return m.Run(ctx, func(n int, p *rtp.Packet, _ time.Time) {
			mu.Lock()
			defer mu.Unlock()
			if tracks != nil {
				_ = tracks[n].WriteRTP(p)
			}
		})
	})
	return e
}

// TestWatch: reports what arrives, by the second, and records it; the files play again.
func TestWatch(t *testing.T) {
	m, err := ingest.Demo()
	if err != nil {
		t.Fatal(err)
	}
	e := sender(t, m)
	name := filepath.Join(t.TempDir(), "lobby")
	var out bytes.Buffer
	cmd := WatchCmd{URL: e.URL + "/endpoint", Record: []string{name}, Duration: 6 * time.Second, JSON: true}
	_, done := start(t, func(ctx context.Context) error { return cmd.Run(ctx, &out, newTestLog().Logger) })
	if err := within(t, 20*time.Second, "the end", done); err != nil {
		t.Fatal(err)
	}
	if got := e.sessionsDeleted(); len(got) != 1 {
		t.Errorf("sessions deleted: %v", got)
	}
	var first firstReport
	var last watchReport
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "firstKeyframe") {
			if err := json.Unmarshal([]byte(line), &first); err != nil {
				t.Fatal(err)
			}
		} else if strings.Contains(line, `"keyframeInterval"`) {
			last = watchReport{}
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatal(err)
			}
		}
	}
	if first.Connected <= 0 || first.Packet < first.Connected || first.Keyframe < first.Packet {
		t.Errorf("first line %+v", first)
	}
	if v := last.Video; v == nil || v.Codec != "H264" || v.Width != 640 || v.Height != 360 || v.Keyframe != 2 || v.Lost != 0 || v.Bitrate < 10e3 {
		t.Errorf("video %+v in\n%s", v, &out)
	}
	if a := last.Audio; a == nil || a.Codec != "opus" || a.Lost != 0 || a.Bitrate < 10e3 {
		t.Errorf("audio %+v", a)
	}
	pictures := 0
	for _, p := range packets(t, name+".h264") {
		if p.Marker {
			pictures++
		}
	}
	if sounds := len(packets(t, name+".ogg")); pictures < 60 || sounds < 100 {
		t.Errorf("%d pictures and %d packets of sound recorded", pictures, sounds)
	}
}

// TestWatchReconnects: after the server has hung up the recording goes on in the same file, with times that go on.
func TestWatchReconnects(t *testing.T) {
	m, err := ingest.OpenMedia(ingest.FileConfig{Video: "../../ingest/testdata/vp8.ivf", Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	e := sender(t, m)
	log := newTestLog()
	file := filepath.Join(t.TempDir(), "a.ivf")
	lines, out := io.Pipe()
	cmd := WatchCmd{URL: e.URL + "/endpoint", Record: []string{file}}
	stop, done := start(t, func(ctx context.Context) error {
		defer out.Close()
		return cmd.Run(ctx, out, log.Logger)
	})
	said := make(chan string)
	_, _ = start(t, func(ctx context.Context) error {
		defer lines.Close()
		defer close(said)
		buffer := make([]byte, 4096)
		for {
			n, err := lines.Read(buffer)
			if err != nil {
				return err
			}
			select {
			case said <- string(buffer[:n]):
			case <-ctx.Done():
			}
		}
	})
	await := func(text string) {
		t.Helper()
		for !strings.Contains(within(t, 20*time.Second, text, said), text) {
		}
	}
	await("first keyframe after")
	await("VP8 96x64")
	e.mu.Lock()
	e.peers[0].Close()
	e.mu.Unlock()
	await("first keyframe after")
	await("VP8 96x64")
	stop()
	for range said { // what is still being said
	}
	if err := within(t, 10*time.Second, "the end", done); err != nil {
		t.Error(err)
	}
	if got := strings.Join(e.sessionsDeleted(), ""); got != "ab" {
		t.Errorf("sessions deleted: %s", got)
	}
	times := map[uint32]bool{}
	for _, p := range packets(t, file) {
		times[p.Timestamp] = true
	}
	if len(times) < 25 {
		t.Errorf("%d pictures of both connections recorded", len(times))
	}
}

// TestWatchRefused: a recording that can't be made is an error, not a log line among others.
func TestWatchRefused(t *testing.T) {
	m, err := ingest.OpenMedia(ingest.FileConfig{Video: "../../ingest/testdata/vp8.ivf", Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	e := sender(t, m)
	for name, want := range map[string]string{
		"clip.mp4":  "the extension must be .h264, .h265, .ivf or .ogg",
		"clip.h264": "what comes is video/VP8, which goes into",
	} {
		cmd := WatchCmd{URL: e.URL + "/endpoint", Record: []string{filepath.Join(t.TempDir(), name)}}
		_, done := start(t, func(ctx context.Context) error { return cmd.Run(ctx, io.Discard, newTestLog().Logger) })
		if err := within(t, 20*time.Second, "the error", done); !errors.Is(err, errRecord) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
