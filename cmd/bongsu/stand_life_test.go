package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"bongsu/egress"
	"bongsu/wish"
)

// transports are those of viewers.
func transports() []string { return []string{egress.TransportAuto, egress.TransportPC} }

// isGone waits for the end of a session, at most for so long.
func isGone(t *testing.T, ctx context.Context, resource string, within time.Duration) {
	t.Helper()
	took := until(t, ctx, "the end of the session", func() bool { return status(t, ctx, http.MethodGet, resource) == http.StatusNotFound })
	if took > within {
		t.Errorf("the session ended after %v, want at most %v", took, within)
	}
	t.Logf("gone after %v", took.Round(100*time.Millisecond))
}

// TestVanishedViewers: viewers that are cut off without a word are gone within 30 s (E-37).
func TestVanishedViewers(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 90*time.Second)
	viewers := map[string]*ffmpeg{} // by gateway
	for _, transport := range transports() {
		url := startGateway(t, func(c *Config) { c.Egress.Transport = transport; c.Demo = true })
		v := newFFmpeg(t, ctx, url+"/whep/demo", ffmpegVersion{active: true, consent: true, play: true})
		until(t, ctx, "media", func() bool { return v.media.Load() > 100 })
		if n := streamOf(t, ctx, url, demoStream).Viewers; n != 1 {
			t.Errorf("%d viewers", n)
		}
		viewers[url] = v
	}
	for _, v := range viewers {
		v.gone.Store(true)
	}
	for url, v := range viewers {
		isGone(t, ctx, v.resource, 30*time.Second)
		until(t, ctx, "the viewer's place", func() bool { return streamOf(t, ctx, url, demoStream).Viewers == 0 })
	}
}

// TestHangUp: close_notify from the client ends a session at once (W-80).
func TestHangUp(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		url := startGateway(t, func(c *Config) { c.Egress.Transport = transport })
		for name, v := range map[string]ffmpegVersion{"publisher": {}, "active-publisher": {active: true}, "viewer": {active: true, play: true}, "passive-viewer": {play: true}} {
			t.Run(transport+"/"+name, func(t *testing.T) {
				t.Parallel()
				ctx := limited(t, 60*time.Second)
				f := newFFmpeg(t, ctx, url+standPath(v)+name, v)
				if err := f.dtls.Close(); err != nil {
					t.Fatal(err)
				}
				isGone(t, ctx, f.resource, 2*time.Second)
			})
		}
	}
}

func standPath(v ffmpegVersion) string {
	if v.play {
		return "/whep/"
	}
	return "/whip/"
}

// TestNeverConnected: sessions whose clients never come are freed, and so are their names (W-81).
func TestNeverConnected(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 60*time.Second)
	var resources []string
	for _, transport := range transports() {
		url := startGateway(t, func(c *Config) { c.Egress.Transport = transport })
		for path, file := range map[string]string{"/whip/a": "whip-obs.sdp", "/whip/b": "whip-ffmpeg.sdp", "/whep/c": "whep-chromium.sdp"} {
			_, resource, err := (&wish.Client{Endpoint: url + path}).Post(ctx, readOffer(t, file))
			if err != nil {
				t.Fatal(err)
			}
			if s := status(t, ctx, http.MethodGet, resource.URL); s != http.StatusNoContent {
				t.Errorf("GET: %d", s)
			}
			resources = append(resources, resource.URL)
		}
	}
	for _, resource := range resources {
		isGone(t, ctx, resource, 22*time.Second)
	}
}

// TestServerEnds: when the server ends a session, by DELETE, by a takeover or as it shuts down, it says so by close_notify and
// answers no check any more (W-78, E-38).
func TestServerEnds(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		for name, v := range map[string]ffmpegVersion{"publisher": {}, "active-publisher": {active: true}, "viewer": {active: true, play: true}, "passive-viewer": {play: true}} {
			t.Run(transport+"/"+name, func(t *testing.T) {
				t.Parallel()
				ctx := limited(t, 90*time.Second)
				var last *ffmpeg
				t.Run("gateway", func(g *testing.T) { // ends the gateway with it
					url := startGateway(g, func(c *Config) { c.Egress.Transport = transport; c.Demo = v.play }) + standPath(v) + demoStream
					f := connected(t, ctx, url, v)
					if s := status(t, ctx, http.MethodDelete, f.resource); s != http.StatusOK {
						t.Errorf("DELETE: %d", s)
					}
					f.isEnded(t, ctx, "DELETE")
					last = connected(t, ctx, url, v)
					if !v.play {
						f, last = last, connected(t, ctx, url, v)
						f.isEnded(t, ctx, "takeover")
						if s := status(t, ctx, http.MethodGet, f.resource); s != http.StatusNotFound {
							t.Errorf("the session that was taken over: %d", s)
						}
					}
				})
				last.isEnded(t, ctx, "shutdown")
			})
		}
	}
}

// connected is a client whose session the server knows to be up: media comes from it, or reports on the client's.
func connected(t *testing.T, ctx context.Context, url string, v ffmpegVersion) *ffmpeg {
	t.Helper()
	f := newFFmpeg(t, ctx, url, v)
	send := f.frame
	if v.play {
		send = func([][]byte) error { return nil }
	}
	if err := publishFrames(ctx, send, func() bool { return f.media.Load() > 0 }); err != nil {
		t.Fatal(err)
	}
	if !f.isAnswered(t) {
		t.Fatal("checks are not answered")
	}
	return f
}

func (f *ffmpeg) isEnded(t *testing.T, ctx context.Context, by string) {
	t.Helper()
	select {
	case <-f.ended:
	case <-ctx.Done():
		t.Fatalf("%s: no close_notify", by)
	}
	if f.isAnswered(t) {
		t.Errorf("%s: the server still answers checks", by)
	}
}
