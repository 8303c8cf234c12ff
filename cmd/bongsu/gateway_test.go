package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// firstMatch is a writer that tells the first text in what is written that an expression matches.
type firstMatch struct {
	mu    sync.Mutex
	text  bytes.Buffer
	match *regexp.Regexp
	found chan string
	once  sync.Once
}

func (f *firstMatch) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.Write(p)
	if m := f.match.FindSubmatch(f.text.Bytes()); m != nil {
		f.once.Do(func() { f.found <- string(m[1]) })
	}
	return len(p), nil
}

// startGateway runs the whole server on free ports of the loopback address and gives its URL.
func startGateway(t testing.TB, change func(*Config)) (url string) {
	t.Helper()
	cfg := defaultConfig()
	cfg.Web.Listen, cfg.UDP, cfg.TCP, cfg.Data = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := &firstMatch{match: regexp.MustCompile(`running at (http\S+)`), found: make(chan string, 1)}
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, &cfg, slog.New(slog.DiscardHandler), out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	select {
	case url = <-out.found:
	case err := <-ended:
		t.Fatalf("serve: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("the server does not start")
	}
	return url
}

// viewer watches a stream with a real peer connection and hands out the headers of its video.
type viewer struct {
	*clientPeer
	headers chan rtp.Header
}

func startViewer(t testing.TB, ctx context.Context, url string) *viewer {
	t.Helper()
	server, err := newEndpoint(url, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	peer, err := newClientPeer(server, (*webrtc.MediaEngine).RegisterDefaultCodecs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	v := &viewer{clientPeer: peer, headers: make(chan rtp.Header, 10_000)}
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if track.Kind() != webrtc.RTPCodecTypeVideo {
				continue
			}
			select {
			case v.headers <- p.Header:
			default:
			}
		}
	})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := peer.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	if err := peer.connect(ctx); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *viewer) next(t testing.TB, ctx context.Context) rtp.Header {
	t.Helper()
	select {
	case h := <-v.headers:
		return h
	case <-v.down.Done():
		t.Fatal("the viewer's session ended")
	case <-ctx.Done():
		t.Fatal("no media")
	}
	return rtp.Header{}
}

// publishFile publishes the test clip until stop is called.
func publishFile(ctx context.Context, url, token string, files ...string) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	cmd := &PublishCmd{Files: files, To: url, Token: token, Loop: true}
	go func() { ended <- cmd.Run(ctx, io.Discard, slog.New(slog.DiscardHandler)) }()
	return func() error { cancel(); return <-ended }
}

func testClip(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../ingest/demo/clip.h264")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func limited(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestOneSessionOutlivesItsPublishers(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, nil)
	v := startViewer(t, ctx, url+"/whep/봉수") // before anybody publishes
	var last rtp.Header
	for round := range 3 {
		stop := publishFile(ctx, url+"/whip/봉수", "", testClip(t))
		for n := range 200 {
			h := v.next(t, ctx)
			if round+n > 0 && (h.SSRC != last.SSRC || h.SequenceNumber != last.SequenceNumber+1 || int32(h.Timestamp-last.Timestamp) < 0) {
				t.Fatalf("round %d, packet %d: %d (timestamp %d) came after %d (timestamp %d)", round, n, h.SequenceNumber, h.Timestamp, last.SequenceNumber, last.Timestamp)
			}
			last = h
		}
		if err := stop(); err != nil {
			t.Fatalf("publish: %v", err)
		}
		for len(v.headers) > 0 {
			last = <-v.headers
		}
	}
}

func TestPublisherTakesOverTheDemo(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Demo = true })
	v := startViewer(t, ctx, url+"/whep/demo")
	first := v.next(t, ctx)
	last := first
	follow := func(until func(rtp.Header) bool) {
		t.Helper()
		for {
			h := v.next(t, ctx)
			if h.SSRC != last.SSRC || h.SequenceNumber != last.SequenceNumber+1 {
				t.Fatalf("%+v after %+v", h, last)
			}
			if last = h; until(h) {
				return
			}
		}
	}
	stop := publishFile(ctx, url+"/whip", "demo", "../../ingest/testdata/vp8.ivf") // the token names the stream
	follow(func(h rtp.Header) bool { return h.PayloadType != first.PayloadType })
	if err := stop(); err != nil {
		t.Error(err)
	}
	follow(func(h rtp.Header) bool { return h.PayloadType == first.PayloadType })
}

// TestBadInput sends what a stranger may send, and looks whether a running broadcast notices.
func TestBadInput(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Demo = true })
	v := startViewer(t, ctx, url+"/whep/demo")
	v.next(t, ctx)
	chromium := readOffer(t, "whep-chromium.sdp")
	goroutines := runtime.NumGoroutine()
	for _, c := range []struct {
		name, method, path, contentType, body string
		status                                int
		detail                                string
	}{
		{"1 MiB of body", "POST", "/whep/demo", "application/sdp", strings.Repeat("a=b\r\n", 1<<20/5), 413, "65536 bytes"},
		{"truncated SDP", "POST", "/whep/demo", "application/sdp", chromium[:strings.Index(chromium, "m=")], 400, "m-line"},
		{"nothing", "POST", "/whep/demo", "application/sdp", "", 400, ""},
		{"not SDP", "POST", "/whip/x", "application/sdp", "hello", 400, ""},
		{"text/plain", "POST", "/whip/x", "text/plain", chromium, 415, "application/sdp"},
		{"no type", "POST", "/whip/x", "", chromium, 415, "application/sdp"},
		{"a viewer who publishes", "POST", "/whip/x", "application/sdp", chromium, 422, "recvonly"},
		{"two video lines", "POST", "/whep/demo", "application/sdp", twoVideos(chromium), 422, "m-line 2"},
		{"an unknown codec only", "POST", "/whep/demo", "application/sdp", unknownCodec, 422, "MPEG4"},
		{"a codec that the stream does not have", "POST", "/whep/demo", "application/sdp", strings.ReplaceAll(unknownCodec, "MPEG4", "VP8"), 422, "H264"},
		{"no name", "POST", "/whip", "application/sdp", chromium, 401, "names the stream"},
		{"a bad name", "POST", "/whep/a%20b", "application/sdp", chromium, 400, "letters and digits"},
		{"a name of bad bytes", "POST", "/whep/%ff", "application/sdp", chromium, 400, ""},
		{"a dead session", "DELETE", "/session/0123456789abcdef0123456789abcdef", "", "", 404, "ended"},
		{"PATCH of a dead session", "PATCH", "/session/0123456789abcdef0123456789abcdef", "application/trickle-ice-sdpfrag", "a=b", 404, ""},
		{"a wrong method", "PUT", "/whep/demo", "", "", 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(ctx, c.method, url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Close = true
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var p struct {
				Status int
				Detail string
			}
			if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
				t.Fatalf("%s: not a problem document: %v", resp.Status, err)
			}
			if resp.StatusCode != c.status || p.Status != c.status || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%s: %q; want %d and %q", resp.Status, p.Detail, c.status, c.detail)
			}
			if resp.Header.Get("Content-Type") != "application/problem+json" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
	for len(v.headers) > 0 {
		<-v.headers
	}
	last := v.next(t, ctx)
	for range 100 {
		h := v.next(t, ctx)
		if h.SequenceNumber != last.SequenceNumber+1 {
			t.Errorf("the running broadcast was disturbed: %d after %d", h.SequenceNumber, last.SequenceNumber)
		}
		last = h
	}
	for deadline := time.After(10 * time.Second); runtime.NumGoroutine() > goroutines; {
		select {
		case <-deadline:
			t.Fatalf("%d goroutines before, %d after", goroutines, runtime.NumGoroutine())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestBadFilesStopTheStart(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.h264")
	if err := os.WriteFile(text, []byte("this is no video\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := defaultConfig()
	cfg.Web.Listen, cfg.UDP, cfg.TCP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Streams = map[string]Stream{"lobby": {}}
	s := cfg.Streams["lobby"]
	s.File.Video = text
	cfg.Streams["lobby"] = s
	err := serve(t.Context(), &cfg, slog.New(slog.DiscardHandler), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "lobby") || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one that names the stream and the file", err)
	}
}

func readOffer(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../wish/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
}

// twoVideos repeats the offer's video line under a third mid.
func twoVideos(offer string) string {
	i := strings.Index(offer, "m=video")
	section := offer[i:]
	if j := strings.Index(section[1:], "m="); j >= 0 {
		section = section[:j+1]
	}
	mid := regexp.MustCompile(`a=mid:\S+`).FindString(section)
	group := regexp.MustCompile(`a=group:BUNDLE[^\r]*`)
	offer = group.ReplaceAllStringFunc(offer, func(g string) string { return g + " again" })
	return offer + strings.Replace(section, mid, "a=mid:again", 1)
}

var unknownCodec = strings.ReplaceAll(fmt.Sprintf(`v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:0
a=rtpmap:96 MPEG4/90000
a=recvonly
a=rtcp-mux
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuv
a=setup:actpass
a=fingerprint:sha-256 %s
`, strings.TrimSuffix(strings.Repeat("AB:", 32), ":")), "\n", "\r\n")
