package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

// testEndpoint is a WHIP or WHEP server with real peer connections, and nothing else.
type testEndpoint struct {
	*httptest.Server
	prepare func(n int, pc *webrtc.PeerConnection) // before the n-th answer
	refuse  func(n int) int                        // status of the n-th POST, or 0

	mu      sync.Mutex
	peers   []*webrtc.PeerConnection
	posts   int
	tokens  []string
	deleted []string
}

func newTestEndpoint(t *testing.T, prepare func(n int, pc *webrtc.PeerConnection)) *testEndpoint {
	e := &testEndpoint{prepare: prepare, refuse: func(int) int { return 0 }}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /endpoint", e.post)
	mux.HandleFunc("DELETE /session/{id}", func(_ http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.deleted = append(e.deleted, r.PathValue("id"))
	})
	e.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		e.Server.Close()
		for _, pc := range e.peers {
			pc.GracefulClose()
		}
	})
	return e
}

func (e *testEndpoint) post(w http.ResponseWriter, r *http.Request) {
	offer, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	n := e.posts
	e.posts++
	e.tokens = append(e.tokens, r.Header.Get("Authorization"))
	e.mu.Unlock()
	if status := e.refuse(n); status != 0 {
		http.Error(w, "not now", status)
		return
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.mu.Lock()
	e.peers = append(e.peers, pc)
	e.mu.Unlock()
	e.prepare(n, pc)
	gathered := webrtc.GatheringCompletePromise(pc)
	err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)})
	if err == nil {
		var answer webrtc.SessionDescription
		if answer, err = pc.CreateAnswer(nil); err == nil {
			err = pc.SetLocalDescription(answer)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	<-gathered
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "/session/"+string(rune('a'+n)))
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, pc.LocalDescription().SDP)
}

func (e *testEndpoint) sessionsDeleted() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.deleted)
}

// testLog is a log, and what has been written to it.
type testLog struct {
	*slog.Logger
	mu   sync.Mutex
	text bytes.Buffer
}

func newTestLog() *testLog {
	l := &testLog{}
	l.Logger = slog.New(slog.NewTextHandler(l, nil))
	return l
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// within fails the test unless the channel gives something in time.
func within[T any](t *testing.T, d time.Duration, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(d):
		t.Fatalf("%s: nothing after %v", what, d)
		panic("unreachable")
	}
}

// start runs a command in the background; the end of the test ends it.
func start(t *testing.T, run func(context.Context) error) (stop context.CancelFunc, done <-chan error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		ended <- run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-finished })
	return cancel, ended
}

func TestBadEndpoint(t *testing.T) {
	for _, address := range []string{"", "localhost:8080/whip/a", "ftp://host/a", "http://", "http://bad host/"} {
		if _, err := newEndpoint(address, ""); !errors.Is(err, errEndpoint) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestKeepTrying: waits twice as long each time, from the start again after a connection, as long as the server says,
// and gives up where trying again can't help.
func TestKeepTrying(t *testing.T) {
	unreachable := &url.Error{Op: "Post", URL: "http://x", Err: errors.New("refused")}
	status := func(code int, after time.Duration) error { return &wish.StatusError{Code: code, RetryAfter: after} }
	tests := []struct {
		name   string
		errs   []error // of the sessions
		waits  []time.Duration
		result error
	}{
		{"well at once", []error{nil}, nil, nil},
		{"back-off", []error{unreachable, unreachable, unreachable, nil}, []time.Duration{500, 1000, 2000}, nil},
		{"no longer than 15 s", []error{unreachable, unreachable, unreachable, unreachable, unreachable, unreachable, unreachable, nil},
			[]time.Duration{500, 1000, 2000, 4000, 8000, 15000, 15000}, nil},
		{"after a connection", []error{unreachable, unreachable, errConnected, unreachable, nil}, []time.Duration{500, 1000, 500, 1000}, nil},
		{"Retry-After", []error{status(503, 7*time.Second), nil}, []time.Duration{7000}, nil},
		{"Retry-After of an hour", []error{status(429, time.Hour), nil}, []time.Duration{60_000}, nil},
		{"Retry-After of less", []error{unreachable, unreachable, status(503, time.Second), nil}, []time.Duration{500, 1000, 2000}, nil},
		{"never", []error{status(501, 0)}, nil, status(501, 0)},
		{"busy", []error{status(409, 0), nil}, []time.Duration{500}, nil},
		{"not allowed", []error{unreachable, status(401, 0)}, []time.Duration{500}, status(401, 0)},
		{"unusable", []error{status(422, 0)}, nil, status(422, 0)},
		{"a bad file", []error{io.ErrUnexpectedEOF}, nil, io.ErrUnexpectedEOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var waits []time.Duration
				n := 0
				err := keepTrying(t.Context(), slog.New(slog.DiscardHandler),
					func(ctx context.Context, d time.Duration) {
						waits = append(waits, d)
						pause(ctx, d)
					},
					func(context.Context) error { n++; return test.errs[n-1] })
				if (err == nil) != (test.result == nil) || err != nil && err.Error() != test.result.Error() {
					t.Errorf("returned %v, want %v", err, test.result)
				}
				if len(waits) != len(test.waits) {
					t.Fatalf("waited %v, want %v", waits, test.waits)
				}
				for i, want := range test.waits {
					want *= time.Millisecond
					if waits[i] < want || waits[i] > want*5/4 {
						t.Errorf("wait %d was %v, want %v and up to a quarter more", i, waits[i], want)
					}
				}
			})
		})
	}
}

func TestRefusedMedia(t *testing.T) {
	sdp := func(ports ...string) string {
		text := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
		for _, port := range ports {
			text += "m=video " + port + " UDP/TLS/RTP/SAVPF 96\r\n"
		}
		return text
	}
	for answer, want := range map[string]string{sdp("9"): "[] false", sdp("9", "0"): "[video] false", sdp("0"): "[video] true", sdp("0", "0"): "[video video] true"} {
		if kinds, all, err := refusedMedia(answer); err != nil || fmt.Sprint(kinds, all) != want {
			t.Errorf("%q: %v %v %v, want %s", answer, kinds, all, err, want)
		}
	}
	if _, _, err := refusedMedia("v=zero\r\n"); err == nil {
		t.Error("an answer that is no SDP is taken")
	}
}
