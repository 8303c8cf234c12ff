package ingest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"bongsu/broadcast"
)

func readOffer(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../wish/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
}

// nothingLeft waits until there are no streams and no more goroutines than before.
func (e *endpoint) nothingLeft(goroutines int, within time.Duration) {
	e.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(within); len(e.hub.Streams()) > 0 || runtime.NumGoroutine() > goroutines; {
		select {
		case <-tick.C:
		case <-end:
			e.t.Fatalf("%d goroutines, before %d; streams %+v", runtime.NumGoroutine(), goroutines, e.hub.Streams())
		}
	}
}

// TestRefusalsLeaveNothing: neither a stream nor a goroutine, and they take nobody's place (W-36, W-37, W-42, W-45).
func TestRefusalsLeaveNothing(t *testing.T) {
	e := startEndpoint(t, nil)
	offer := readOffer(t, "whip-obs.sdp")
	audio, video, _ := strings.Cut(offer, "m=video")
	goroutines := runtime.NumGoroutine()
	for name, bad := range map[string]string{
		"nothing":            "",
		"no media":           audio[:strings.Index(audio, "m=audio")],
		"two videos":         offer + "m=video" + strings.ReplaceAll(video, "a=mid:1", "a=mid:2"),
		"an unknown codec":   strings.ReplaceAll(offer, "H264/90000", "MPEG4/90000"),
		"no fingerprint":     strings.ReplaceAll(offer, "a=fingerprint:", "a=x:"),
		"a bad fingerprint":  strings.ReplaceAll(offer, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 ZZ"),
		"no credentials":     strings.ReplaceAll(offer, "a=ice-", "a=x-"),
		"a viewer":           strings.ReplaceAll(offer, "a=sendonly", "a=recvonly"),
		"not multiplexed":    strings.ReplaceAll(offer, "a=rtcp-mux", "a=x"),
		"nothing but a line": "v=0\r\n",
	} {
		resp := e.do(http.MethodPost, "/whip/lobby", "mine", bad)
		if resp.StatusCode != 599 || resp.Header.Get("Location") != "" {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	e.nothingLeft(goroutines, 5*time.Second)

	// One is here: an other's offer is refused whatever it is, and its own bad one takes nothing over.
	first, _ := e.post("/whip/lobby", "mine", "whip-obs.sdp")
	if resp := e.do(http.MethodPost, "/whip/lobby", "mine", "v=0\r\n"); resp.StatusCode != 599 {
		t.Errorf("a bad offer: %s", resp.Status)
	}
	if resp, text := e.post("/whip/lobby", "other", "whip-obs.sdp"); resp.StatusCode != 599 || !strings.Contains(text, broadcast.ErrBusy.Error()) {
		t.Errorf("another's: %s %s", resp.Status, text)
	}
	if resp := e.do(http.MethodGet, first.Header.Get("Location"), "", ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("the first one was disturbed: %s", resp.Status)
	}
	if resp := e.do(http.MethodDelete, first.Header.Get("Location"), "", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s", resp.Status)
	}
	e.nothingLeft(goroutines, 5*time.Second)
}

// TestAbortedPosts: clients that go away while they are answered leave nothing behind, at the latest when they should have
// connected.
func TestAbortedPosts(t *testing.T) {
	e := startEndpoint(t, nil)
	offer := readOffer(t, "whip-ffmpeg.sdp")
	goroutines := runtime.NumGoroutine()
	const clients, posts = 4, 1000
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() {
			for range posts / clients {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(5*time.Millisecond))
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+"/whip/s"+string(rune('a'+client)), strings.NewReader(offer))
				if err != nil {
					t.Error(err)
				}
				req.Header.Set("Content-Type", "application/sdp")
				if resp, err := http.DefaultClient.Do(req); err == nil {
					_ = resp.Body.Close()
				}
				cancel()
			}
		})
	}
	running.Wait()
	e.nothingLeft(goroutines, 30*time.Second)
}
