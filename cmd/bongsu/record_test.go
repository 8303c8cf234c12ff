package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/ingest"
)

func TestReorder(t *testing.T) {
	const gap = -1 // in want, before the number that follows it
	tests := []struct {
		name string
		in   []int
		want []int
	}{
		{"in order", []int{1, 2, 3}, []int{1, 2, 3}},
		{"overtaken", []int{1, 3, 2, 4}, []int{1, 2, 3, 4}},
		{"duplicated", []int{1, 2, 2, 1, 3, 3}, []int{1, 2, 3}},
		{"retransmitted after others", []int{1, 3, 4, 5, 2, 6}, []int{1, 2, 3, 4, 5, 6}},
		{"lost", []int{1, 2, 4, 5, 6, 20}, []int{1, 2, gap, 4, 5, 6, gap, 20}},
		{"lost, and come too late", []int{1, 3, 20, 2, 21}, []int{1, gap, 3, gap, 20, 21}},
		{"wrap-around", []int{65534, 0, 65535, 1}, []int{65534, 65535, 0, 1}},
		{"lost at wrap-around", []int{65534, 0, 1, 15}, []int{65534, gap, 0, 1, gap, 15}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []int
			emit := func(p *rtp.Packet, missing bool) error {
				if missing {
					got = append(got, gap)
				}
				got = append(got, int(p.SequenceNumber))
				return nil
			}
			o := reorder{patience: 10}
			for _, n := range test.in {
				p := &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(n), Timestamp: uint32(int32(int16(n)))}}
				if err := o.push(p, emit); err != nil {
					t.Fatal(err)
				}
			}
			if err := o.flush(emit); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// packets plays a file, by a fake clock, and gives what would be sent.
func packets(t *testing.T, file string) (all []*rtp.Packet) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, err := ingest.OpenMediaFrom(ingest.FileConfig{}, ingest.File(file))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := m.Run(t.Context(), func(_ int, p *rtp.Packet, _ time.Time) { all = append(all, p) }); err != nil {
			t.Fatal(err)
		}
	})
	return all
}

// TestRecording: what is recorded plays again, whatever happened to the packets on their way.
func TestRecording(t *testing.T) {
	video := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}
	h264 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	lose := func(n int) func([]*rtp.Packet) []*rtp.Packet {
		return func(p []*rtp.Packet) []*rtp.Packet { return slices.Delete(p, n, n+1) }
	}
	swap := func(p []*rtp.Packet) []*rtp.Packet {
		for i := 1; i+1 < len(p); i += 2 {
			p[i], p[i+1] = p[i+1], p[i]
		}
		return p
	}
	keep := func(p []*rtp.Packet) []*rtp.Packet { return p }
	tests := []struct {
		name, file string
		codec      webrtc.RTPCodecCapability
		way        func([]*rtp.Packet) []*rtp.Packet
		frames     int
	}{
		{"VP8", "vp8.ivf", video, keep, 15},
		{"VP8 overtaken", "vp8.ivf", video, swap, 15},
		{"VP8 with a loss", "vp8.ivf", video, lose(5), 13},
		{"VP9", "vp9.ivf", webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP9, ClockRate: 90000}, keep, 15},
		{"AV1", "av1.ivf", webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}, keep, 15},
		{"H.264", "slices.h264", h264, keep, 15},
		{"H.264 overtaken", "slices.h264", h264, swap, 15},
		{"Opus", "mono.ogg", opus, keep, 26},
		{"Opus overtaken", "mono.ogg", opus, swap, 26},
		{"Opus with a loss", "mono.ogg", opus, lose(5), 26},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "clip")
			r, err := newRecordings([]string{name}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range test.way(packets(t, "../../ingest/testdata/"+test.file)) {
				if err := r.write(test.codec, 96, 64, p, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			frames, last := 0, uint32(0)
			for _, p := range packets(t, name+extension(test.codec.MimeType)) {
				if frames == 0 || p.Timestamp != last {
					frames++
				}
				last = p.Timestamp
			}
			if frames != test.frames {
				t.Errorf("%d frames recorded, want %d", frames, test.frames)
			}
		})
	}
}

// TestRecordingResumes: after a pause of a second, with other numbers and timestamps, the file's times go on.
func TestRecordingResumes(t *testing.T) {
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}
	name := filepath.Join(t.TempDir(), "clip.ivf")
	r, err := newRecordings([]string{name}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for range 2 {
		r.resume(webrtc.RTPCodecTypeVideo)
		for _, p := range packets(t, "../../ingest/testdata/vp8.ivf") { // each with random numbers
			if err := r.write(codec, 96, 64, p, now); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Second)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	recorded := packets(t, name)
	if took := recorded[len(recorded)-1].Timestamp - recorded[0].Timestamp; took != (560+1000+560)*90 {
		t.Errorf("the recording takes %d, want 0.56 s, a second, and 0.56 s", took)
	}
}

func TestRecordingNames(t *testing.T) {
	capability := func(mime string) webrtc.RTPCodecCapability { return webrtc.RTPCodecCapability{MimeType: mime} }
	for _, test := range []struct {
		names      []string
		mime, want string
		err        string
	}{
		{[]string{"a"}, "video/H264", "a.h264", ""},
		{[]string{"a"}, "video/H265", "a.h265", ""},
		{[]string{"a"}, "audio/opus", "a.ogg", ""},
		{[]string{"a.ivf", "b.ogg"}, "video/VP9", "a.ivf", ""},
		{[]string{"a.ivf", "b.ogg"}, "audio/opus", "b.ogg", ""},
		{[]string{"a.ivf"}, "audio/opus", "", ""},
		{[]string{"a.ogg"}, "video/AV1", "", ""},
		{[]string{"a.ivf"}, "video/H264", "", "goes into a.h264"},
		{[]string{"a"}, "audio/PCMU", "", "no file format"},
		{nil, "video/H264", "", ""},
	} {
		r, err := newRecordings(test.names, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.path(capability(test.mime))
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%v for %s: %q, %v", test.names, test.mime, got, err)
		}
	}
	there := filepath.Join(t.TempDir(), "there.ogg")
	if err := os.WriteFile(there, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newWriter(there, capability("audio/opus"), 0, 0); !errors.Is(err, errRecord) || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a file that is there: %v", err)
	}
}
