package main

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// standFrame gives the packets of a frame as an encoder makes it: H.264 with parameter sets before the keyframes.
func standFrame(frame int) (payloads [][]byte) {
	codec := linkCodecs()["H264"]
	for m := (linkMark{frame: frame}); m.index < m.count(); m.index++ {
		payloads = append(payloads, codec.payload(m))
	}
	return payloads
}

// publishFrames sends a frame every 20 ms until enough says so or sending fails.
func publishFrames(ctx context.Context, send func([][]byte) error, enough func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for frame := 0; !enough(); frame++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := send(standFrame(frame)); err != nil {
			return err
		}
	}
	return nil
}

// status asks a URL.
func status(t *testing.T, ctx context.Context, method, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// until asks again and again until what is asked for is so, and gives how long that took.
func until(t *testing.T, ctx context.Context, what string, is func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, time.Since(begin).Round(time.Second))
		}
	}
	return time.Since(begin)
}

// streamState is a stream as the API tells it.
type streamState struct {
	Name, State string
	Viewers     int
	Tracks      []struct {
		Kind, Codec   string
		Width, Height int
	}
}

func streamOf(t *testing.T, ctx context.Context, url, name string) (s streamState) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/streams/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestFFmpeg: every kind of FFmpeg connects within its 5 s, its picture reaches a viewer, and it learns when the server
// ends the session (W-41).
func TestFFmpeg(t *testing.T) {
	t.Parallel()
	url := startGateway(t, nil)
	for name, version := range map[string]ffmpegVersion{
		"8.0": {}, "8.0-video-only": {video: true}, "newer": {consent: true}, "newer-active": {consent: true, active: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t, 60*time.Second)
			f := newFFmpeg(t, ctx, url+"/whip/"+name, version)
			v := startLinkViewer(t, ctx, url+"/whep/"+name, nil)
			if err := publishFrames(ctx, f.frame, func() bool { return len(v.whole()) > 50 }); err != nil {
				t.Fatal(err)
			}
			s := streamOf(t, ctx, url, name)
			if want := map[bool]int{false: 2, true: 1}[version.video]; s.State != "live" || len(s.Tracks) != want {
				t.Errorf("stream %+v", s)
			}
			if s := status(t, ctx, http.MethodDelete, f.resource); s != http.StatusOK {
				t.Errorf("DELETE: %d", s)
			}
			f.isEnded(t, ctx, "DELETE")
		})
	}
}

// TestSilentFFmpeg: FFmpeg 8.0, which neither answers nor makes a check, stays for as long as it sends, longer than consent
// lasts (RFC 7675 section 5.1), and its name is free again within 15 s after it stops without a word (W-79).
func TestSilentFFmpeg(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 90*time.Second)
	url := startGateway(t, nil)
	f := newFFmpeg(t, ctx, url+"/whip/s", ffmpegVersion{})
	v := startLinkViewer(t, ctx, url+"/whep/s", nil)
	end := time.Now().Add(35 * time.Second)
	if err := publishFrames(ctx, f.frame, func() bool { return time.Now().After(end) }); err != nil {
		t.Fatal(err)
	}
	if whole := len(v.whole()); whole < 35*50/2 {
		t.Errorf("the viewer has %d frames", whole)
	}
	isGone(t, ctx, f.resource, 15*time.Second)
	next := newFFmpeg(t, ctx, url+"/whip/s", ffmpegVersion{})
	seen := len(v.whole())
	first := 1000 * linkGOP // its frames are others
	send := func([][]byte) error { first++; return next.frame(standFrame(first - 1)) }
	if err := publishFrames(ctx, send, func() bool { return len(v.whole()) > seen+5 }); err != nil {
		t.Fatal(err)
	}
}

// TestTakeover: a publisher that starts again before its old session is noticed to be dead has its name at once, the old
// session ends, and nobody, neither viewers nor the API, sees the stream go in between.
func TestTakeover(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, nil)
	old := newFFmpeg(t, ctx, url+"/whip/s", ffmpegVersion{})
	v := startLinkViewer(t, ctx, url+"/whep/s", nil)
	if err := publishFrames(ctx, old.frame, func() bool { return len(v.whole()) >= 5 }); err != nil {
		t.Fatal(err)
	}
	states := make(chan string, 1)
	asking, enough := context.WithCancel(ctx)
	defer enough()
	go func() {
		state := "live"
		for asking.Err() == nil && state == "live" {
			state = streamOf(t, ctx, url, "s").State
		}
		states <- state
	}()
	next := newFFmpeg(t, ctx, url+"/whip/s", ffmpegVersion{})
	select {
	case <-old.ended:
	case <-ctx.Done():
		t.Error("no close_notify to who was taken over")
	}
	until(t, ctx, "the end of the old session", func() bool { return status(t, ctx, http.MethodGet, old.resource) == http.StatusNotFound })
	seen := len(v.whole())
	offset := 1000 * linkGOP // its frames are others
	err := publishFrames(ctx, func([][]byte) error { offset++; return next.frame(standFrame(offset - 1)) }, func() bool { return len(v.whole()) > seen+5 })
	if err != nil {
		t.Fatal(err)
	}
	enough()
	if state := <-states; state != "live" {
		t.Errorf("the API said %q", state)
	}
}
