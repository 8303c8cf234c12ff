package wish

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// answerer is a session that begins with the server's offer.
type answerer struct {
	*restarter
	answers []*Answer
	refuse  error
}

func (s *answerer) Answer(_ context.Context, a *Answer) error {
	defer s.enter()()
	if s.refuse != nil {
		return s.refuse
	}
	s.answers = append(s.answers, a)
	return nil
}

// serverOffer is what a WebRTC stack makes for a stream in VP8, before it is finished.
func serverOffer() string {
	media := func(kind, mid, codec string) []string {
		return []string{"m=" + kind + " 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=setup:actpass", "a=mid:" + mid, "a=ice-ufrag:serv", "a=ice-pwd:" + longPwd,
			"a=rtcp-mux", "a=rtcp-rsize", "a=rtpmap:96 " + codec, "a=sendonly", "a=msid:bongsu " + kind,
			"a=candidate:2 1 udp 2 192.0.2.9 8443 typ host", "a=candidate:1 1 udp 3 127.0.0.1 8443 typ host", "a=candidate:1 2 udp 3 192.0.2.9 8443 typ host"}
	}
	lines := append([]string{"v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0 1", "a=ice-options:trickle", "a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB"},
		media("audio", "0", "opus/48000/2")...)
	return crlf(append(lines, media("video", "1", "VP8/90000")...)...)
}

// playerAnswer is what Firefox says to the server's offer.
func playerAnswer(t *testing.T) string {
	return strings.NewReplacer("a=setup:actpass", "a=setup:active", "m=video 0 ", "m=video 9 ", "a=bundle-only\r\n", "").Replace(offerText(t, "whep-firefox"))
}

// newCounter is a gateway whose WHEP endpoint refuses all offers, and makes its own.
func newCounter(t *testing.T, always bool) (*gateway, *answerer) {
	t.Helper()
	s := &answerer{restarter: &restarter{fakeSession: newSession()}}
	g := newGateway(t, Limits{}, func(e *Endpoint) {
		e.Open = func(*Request) (string, Session, error) { return "", nil, ErrUnprocessable }
		if e.Role == Play {
			e.CounterRefused = always
			e.Counter = func(*Request) (string, Answerer, error) { return serverOffer(), s, nil }
		}
	})
	return g, s
}

func (g *gateway) answers(t *testing.T, location, answer string) *http.Response {
	t.Helper()
	return g.do(t, "PATCH", location, answer, "Content-Type", mediaTypeSDP)
}

// TestCounterOffer goes the whole way: 406, a bad answer, a good one, trickle, a restart, and the end (E-22..E-30).
func TestCounterOffer(t *testing.T) {
	g, s := newCounter(t, true)
	r := g.post(t, "/whep/x")
	body, _ := io.ReadAll(r.Body)
	location, tag := r.Header.Get("Location"), r.Header.Get("ETag")
	kind, until, _ := strings.Cut(r.Header.Get("Content-Type"), ";valid-until=")
	date, err := time.Parse(`"`+http.TimeFormat+`"`, until)
	if r.StatusCode != 406 || kind != mediaTypeSDP || err != nil || time.Until(date) > counterTime || time.Until(date) < counterTime/2 {
		t.Errorf("%d %q, %v", r.StatusCode, r.Header.Get("Content-Type"), err)
	}
	if !strings.HasPrefix(location, sessionPath) || tag == "" || r.Header.Get("Preference-Applied") != "" || r.Header.Get("Accept-Patch") != mediaTypeSDP+", "+mediaTypeFragment {
		t.Errorf("%v", r.Header)
	}
	offer := string(body)
	for text, times := range map[string]int{"a=rtcp-mux-only\r\n": 2, "a=rtcp-rsize\r\n": 2, "a=candidate:": 2, "a=end-of-candidates\r\n": 1, "a=sendonly\r\n": 2, "a=setup:actpass\r\n": 2} {
		if strings.Count(offer, text) != times {
			t.Errorf("%q is there %d times, want %d:\n%s", text, strings.Count(offer, text), times, offer)
		}
	}
	trickle := func() int {
		return g.do(t, "PATCH", location, crlf(hostLine), "Content-Type", mediaTypeFragment, "If-Match", tag).StatusCode
	}
	good := playerAnswer(t)
	for _, c := range []struct {
		name, answer string
		status       int
	}{
		{"empty", "", 400}, {"prose", "hello", 400}, {"an offer's setup", strings.ReplaceAll(good, "setup:active", "setup:actpass"), 400},
		{"one that sends", strings.ReplaceAll(good, "a=recvonly", "a=sendrecv"), 422}, {"other mids", strings.ReplaceAll(good, "a=mid:1", "a=mid:2"), 422},
		{"all refused", strings.NewReplacer("m=video 9", "m=video 0", "m=audio 55021", "m=audio 0").Replace(good), 422},
		{"half of it", good[:strings.Index(good, "m=video")], 422},
	} {
		if got := g.answers(t, location, c.answer).StatusCode; got != c.status {
			t.Errorf("%s: %d, want %d", c.name, got, c.status)
		}
	}
	if got := trickle(); got != 409 {
		t.Errorf("trickle before the answer: %d", got)
	}
	s.refuse = fmt.Errorf("%w: no", ErrUnprocessable)
	if got := g.answers(t, location, good).StatusCode; got != 422 || len(s.answers) != 0 {
		t.Errorf("an answer that the stack refuses: %d", got)
	}
	s.refuse = nil
	if got := g.answers(t, location, good); got.StatusCode != 204 || len(s.answers) != 1 || len(s.answers[0].Formats()) == 0 {
		t.Errorf("a good answer after all: %d, %d answers", got.StatusCode, len(s.answers))
	}
	if got := g.answers(t, location, good).StatusCode; got != 409 {
		t.Errorf("a second answer: %d", got)
	}
	if got := trickle(); got != 204 || len(s.trickled) != 1 {
		t.Errorf("trickle: %d %q", got, s.trickled)
	}
	restarted := g.do(t, "PATCH", location, crlf(fresh(1)...), "Content-Type", mediaTypeFragment, "If-Match", "*")
	fragment, _ := io.ReadAll(restarted.Body)
	if restarted.StatusCode != 200 || !strings.HasPrefix(string(fragment), "a=group:BUNDLE 0 1\r\na=ice-options:trickle\r\n") {
		t.Errorf("restart: %d\n%s", restarted.StatusCode, fragment)
	}
	if got := g.do(t, "DELETE", location, "").StatusCode; got != 200 || !s.ended() || g.count() != 0 {
		t.Errorf("DELETE: %d", got)
	}
	if s.overlap.Load() {
		t.Error("two calls at a time")
	}
}

// A client may ask for the server's offer, whatever its own is like; else it is off, and never there for publishers.
func TestCounterOfferByPreference(t *testing.T) {
	for _, c := range []struct {
		prefer, path string
		status       int
	}{
		{"counter-offer", "/whep/x", 406}, {"respond-async, Counter-Offer; wait=1", "/whep/x", 406},
		{"", "/whep/x", 422}, {"return=minimal", "/whep/x", 422}, {"counter-offer", "/whip/x", 422},
	} {
		g, _ := newCounter(t, false)
		offer := offerText(t, map[string]string{"/whip/x": "whip-obs", "/whep/x": "whep-firefox"}[c.path])
		r := g.do(t, "POST", c.path, offer, "Content-Type", mediaTypeSDP, "Prefer", c.prefer)
		body, _ := io.ReadAll(r.Body)
		if r.StatusCode != c.status || (c.status == 406) != (r.Header.Get("Preference-Applied") == preference) || c.status == 406 && len(body) == 0 {
			t.Errorf("%q at %s: %d %v", c.prefer, c.path, r.StatusCode, r.Header)
		}
	}
}

// Nobody answers: the session ends, and an answer is too late (E-24).
func TestCounterOfferExpires(t *testing.T) {
	g, s := newCounter(t, true)
	g.resources.counterTime = 20 * time.Millisecond
	location := g.post(t, "/whep/x").Header.Get("Location")
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for ever")
	}
	g.waitCount(t, 0)
	if got := g.answers(t, location, playerAnswer(t)).StatusCode; got != 404 {
		t.Errorf("an answer that is late: %d", got)
	}
}

// Many answers at once, and the end of the offer among them: one is taken, or none.
func TestCounterOfferRaces(t *testing.T) {
	for range 20 {
		g, s := newCounter(t, true)
		g.resources.counterTime = 5 * time.Millisecond
		location := g.post(t, "/whep/x").Header.Get("Location")
		statuses := make(chan int, 4)
		var all sync.WaitGroup
		for range cap(statuses) {
			all.Go(func() { statuses <- g.answers(t, location, playerAnswer(t)).StatusCode })
		}
		all.Wait()
		close(statuses)
		accepted := 0
		for status := range statuses {
			switch status {
			case 204:
				accepted++
			case 409, 404:
			default:
				t.Fatalf("%d", status)
			}
		}
		if accepted > 1 || accepted == 1 && s.ended() {
			t.Fatalf("%d answers are taken, and the session has ended: %v", accepted, s.ended())
		}
	}
}

// A counter-offer that can't be made leaves the refusal as it was, and nothing behind.
func TestCounterOfferFails(t *testing.T) {
	g, s := newCounter(t, true)
	for offer, fault := range map[string]error{"": ErrFull, "hello": nil, "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\n": nil} {
		e := &Endpoint{Role: Play, Resources: g.resources, CounterRefused: true,
			Open:    func(*Request) (string, Session, error) { return "", nil, ErrUnprocessable },
			Counter: func(*Request) (string, Answerer, error) { return offer, s, fault }}
		_, err := e.Start(socketRequest(t.Context(), ""), []byte(offerText(t, "whep-firefox")))
		want(t, err, ErrUnprocessable)
		if !s.ended() || g.count() != 0 {
			t.Errorf("%q leaves something behind", offer)
		}
	}
}

// Over a WebSocket it is the same.
func TestStartCounterOffer(t *testing.T) {
	g, s := newCounter(t, false)
	e := &Endpoint{Role: Play, Resources: g.resources, Counter: func(*Request) (string, Answerer, error) { return serverOffer(), s, nil }}
	r := socketRequest(t.Context(), "")
	r.Counter = true
	started, err := e.Start(r, nil)
	if err != nil || !started.Counter || !strings.HasPrefix(started.SDP, "v=0\r\n") || time.Until(started.Until) <= 0 {
		t.Fatalf("%+v, %v", started, err)
	}
	if err := started.Accept(t.Context(), []byte(playerAnswer(t))); err != nil || len(s.answers) != 1 {
		t.Error(err)
	}
	want(t, started.Accept(t.Context(), []byte(playerAnswer(t))), ErrNotNow)
	started.End()
}

// An answer to a session that the client's own offer has opened is of the wrong type (E-29).
func TestAnswerToNoOffer(t *testing.T) {
	p := newPatched(t, "/whep/x", "")
	if r := p.answers(t, p.location, playerAnswer(t)); r.StatusCode != 415 || r.Header.Get("Accept-Patch") != mediaTypeFragment {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
}
