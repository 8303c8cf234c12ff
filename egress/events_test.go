package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"bongsu/broadcast"
	"bongsu/wish"
)

// TestNews: what a listener is told of what is, step by step (V-10, V-12, V-19..V-27).
func TestNews(t *testing.T) {
	three := []broadcast.LayerInfo{{RID: "f", Width: 1280, Height: 720, Bitrate: 2_000_000}, {RID: "h", Width: 640, Height: 360}, {RID: "q", Bitrate: 1000}}
	faster, fast := slices.Clone(three), slices.Clone(three)
	fast[0].Bitrate, faster[0].Bitrate = 2_900_000, 3_100_000
	type step struct {
		broadcast.Status
		after time.Duration
		leave bool
		want  string
	}
	const threeText = `layers {"1":[{"rid":"f","bitrate":2000000,"width":1280,"height":720},{"rid":"h","bitrate":0,"width":640,"height":360},{"rid":"q","bitrate":1000}]}`
	for name, c := range map[string]struct {
		names []string
		video int
		turns uint64 // in the beginning
		steps []step
	}{
		"nobody, then somebody, then nobody": {[]string{EventActive, EventInactive}, 1, 6, []step{
			{broadcast.Status{Turns: 6}, 0, false, ""},
			{broadcast.Status{Turns: 7}, 0, false, "active {}"},
			{broadcast.Status{Turns: 7}, 0, false, ""},
			{broadcast.Status{Turns: 8}, 0, false, "inactive {}"},
		}},
		"somebody at once": {[]string{EventActive, EventInactive}, 1, 7, []step{{broadcast.Status{Turns: 7}, 0, false, "active {}"}}},
		"gone before anybody listens": {[]string{EventActive, EventInactive}, 1, 6, []step{
			{broadcast.Status{Turns: 9}, 0, false, "active {}, inactive {}, active {}"},
		}},
		"inactive alone": {[]string{EventInactive}, 1, 7, []step{{broadcast.Status{Turns: 7}, 0, false, ""}, {broadcast.Status{Turns: 10}, 0, false, "inactive {}, inactive {}"}}},
		"very often, live": {eventNames(), -1, 0, []step{
			{broadcast.Status{Turns: 1001}, 0, false, strings.Repeat("active {}, inactive {}, ", 7) + `active {}, viewercount {"viewercount":0}`},
		}},
		"very often, gone": {[]string{EventActive, EventInactive}, 1, 0, []step{
			{broadcast.Status{Turns: 1000}, 0, false, strings.Repeat(", active {}, inactive {}", 8)[2:]},
		}},
		"layers": {[]string{EventLayers}, 1, 0, []step{
			{broadcast.Status{}, 0, false, ""},
			{broadcast.Status{Turns: 1, Layers: three}, 0, false, threeText},
			{broadcast.Status{Turns: 1, Layers: fast}, 2 * time.Second, false, ""},
			{broadcast.Status{Turns: 1, Layers: faster}, 0, false, strings.Replace(threeText, "2000000", "3100000", 1)},
			{broadcast.Status{Turns: 1, Layers: three}, 999 * time.Millisecond, false, ""},
			{broadcast.Status{Turns: 1, Layers: three}, time.Millisecond, false, threeText},
			{broadcast.Status{Turns: 2}, time.Second, false, `layers {"1":[]}`},
		}},
		"one layer": {[]string{EventLayers}, 0, 0, []step{
			{broadcast.Status{Turns: 1, Layers: []broadcast.LayerInfo{{Width: 2, Height: 1, Bitrate: 3}}}, 0, false, `layers {"0":[{"spatialLayerId":0,"bitrate":3,"width":2,"height":1}]}`},
		}},
		"no picture": {[]string{EventLayers}, -1, 0, []step{{broadcast.Status{Turns: 1, Layers: three}, 0, false, ""}}},
		"viewers": {[]string{EventViewerCount}, 1, 0, []step{
			{broadcast.Status{Viewers: 1}, 0, false, `viewercount {"viewercount":1}`},
			{broadcast.Status{Viewers: 2}, 500 * time.Millisecond, false, ""},
			{broadcast.Status{Viewers: 12}, 500 * time.Millisecond, false, `viewercount {"viewercount":12}`},
			{broadcast.Status{Viewers: 12}, time.Minute, false, ""},
		}},
		"the end": {eventNames(), 1, 1, []step{
			{broadcast.Status{Turns: 1, Viewers: 1}, 0, true, `active {}, viewercount {"viewercount":1}, reconnect {}`},
			{broadcast.Status{Turns: 1, Viewers: 1}, time.Minute, false, ""},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Service{pace: defaultPace()}
			s.leaving, s.leave = context.WithCancel(t.Context())
			w := &watch{viewer: &Viewer{service: s, video: c.video}, names: c.names, turns: c.turns &^ 1}
			now := time.Now()
			for i, step := range c.steps {
				if i == 0 {
					w.viewers = -1
				}
				if now = now.Add(step.after); step.leave {
					s.leave()
				}
				var got []string
				for _, e := range w.news(step.Status, now) {
					got = append(got, e.Name+" "+string(e.Data))
					if !json.Valid(e.Data) || bytes.ContainsAny(e.Data, "\r\n") {
						t.Errorf("data %q", e.Data)
					}
				}
				if text := strings.Join(got, ", "); text != step.want {
					t.Errorf("step %d: %s\nwant %s", i, text, step.want)
				}
			}
		})
	}
}

// TestEventList reads what players ask for (V-04..V-07).
func TestEventList(t *testing.T) {
	for body, want := range map[string]string{
		"":                            "active,inactive,layers,reconnect,viewercount",
		" \n":                         "active,inactive,layers,reconnect,viewercount",
		`["layers","active"]`:         "active,layers",
		`["active", "active"]`:        "active",
		`[]`:                          "",
		`["active","scte35"]`:         "scte35",
		`["Active"]`:                  "Active",
		`["active",null]`:             `""`,
		`["active",1]`:                "array of names",
		`{"events":["active"]}`:       "array of names",
		`"active"`:                    "array of names",
		`null`:                        "array of names",
		`["active"`:                   "array of names",
		`["active"] ["inactive"]`:     "array of names",
		"v=0\r\no=- 1 1 IN IP4 0\r\n": "array of names",
	} {
		names, err := parseEventList([]byte(body))
		switch {
		case err != nil && (!errors.Is(err, ErrEventList) || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", body, err, want)
		case err == nil && strings.Join(names, ",") != want:
			t.Errorf("%q: %q, want %s", body, names, want)
		}
	}
}

// startViewer opens a session that has no URL.
func startViewer(ctx context.Context, t *testing.T, s *Service) (*wish.Started, *Viewer) {
	t.Helper()
	upgrade := httptest.NewRequestWithContext(ctx, http.MethodGet, "/signal", nil)
	r := wish.NewRequest(echo.New().NewContext(upgrade, httptest.NewRecorder()), "lobby", "")
	started, err := s.Start(r, []byte(readOffer(t, "whep-chromium.sdp")))
	if err != nil {
		t.Fatal(err)
	}
	v := ViewerOf(started.Session)
	if v == nil || ViewerOf(nil) != nil {
		t.Fatalf("viewer %v", v)
	}
	return started, v
}

// TestEventsOfAViewer: the same events as an iterator, for whoever carries them. It ends with the session.
func TestEventsOfAViewer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, hub, s := startService(t, Config{Wait: true})
	started, v := startViewer(ctx, t, s)
	defer started.End()
	film(t, hub)
	var got []string
	for e := range v.Events(ctx, EventActive, EventInactive, EventReconnect) {
		switch got = append(got, e.Name); e.Name {
		case EventActive:
			s.Drain()
		case EventReconnect:
			go started.End()
		}
	}
	if ctx.Err() != nil || !slices.Equal(got, []string{EventActive, EventReconnect}) {
		t.Errorf("got %q, %v", got, ctx.Err())
	}
	for range v.Events(ctx) { // of one that has ended: what is, and no more
		got = append(got, "")
	}
}
