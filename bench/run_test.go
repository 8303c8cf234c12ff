package bench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func limited(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// yardstick is a real WHIP and WHEP server in this process.
func yardstick(t testing.TB, interceptors bool) *Fanout {
	t.Helper()
	f, err := NewFanout(t.Context(), interceptors)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func testConfig(f *Fanout) Config {
	return Config{
		WHIP: f.URL + "/whip", WHEP: f.URL + "/whep", Rate: 50, Sample: 5, PLI: true,
		Media: Media{Codec: "H264", Bitrate: 500_000, FPS: 30, GOP: time.Second, Audio: true},
	}
}

func TestRun(t *testing.T) {
	for _, c := range codecs() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t, time.Minute)
			config := testConfig(yardstick(t, false))
			config.Media.Codec = c.name
			r, err := Run(ctx, config, 4, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if r.Joins.Joined != 4 || r.Joins.FirstKeyframe.Count != 4 || r.Joins.FirstPacket.Count != 4 {
				t.Errorf("joins: %+v", r.Joins)
			}
			m := r.Media
			if m.FramesExpected < 4*20 || m.FramesMissing != 0 || m.Lost != 0 || m.Undecryptable != 0 || m.Latency.Count == 0 {
				t.Errorf("media: %+v", m)
			}
			if m.FramesWhole != uint64(m.FramesExpected) || m.Packets < uint64(m.FramesExpected) {
				t.Errorf("media: %+v", m)
			}
		})
	}
}

// TestOldServer: the other SRTP profile, and a server that starts the DTLS handshake.
func TestOldServer(t *testing.T) {
	t.Parallel()
	var settings webrtc.SettingEngine
	settings.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if err := settings.SetAnsweringDTLSRole(webrtc.DTLSRoleClient); err != nil {
		t.Fatal(err)
	}
	f, err := newFanout(t.Context(), false, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Run(limited(t, time.Minute), testConfig(f), 2, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Media; r.Joins.FirstKeyframe.Count != 2 || m.Undecryptable != 0 || m.FramesMissing != 0 || m.Latency.Count == 0 {
		t.Errorf("%+v, %+v", r.Joins, m)
	}
}

// TestOwnSockets: toward another machine each viewer has a socket.
func TestOwnSockets(t *testing.T) {
	t.Parallel()
	ctx := limited(t, time.Minute)
	f := yardstick(t, false)
	tester, err := New(ctx, testConfig(f))
	if err != nil {
		t.Fatal(err)
	}
	defer tester.Close()
	if err := errors.Join(tester.Publish(ctx), wait(ctx, time.Second)); err != nil {
		t.Fatal(err)
	}
	tester.loopback, tester.local = false, netip.MustParseAddr("127.0.0.1")
	if err := tester.Join(ctx, 2); err != nil || len(tester.watching()) != 0 {
		t.Errorf("%d viewers reached a loopback address of another machine, %v", len(tester.watching()), err)
	}
	for _, v := range []*viewer{tester.newViewer(), tester.newViewer()} {
		o, err := tester.sockets.open(false, tester.local)
		if err != nil {
			t.Fatal(err)
		}
		v.outlet = o
		if o.shared || o.local.Addr() != tester.local {
			t.Errorf("%+v", o.local)
		}
		if err := v.leave(ctx); err != nil {
			t.Error(err)
		}
	}
	if n := len(tester.sockets.all); n != 0 {
		t.Errorf("%d sockets are left", n)
	}
}

// TestLoss: viewers on a bad line ask for what they lost, by RTX, and get it.
func TestLoss(t *testing.T) {
	t.Parallel()
	config := testConfig(yardstick(t, true))
	config.Loss = 0.05
	r, err := Run(limited(t, time.Minute), config, 3, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	m := r.Media
	if m.Retransmitted+m.Late == 0 {
		t.Errorf("nothing was sent again: %+v", m)
	}
	if m.FramesMissing*10 > m.FramesExpected { // about 15 % have a gap before
		t.Errorf("%d of %d frames are missing in the end", m.FramesMissing, m.FramesExpected)
	}
}

// TestLossIsSeen: without retransmissions what is missing is told.
func TestLossIsSeen(t *testing.T) {
	t.Parallel()
	config := testConfig(yardstick(t, false))
	config.Loss = 0.2
	r, err := Run(limited(t, time.Minute), config, 3, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Media; m.Lost == 0 || m.FramesMissing == 0 {
		t.Errorf("a fifth is thrown away, and %d packets are lost, %d frames missing", m.Lost, m.FramesMissing)
	}
}

// TestForeignStream: somebody else publishes, so frames and times are not known, and what can be measured is.
func TestForeignStream(t *testing.T) {
	t.Parallel()
	f := yardstick(t, false)
	ctx := limited(t, time.Minute)
	other, err := New(ctx, testConfig(f))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Publish(ctx); err != nil {
		t.Fatal(err)
	}
	if err := wait(ctx, time.Second); err != nil {
		t.Fatal(err)
	}
	config := testConfig(f)
	config.WHIP = ""
	r, err := Run(ctx, config, 2, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Media; m.FramesExpected != -1 || m.FramesWhole == 0 || m.FramesMissing != 0 || m.Packets == 0 {
		t.Errorf("%+v", m)
	}
}

// TestServerGoes: a server that hangs up is noticed.
func TestServerGoes(t *testing.T) {
	t.Parallel()
	f := yardstick(t, false)
	ctx := limited(t, time.Minute)
	tester, err := New(ctx, testConfig(f))
	if err != nil {
		t.Fatal(err)
	}
	defer tester.Close()
	if err := errors.Join(tester.Publish(ctx), wait(ctx, time.Second), tester.Join(ctx, 3)); err != nil {
		t.Fatal(err)
	}
	if n := len(tester.watching()); n != 3 {
		t.Fatalf("%d viewers", n)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for tester.snapshot().ended < 3 {
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			t.Fatalf("%d of 3 viewers noticed: %v", tester.snapshot().ended, err)
		}
	}
	m, err := tester.Measure(ctx, time.Second)
	if err != nil || m.Ended != 3 || m.Viewers != 0 || m.Missing < 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"not there": {404, "no such stream", "404"},
		"no answer": {201, "hello", "SDP"},
		"odd":       {201, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			config := testConfig(&Fanout{URL: server.URL})
			config.WHIP = ""
			r, err := Run(limited(t, time.Minute), config, 2, time.Second)
			if err == nil || !strings.Contains(err.Error(), c.want) || r == nil || r.Joins.Failed != 2 {
				t.Errorf("%v, %+v", err, r)
			}
		})
	}
	if _, err := Run(t.Context(), Config{}, 1, time.Second); !errors.Is(err, ErrConfig) {
		t.Errorf("an empty configuration: %v", err)
	}
}

func TestCheck(t *testing.T) {
	good := testConfig(&Fanout{URL: "http://localhost"})
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"whep": func(c *Config) { c.WHEP = "localhost:8080" }, "whip": func(c *Config) { c.WHIP = "ftp://x/y" },
		"rate": func(c *Config) { c.Rate = 0 }, "loss": func(c *Config) { c.Loss = 1 }, "sample": func(c *Config) { c.Sample = 0 },
		"fps": func(c *Config) { c.Media.FPS = 0 }, "bitrate": func(c *Config) { c.Media.Bitrate = 1 },
		"layers": func(c *Config) { c.Media.Simulcast = 5 }, "codec": func(c *Config) { c.Media.Codec = "MPEG" },
	} {
		c := good
		if change(&c); c.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(t.Context(), Config{WHEP: "http://localhost/x", Rate: 1, Sample: 1, Media: good.Media, ServerPID: 1 << 30}); !errors.Is(err, ErrConfig) {
		t.Errorf("no such process: %v", err)
	}
}

// FuzzReceive: nothing that comes to a viewer's port breaks it.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"))
	f.Add([]byte("\x80\x60\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01payload"))
	f.Add([]byte("\x80\xc8\x00\x06\x00\x00\x00\x01\x00\x00\x00\x01payload of a report"))
	f.Add([]byte("\x15\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x00"))
	t := &Tester{config: Config{Sample: 1}}
	f.Fuzz(func(tt *testing.T, data []byte) {
		v := t.newViewer()
		defer v.handshake.Close()
		v.formats = []format{{payloadType: 96, mime: "video/VP8", rate: 90000}, {payloadType: 97, rtx: true, apt: 96}}
		for _, at := range []int64{1, 2} {
			v.receive(netip.AddrPort{}, data, at)
		}
		for _, s := range v.streams {
			s.settle()
			if s.Lost > 1<<15 {
				tt.Errorf("%+v", s.counts)
			}
		}
	})
}
