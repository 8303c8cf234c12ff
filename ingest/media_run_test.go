package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

// sent is one packet that Run gave, with the time by the (fake) clock.
type sent struct {
	track int
	p     *rtp.Packet
	at    time.Time // what it stands for
	now   time.Duration
}

// play runs m for d of fake time; each is called for every packet.
func play(t *testing.T, m *Media, d time.Duration, each func(sent)) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	start := time.Now()
	return m.Run(ctx, func(track int, p *rtp.Packet, at time.Time) { each(sent{track, p, at, time.Since(start)}) })
}

func open(t *testing.T, cfg FileConfig, inputs ...Input) *Media {
	t.Helper()
	m, err := OpenMediaFrom(cfg, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestPacing: every frame is sent when it is due by one clock, without drift, over hours of loops and the wrap-around of
// sequence numbers and timestamps.
func TestPacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, FileConfig{Loop: true}, File("testdata/vp8.ivf"))
		m.tracks[0].seq, m.tracks[0].timestamp = 65000, 1<<32-90000
		frames := 0
		var last *rtp.Packet
		err := play(t, m, time.Hour-time.Millisecond, func(s sent) {
			if last != nil && s.p.SequenceNumber != last.SequenceNumber+1 {
				t.Fatalf("sequence number %d after %d", s.p.SequenceNumber, last.SequenceNumber)
			}
			if want := uint32(frames)*3600 - 90000; s.p.Timestamp != want {
				t.Fatalf("timestamp %d of frame %d, want %d", s.p.Timestamp, frames, want)
			}
			if want := time.Duration(frames) * 40 * time.Millisecond; s.now != want {
				t.Fatalf("frame %d sent at %v, want %v", frames, s.now, want)
			}
			if s.p.Marker {
				frames++
			}
			last = s.p
		})
		if !errors.Is(err, context.DeadlineExceeded) || frames != 25*3600 {
			t.Errorf("%d frames, %v", frames, err)
		}
	})
}

// TestLipSync: the sound begins again with the picture, is filled up with silence when it is shorter and left out when it is
// longer, and its timestamps never go back.
func TestLipSync(t *testing.T) {
	video, _ := os.ReadFile("testdata/vp8.ivf")
	short := append([]byte(nil), video[:len(video)/2]...)
	for n := 32; ; { // cut at a frame
		size := 12 + int(video[n]) + int(video[n+1])<<8
		if n+size > len(short) {
			short = short[:n]
			break
		}
		n += size
	}
	cut := Input{Name: "short.ivf", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(short)), nil }}
	for name, input := range map[string]Input{"sound is shorter": File("testdata/vp8.ivf"), "sound is longer": cut} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := open(t, FileConfig{Loop: true}, File("testdata/mono.ogg"), input)
				opening := m.tracks[1].next.data
				var loops, sounds []time.Duration // when each loop's picture and sound began
				var end uint32                    // of the last packet of sound
				var seq uint16
				silence := 0
				play(t, m, 30*time.Second, func(s sent) {
					if s.track == 0 {
						if s.p.Payload[1]&1 == 0 && s.p.Payload[0]&0x10 != 0 && m.tracks[0].next.at == m.begin { // first keyframe of the file
							loops = append(loops, s.now)
						}
						return
					}
					if end != 0 {
						if gap := int32(s.p.Timestamp - end); gap < -48 || gap > 960 {
							t.Fatalf("gap of %d samples before the sound at %v", gap, s.now)
						}
						if s.p.SequenceNumber != seq+1 {
							t.Fatalf("sequence number %d after %d", s.p.SequenceNumber, seq)
						}
					}
					seq, end = s.p.SequenceNumber, s.p.Timestamp+960
					if bytes.Equal(s.p.Payload, opusSilence) {
						silence++
					}
					if bytes.Equal(s.p.Payload, opening) {
						sounds = append(sounds, s.now)
					}
				})
				if len(loops) < 40 || len(sounds) == 0 {
					t.Fatalf("%d loops of picture, %d of sound", len(loops), len(sounds))
				}
				for _, at := range sounds {
					near := false
					for _, loop := range loops {
						near = near || (at-loop).Abs() <= 7*time.Millisecond // the pre-skip goes before
					}
					if !near {
						t.Errorf("the sound began again at %v, and no picture did", at)
					}
				}
				if want := name == "sound is shorter"; (silence > 0) != want {
					t.Errorf("%d packets of silence", silence)
				}
			})
		})
	}
}

// TestNoLoop: each track plays to its own end, and Run returns nil.
func TestNoLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, FileConfig{}, File("testdata/vp9.ivf"), File("testdata/mono.ogg"))
		markers, sounds := 0, 0
		var firstSound, firstPicture time.Time
		err := play(t, m, time.Minute, func(s sent) {
			switch {
			case s.track == 1:
				if sounds++; sounds == 1 {
					firstSound = s.at
				}
			case s.p.Marker:
				if markers++; markers == 1 {
					firstPicture = s.at
				}
			}
		})
		if err != nil || markers != 15 || sounds != 26 {
			t.Errorf("%d pictures, %d packets of sound, %v", markers, sounds, err)
		}
		if preSkip := firstPicture.Sub(firstSound); preSkip != 6500*time.Microsecond {
			t.Errorf("the sound's first sample is %v before the picture, want the pre-skip", preSkip)
		}
	})
}

// TestRequestKeyframe: near the end the next loop begins at once; elsewhere nothing changes, nor in the first loop, whose end is not known.
func TestRequestKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, FileConfig{Loop: true}, File("testdata/vp8.ivf"))
		keyframes := []time.Duration{}
		frames := 0
		play(t, m, 1900*time.Millisecond, func(s sent) {
			if !s.p.Marker {
				return
			}
			if m.tracks[0].next.at == m.begin {
				keyframes = append(keyframes, s.now)
			}
			if frames++; frames == 5 || frames == 20 { // the fifth of each of the first two loops
				m.RequestKeyframe()
			}
		})
		want := []time.Duration{0, 600, 800, 1400} // ms: 0.6 s, then cut to 0.2 s
		if len(keyframes) != len(want) {
			t.Fatalf("loops began at %v, want %v ms", keyframes, want)
		}
		for i := range want {
			if keyframes[i] != want[i]*time.Millisecond {
				t.Errorf("loop %d began at %v, want %d ms", i, keyframes[i], want[i])
			}
		}
	})
}

// TestResume: a second Run goes on with the next frame, and the clock has waited.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, FileConfig{Loop: true}, File("testdata/vp8.ivf"))
		var last *rtp.Packet
		first := true
		play(t, m, 210*time.Millisecond, func(s sent) { last = s.p })
		<-time.After(10 * time.Second)
		play(t, m, time.Second, func(s sent) {
			if first {
				first = false
				if s.p.SequenceNumber != last.SequenceNumber+1 || s.now != 0 {
					t.Errorf("sequence number %d after %d, after %v", s.p.SequenceNumber, last.SequenceNumber, s.now)
				}
				if passed := s.p.Timestamp - last.Timestamp; passed != (10*1000+10)*90 {
					t.Errorf("timestamp moved by %d", passed)
				}
			}
			if s.now > 0 && s.now%(40*time.Millisecond) != 0 {
				t.Errorf("a frame after %v", s.now)
			}
		})
	})
}

// TestLiveInput: a pipe that stalls moves the clock on, and is not followed by a rush; what comes early is paced.
func TestLiveInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data, err := os.ReadFile("testdata/vp8.ivf")
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		go func() {
			defer w.Close()
			w.Write(data[:len(data)/2])
			<-time.After(5 * time.Second)
			w.Write(data[len(data)/2:])
		}()
		m := open(t, FileConfig{}, Input{Name: "pipe", Live: true, Open: func() (io.ReadCloser, error) { return r, nil }})
		var times []time.Duration
		var stamps []uint32
		if err := play(t, m, time.Minute, func(s sent) {
			if s.p.Marker {
				times, stamps = append(times, s.now), append(stamps, s.p.Timestamp)
			}
		}); err != nil {
			t.Fatal(err)
		}
		stalls := 0
		for i := 1; i < len(times); i++ {
			step := times[i] - times[i-1]
			if stamp := ticks(step, 90000); stamps[i]-stamps[i-1] != stamp {
				t.Errorf("frame %d: %v passed, and the timestamp moved by %d", i, step, stamps[i]-stamps[i-1])
			}
			if step > time.Second {
				stalls++
			} else if step != 40*time.Millisecond {
				t.Errorf("frame %d came after %v", i, step)
			}
		}
		if len(times) != 15 || stalls != 1 {
			t.Errorf("%d frames, %d stalls", len(times), stalls)
		}
	})
}

// TestLiveInputGivenUp: a pipe that gives nothing holds up neither the end of Run nor Close.
func TestLiveInputGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data, err := os.ReadFile("testdata/vp8.ivf")
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		go w.Write(data[:len(data)/2])
		m := open(t, FileConfig{}, Input{Name: "pipe", Live: true, Open: func() (io.ReadCloser, error) { return r, nil }})
		if err := play(t, m, time.Minute, func(sent) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run returned %v", err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestDemo: the built-in clip loops without a seam: 300 pictures and 500 packets of sound each time.
func TestDemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := Demo()
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if len(m.Notes()) > 0 {
			t.Errorf("notes: %v", m.Notes())
		}
		var sound *rtp.Packet
		pictures, sounds := 0, 0
		play(t, m, 30*time.Second-10*time.Millisecond, func(s sent) {
			if s.track == 0 {
				if s.p.Marker {
					pictures++
				}
				return
			}
			if sound != nil && s.p.Timestamp != sound.Timestamp+960 {
				t.Fatalf("the sound has a gap of %d at %v", s.p.Timestamp-sound.Timestamp, s.now)
			}
			sound = s.p
			sounds++
		})
		if pictures != 900 || sounds != 1500 {
			t.Errorf("%d pictures and %d packets of sound in 30 s", pictures, sounds)
		}
	})
}
