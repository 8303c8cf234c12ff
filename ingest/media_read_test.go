package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bongsu/broadcast"
)

// parameterSets are those of testdata/slices.h264: constrained baseline, 96x64, 25 frames a second.
func parameterSets(t *testing.T) (sps, pps []byte) {
	t.Helper()
	data, err := os.ReadFile("testdata/slices.h264")
	if err != nil {
		t.Fatal(err)
	}
	for nal := range bytes.SplitSeq(data, []byte{0, 0, 1}) {
		nal = bytes.TrimRight(nal, "\x00")
		switch {
		case len(nal) > 0 && nal[0]&31 == nalSPS && sps == nil:
			sps = nal
		case len(nal) > 0 && nal[0]&31 == nalPPS && pps == nil:
			pps = nal
		}
	}
	return sps, pps
}

func TestAccessUnits(t *testing.T) {
	sps, pps := parameterSets(t)
	aud, sei := []byte{9, 0x10}, []byte{6, 5, 1, 0xaa, 0x80}
	idr, idr2 := []byte{0x65, 0x88, 1}, []byte{0x65, 0x08, 2} // first_mb_in_slice 0, and not
	p, p2 := []byte{0x41, 0x9a, 3}, []byte{0x41, 0x1a, 4}
	tests := []struct {
		name string
		nals [][]byte
		want []int // NAL units of each access unit
	}{
		{"a slice each", [][]byte{sps, pps, idr, p, p, p}, []int{3, 1, 1, 1}},
		{"many slices", [][]byte{sps, pps, idr, idr2, idr2, p, p2, p2, p, p2}, []int{5, 3, 2}},
		{"delimiters", [][]byte{aud, sps, pps, idr, aud, p, aud, p}, []int{3, 2, 2}},
		{"SEI goes with what follows", [][]byte{sps, pps, sei, idr, sei, p, sei, p}, []int{4, 2, 2}},
		{"parameter sets again", [][]byte{sps, pps, idr, p, sps, pps, idr}, []int{3, 1, 3}},
		{"several of them", [][]byte{sps, sps, pps, pps, idr, p}, []int{5, 1}},
		{"before the first SPS", [][]byte{p, p, idr, sps, pps, idr, p}, []int{3, 1}},
		{"layered NAL units are left out", [][]byte{sps, {0x6f, 1, 2}, pps, {0x6e, 1}, idr, {0x74, 1}, {0x6e, 1}, p}, []int{3, 1}},
		{"nothing after the last picture", [][]byte{sps, pps, idr, p, aud, sps}, []int{3, 1}},
		{"end of sequence stays", [][]byte{sps, pps, idr, {10}, p, {11}}, []int{4, 2}},
	}
	for _, test := range tests {
		for _, code := range [][]byte{{0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 0, 0, 1}} {
			t.Run(test.name, func(t *testing.T) {
				var stream []byte
				for _, nal := range test.nals {
					stream = append(append(stream, code...), nal...)
				}
				r, err := openAnnexB("x", bufio.NewReader(bytes.NewReader(stream)), 0)
				if err != nil {
					t.Fatal(err)
				}
				var got []int
				for {
					f, err := r.next()
					if errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					got = append(got, bytes.Count(f.data, startCode))
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("access units of %v NAL units, want %v", got, test.want)
				}
			})
		}
	}
}

// TestH264Payload: whatever parameter sets an access unit has, all of them are sent.
func TestH264Payload(t *testing.T) {
	sps, pps := parameterSets(t)
	long := append([]byte{0x68}, bytes.Repeat([]byte{7}, 1190)...)
	idr := []byte{0x65, 0x88, 1}
	for name, nals := range map[string][][]byte{
		"one of each": {sps, pps, idr}, "two PPS": {sps, pps, pps, idr}, "two SPS": {sps, sps, pps, idr},
		"only a PPS": {pps, idr}, "too long for one packet": {sps, long, idr},
	} {
		t.Run(name, func(t *testing.T) {
			var unit []byte
			for _, nal := range nals {
				unit = append(append(unit, startCode...), nal...)
			}
			payloads := (&h264Payloader{}).Payload(mtu-12, unit)
			sent := bytes.Join(payloads, nil)
			for _, nal := range nals {
				want := bytes.Count(unit, nal[1:min(len(nal), 1000)])
				if got := bytes.Count(sent, nal[1:min(len(nal), 1000)]); got != want {
					t.Errorf("NAL unit of type %d is sent %d times, want %d", nal[0]&31, got, want)
				}
			}
		})
	}
}

func TestReadFormats(t *testing.T) {
	tests := []struct {
		file   string
		codec  broadcast.Codec
		frames int
		dur    time.Duration // of all
	}{
		{"slices.h264", broadcast.Codec{MimeType: "video/H264", ClockRate: 90000,
			Fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c00a"}, 15, 600 * time.Millisecond},
		{"vp8.ivf", broadcast.Codec{MimeType: "video/VP8", ClockRate: 90000}, 15, 600 * time.Millisecond},
		{"vp9.ivf", broadcast.Codec{MimeType: "video/VP9", ClockRate: 90000, Fmtp: "profile-id=0"}, 15, 600 * time.Millisecond},
		{"av1.ivf", broadcast.Codec{MimeType: "video/AV1", ClockRate: 90000}, 15, 600 * time.Millisecond},
		{"mono.ogg", broadcast.Codec{MimeType: "audio/opus", ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1"}, 26, 520 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			tr, err := openTrack(File(filepath.Join("testdata", test.file)), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer tr.close()
			if tr.codec != test.codec {
				t.Errorf("codec %+v, want %+v", tr.codec, test.codec)
			}
			f, n := tr.next, 1
			at := f.at
			for {
				next, err := tr.frames.next()
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				next.at += tr.origin
				if next.at != f.at+f.dur && n > 1 {
					t.Errorf("frame %d at %v, after one at %v of %v", n, next.at, f.at, f.dur)
				}
				f = next
				n++
			}
			if n != test.frames || f.at+f.dur-at != test.dur {
				t.Errorf("%d frames in %v, want %d in %v", n, f.at+f.dur-at, test.frames, test.dur)
			}
		})
	}
}

// TestNotes: what a user should know about a file, and nothing about a good one.
func TestNotes(t *testing.T) {
	for _, test := range []struct {
		file string
		fps  float64
		want string
	}{
		{"slices.h264", 0, ""},
		{"slices.h264", 25, ""},
		{"slices.h264", 30, "testdata/slices.h264 says that it has 25 frames a second; --fps 30 is not used"},
		{"bframes.h264", 0, "testdata/bframes.h264 has B-frames"},
	} {
		m := open(t, FileConfig{FPS: test.fps}, File("testdata/"+test.file))
		if got := strings.Join(m.Notes(), "; "); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", test.file, got, test.want)
		}
	}
	for fps, want := range map[float64]time.Duration{0: time.Second / 30, 50: time.Second / 50} {
		m := open(t, FileConfig{FPS: fps}, noVUI(t))
		if got := m.tracks[0].next.dur; got != want {
			t.Errorf("--fps %g plays a frame in %v, want %v", fps, got, want)
		}
		if said := len(m.Notes()) == 1; said != (fps == 0) {
			t.Errorf("--fps %g: %q", fps, m.Notes())
		}
	}
}

// noVUI is a stream whose SPS does not say the frame rate.
func noVUI(t *testing.T) Input {
	_, pps := parameterSets(t)
	sps := []byte{0x67, 0x42, 0xc0, 0x0a, 0xda, 0x18, 0x99} // 96x64
	stream := bytes.Join([][]byte{nil, sps, pps, {0x65, 0x88, 1}, {0x41, 0x9a, 3}}, startCode)
	return Input{Name: "plain.h264", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stream)), nil }}
}

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		d    time.Duration
		rate uint32
		want uint32
	}{
		{0, 90000, 0},
		{time.Second / 30, 90000, 3000},
		{time.Second * 1001 / 30000, 90000, 3003},
		{-6500 * time.Microsecond, 48000, 1<<32 - 312},
		{48 * time.Hour, 90000, uint32(48 * 3600 * 90000 % (1 << 32))},
		{1000*time.Hour + 20*time.Millisecond, 48000, uint32((1000*3600*48000 + 960) % (1 << 32))},
	} {
		if got := ticks(test.d, test.rate); got != test.want {
			t.Errorf("%v at %d Hz is %d, want %d", test.d, test.rate, got, test.want)
		}
	}
}

// TestBadFiles: each error wraps ErrMedia, names the file, and says what it is or what to do.
func TestBadFiles(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	tests := []struct{ name, content, want string }{
		{"empty.h264", "", "is empty"},
		{"clip.mp4", "\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", "is an MP4 file; convert it with: ffmpeg -i "},
		{"my clip.mp4", "\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", "my clip.mp4' -c copy"},
		{"large.mp4", "\x00\x00\x01\x00ftypisom\x00\x00\x02\x00", "is an MP4 file"},
		{"good.txt", "Good day", "is a text file"},
		{"clip.mkv", "\x1aE\xdf\xa3\x01\x00", "is a Matroska or WebM file"},
		{"clip.ts", "G" + strings.Repeat("\xff", 187) + "G" + strings.Repeat("\xff", 187), "is an MPEG transport stream"},
		{"clip.wav", "RIFF\x00\x00\x00\x00WAVEfmt ", "is a WAV file"},
		{"clip.mp3", "ID3\x04", "libopus"},
		{"notes.txt", "Dear reader,\n이것은 글입니다.\n", "is a text file"},
		{"noise.bin", "\x93\x00\x12\xfe\x88\x91", "is not an H.264 Annex B, IVF"},
		{"clip.h265", "\x00\x00\x00\x01\x40\x01\x0c\x01", "is H.265"},
		{"clip.m2v", "\x00\x00\x01\xb3\x16\x00", "MPEG-1, -2 or -4"},
		{"nosps.h264", "\x00\x00\x00\x01\x65\x88\x80\x00\x00\x01\x41\x9a", "has no sequence parameter set"},
		{"badsps.h264", "\x00\x00\x00\x01\x67", "sequence parameter set that cannot be read"},
		{"nopicture.h264", read("slices.h264")[:60], "has no"},
		{"header.ivf", "DKIF\x00\x00", "has no valid IVF header"},
		{"noframes.ivf", read("vp8.ivf")[:32], "has no frames"},
		{"cut.ivf", read("vp8.ivf")[:100], "is cut short in frame 1"},
		{"codec.ivf", strings.Replace(read("vp8.ivf"), "VP80", "H264", 1), `has the codec "H264"`},
		{"huge.ivf", read("vp8.ivf")[:32] + "\xff\xff\xff\xff" + strings.Repeat("\x00", 20), "claims to have"},
		{"vorbis.ogg", read("vorbis.ogg"), "is not an Ogg file with Opus"},
		{"noframes.ogg", read("mono.ogg")[:47], "has no frames"},
		{"damaged.ogg", strings.Replace(read("mono.ogg"), "OpusTags", "OpusTugs", 1), "is damaged at packet 1"},
		{"cut.ogg", read("mono.ogg")[:len(read("mono.ogg"))-30], "is cut short"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.name)
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenMediaFrom(FileConfig{}, File(path))
			if !errors.Is(err, ErrMedia) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want ErrMedia with the path and %q", err, test.want)
			}
		})
	}
}

func TestBadConfig(t *testing.T) {
	live := Input{Name: "standard input", Live: true}
	h264, vp8, ogg := File("testdata/slices.h264"), File("testdata/vp8.ivf"), File("testdata/mono.ogg")
	tests := []struct {
		name   string
		cfg    FileConfig
		inputs []Input
		err    error
		want   string
	}{
		{"nothing", FileConfig{}, nil, ErrFileConfig, "neither"},
		{"three", FileConfig{}, []Input{h264, ogg, vp8}, ErrFileConfig, "3 files"},
		{"two videos", FileConfig{}, []Input{h264, vp8}, ErrMedia, "both video"},
		{"fps", FileConfig{FPS: -1}, []Input{h264}, ErrFileConfig, "fps is -1"},
		{"looped pipe", FileConfig{Loop: true}, []Input{live}, ErrFileConfig, "cannot be looped"},
		{"absent", FileConfig{}, []Input{File("testdata/absent.h264")}, os.ErrNotExist, "testdata/absent.h264"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := OpenMediaFrom(test.cfg, test.inputs...)
			if !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	_, err := OpenMedia(FileConfig{Video: "testdata/mono.ogg"})
	if !errors.Is(err, ErrMedia) || !strings.Contains(err.Error(), "is given as video, but is audio") {
		t.Errorf("sound as video: %v", err)
	}
}

func FuzzMedia(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := openTrack(Input{Name: "fuzz", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(data)), nil
		}}, 0)
		if err != nil {
			return
		}
		defer tr.close()
		last, bytesRead := tr.next, 0
		for err == nil {
			for _, payload := range tr.payloader.Payload(mtu-12, last.data) {
				if tr.codec.Kind() == broadcast.Video && len(payload) > mtu-12 {
					t.Fatalf("a payload of %d bytes", len(payload))
				}
			}
			if last.dur <= 0 {
				t.Fatalf("a frame of %v", last.dur)
			}
			bytesRead += len(last.data)
			var next frame
			if next, err = tr.frames.next(); err == nil && next.at+tr.origin < last.at && next.at < last.at {
				t.Fatalf("a frame at %v after one at %v", next.at, last.at)
			}
			last = next
		}
		if bytesRead > 2*len(data)+100 {
			t.Fatalf("%d bytes of frames from %d", bytesRead, len(data))
		}
	})
}
