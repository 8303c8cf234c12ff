package check

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// extended is a WHEP server without media, whose events and layers are right but for one flaw.
type extended struct {
	flaw string

	mu      sync.Mutex
	streams map[string][]*extendedStream // of each session, by its ID; none when it has ended
}

type extendedStream struct {
	names []string
	gone  bool
	stop  context.CancelFunc // of the newest GET
}

func newExtended(flaw string) http.Handler {
	f := &extended{flaw: flaw, streams: map[string][]*extendedStream{}}
	mux := http.NewServeMux()
	mux.HandleFunc("OPTIONS /", f.options)
	mux.HandleFunc("POST /whep/{stream}", f.post)
	mux.HandleFunc("DELETE /session/{id}", f.delete)
	mux.HandleFunc("POST /session/{id}/events", f.open)
	mux.HandleFunc("GET /session/{id}/events/{n}", f.read)
	mux.HandleFunc("DELETE /session/{id}/events/{n}", f.end)
	mux.HandleFunc("POST /session/{id}/layer", f.choose)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if flaw != "hidden Links" {
			w.Header().Set("Access-Control-Expose-Headers", "Link, Location, ETag")
		}
		mux.ServeHTTP(w, r)
	})
}

func (f *extended) is(flaw string) bool { return f.flaw == flaw }

// instead is what a flaw has in place of the right thing.
func (f *extended) instead(flaw, wrong, right string) string {
	if f.flaw == flaw {
		return wrong
	}
	return right
}

func (f *extended) links(h http.Header, session string) {
	list := `; events="active,inactive,layers,viewercount"`
	list = f.instead("no semicolon", list[1:], f.instead("events twice", `; events="active,active"`, f.instead("own events", strings.Replace(list, "inactive", "weather", 1), list)))
	list = f.instead("layers not listed", `; events="active,inactive"`, list)
	if !f.is("layers alone") {
		h.Add("Link", "<"+session+`/events>; rel="`+f.instead("another name", strings.Replace(relEvents, ":core", "", 1), relEvents)+`"`+list)
	}
	h.Add("Link", "<"+session+f.instead("one URL", "/events", "/layer")+`>; rel="`+f.instead("another name for layers", "urn:ietf:params:whip:ext:core:layer", relLayer)+`"`)
}

func (f *extended) options(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "DELETE, GET, PATCH, POST")
	w.Header().Set("Access-Control-Allow-Headers", "authorization, content-type, if-match")
	if f.is("Links too early") {
		f.links(w.Header(), "/session/none")
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *extended) post(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.instead("short URLs", fmt.Sprint(len(f.streams)), rand.Text())
	f.streams[id] = []*extendedStream{}
	w.Header().Set("Location", "/session/"+id)
	if !f.is("Links too early") {
		f.links(w.Header(), "/session/"+id)
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, sloppyAnswer)
}

func (f *extended) delete(_ http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := r.PathValue("id")
	if !f.is("events outlive the session") {
		for _, s := range f.streams[id] {
			s.end()
		}
	}
	delete(f.streams, id)
}

func (s *extendedStream) end() {
	if s.gone = true; s.stop != nil {
		s.stop()
	}
}

func (f *extended) open(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	known := []string{"active", "inactive", "layers", "viewercount", f.instead("own events", "weather", "active")}
	names := known
	if len(body) == 0 && f.is("nothing is nothing") {
		names = nil
	}
	if len(body) > 0 {
		if r.Header.Get("Content-Type") != mediaTypeJSON && !f.is("any type") {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		names = nil
		if err := json.Unmarshal(body, &names); err != nil && !f.is("any list") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(known, name) }) && !f.is("any event") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	id := r.PathValue("id")
	if len(f.streams[id]) == 4 && !f.is("any number") {
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if f.is("events of all kinds") {
		names = known
	}
	f.streams[id] = append(f.streams[id], &extendedStream{names: names})
	w.Header().Set("Location", fmt.Sprintf("/session/%s/events/%d", id, len(f.streams[id])-1))
	w.WriteHeader(map[bool]int{true: http.StatusOK, false: http.StatusCreated}[f.is("200")])
}

// stream is the one that is asked for, or nil.
func (f *extended) stream(r *http.Request) *extendedStream {
	n := 0
	_, _ = fmt.Sscan(r.PathValue("n"), &n)
	if all := f.streams[r.PathValue("id")]; n < len(all) && !all[n].gone {
		return all[n]
	}
	return nil
}

func (f *extended) read(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	f.mu.Lock()
	s := f.stream(r)
	if s != nil {
		if s.stop != nil && !f.is("two readers") {
			s.stop()
		}
		s.stop = cancel
	}
	f.mu.Unlock()
	switch {
	case s == nil:
		w.WriteHeader(map[bool]int{true: http.StatusNoContent, false: http.StatusNotFound}[f.is("never 404")])
		return
	case f.is("tokens for events") && r.Header.Get("Authorization") == "":
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", f.instead("plain text", "text/plain", mediaTypeEvents))
	w.Header().Set("Cache-Control", f.instead("cached", "max-age=60", "no-store"))
	for _, name := range s.names {
		data := map[string]string{"viewercount": `{"viewercount":` + f.instead("count in words", `"three"`, "3") + `}`, "layers": `{"1":[{"rid":"h"}]}`}[name]
		switch {
		case name == "inactive":
			continue
		case data == "":
			data = f.instead("no objects", `"now"`, `{}`)
		}
		fmt.Fprintf(w, "%sdata: %s\n%s\n", f.instead("events without names", "", "event: "+name+"\n"), data, f.instead("two lines", "data:\n", ""))
	}
	_ = http.NewResponseController(w).Flush()
	if !f.is("short streams") {
		<-ctx.Done()
	}
}

func (f *extended) end(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.stream(r); s == nil {
		w.WriteHeader(http.StatusNotFound)
	} else if !f.is("DELETE does nothing") {
		s.end()
	}
}

func (f *extended) choose(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	text := string(body)
	var choice struct {
		MediaID, RID string
		MaxWidth     int
	}
	status := http.StatusOK
	switch err := json.Unmarshal(body, &choice); {
	case f.is("any layer"):
	case f.is("no bounds") && strings.Contains(text, "max"), f.is("no going back") && !strings.Contains(text, "rid"):
		status = http.StatusUnprocessableEntity
	case r.Header.Get("Content-Type") != mediaTypeJSON:
		status = http.StatusUnsupportedMediaType
	case err != nil:
		status = http.StatusBadRequest
	case choice.RID != "", choice.MediaID != "" && choice.MediaID != "1":
		status = http.StatusNotFound
	}
	w.WriteHeader(status)
}

// TestExtensionFlaws: a server whose events and layers are right passes all that needs no media, and each flaw is found.
func TestExtensionFlaws(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	for flaw, ids := range map[string]string{
		"": "V-*", "another name": "V-01", "Links too early": "V-01 V-30", "no semicolon": "V-02", "events twice": "V-02", "hidden Links": "V-03", "200": "V-04 V-05",
		"nothing is nothing": "V-05", "any event": "V-06", "any list": "V-07", "any type": "V-07", "plain text": "V-08", "cached": "V-08", "short streams": "V-08",
		"tokens for events": "V-09", "short URLs": "V-09", "events of all kinds": "V-10", "two lines": "V-12", "events without names": "V-13",
		"DELETE does nothing": "V-14 V-15", "never 404": "V-15", "events outlive the session": "V-16", "two readers": "V-17", "any number": "V-18",
		"count in words": "V-27", "own events": "V-29", "no objects": "V-29", "another name for layers": "V-30", "layers alone": "V-31", "layers not listed": "V-31",
		"one URL": "V-32", "any layer": "V-34 V-38", "no bounds": "V-35", "no going back": "V-36 V-38",
	} {
		running.Go(func() {
			server := httptest.NewServer(newExtended(flaw))
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			results, err := Run(ctx, Config{WHEP: server.URL + "/whep/x", Only: strings.Fields(ids), Load: true, Token: "t"})
			if err != nil || len(results) == 0 {
				t.Errorf("with the flaw %q: %d results, %v", flaw, len(results), err)
			}
			for _, r := range results {
				want := Fail
				if flaw == "" {
					want = Pass
				}
				if r.Outcome == Skip && flaw == "" && strings.Contains(r.Why, "to publish and to watch") {
					continue
				}
				if r.Outcome != want {
					t.Errorf("with the flaw %q, %s: %s, %s", flaw, r.ID, r.Outcome, r.Why)
				}
			}
		})
	}
	running.Wait()
}

// TestWHIPExtensions: W-100, for servers with extensions of WHIP (this one has none).
func TestWHIPExtensions(t *testing.T) {
	for links, want := range map[string]Outcome{
		"": Skip,
		`</session/1/x>; rel="urn:ietf:params:whip:ext:example:x"`:                                                           Pass,
		`</session/1/x>; rel="urn:ietf:params:whip:ext:example:x", </session/1/y>; rel="urn:ietf:params:whip:ext:example:y"`: Pass,
		`</session/1/x>; rel="urn:ietf:params:whip:ext:example:x urn:ietf:params:whip:ext:example:y"`:                        Fail,
		`<>; rel="urn:ietf:params:whip:ext:example:x"`:                                                                       Fail,
		`</session/1/events>; rel="` + relEvents + `"; events="active"`:                                                      Fail,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.Header().Set("Location", "/session/1")
				w.Header().Set("Link", links)
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, sloppyAnswer)
			}
		}))
		results, err := Run(t.Context(), Config{WHIP: server.URL, Only: []string{"W-100"}})
		server.Close()
		if err != nil || len(results) != 1 || results[0].Outcome != want {
			t.Errorf("%s: %+v, %v, want %s", links, results, err, want)
		}
	}
}

// TestWrongNews reads what events tell, right and wrong.
func TestWrongNews(t *testing.T) {
	for _, c := range []struct {
		read func(string) error
		data string
		ok   bool
	}{
		{wrongLines, `{"0":[],"1":[{"rid":"h"}]}`, true}, {wrongLines, `{"video":[]}`, false}, {wrongLines, `{"1":{}}`, false}, {wrongLines, `[]`, false}, {wrongLines, `null`, false}, {wrongLines, ``, false},
		{wrongIDs, `{"1":[{"rid":"h","bitrate":1},{"spatialLayerId":0},{"temporalLayerId":0}]}`, true}, {wrongIDs, `{"1":[{"bitrate":1}]}`, false}, {wrongIDs, `{"1":[7]}`, false},
		{wrongNumbers, `{"1":[{"rid":"h","bitrate":0,"width":1280,"x":"y"}]}`, true}, {wrongNumbers, `{"1":[{"rid":1}]}`, false},
		{wrongNumbers, `{"1":[{"rid":""}]}`, false}, {wrongNumbers, `{"1":[{"rid":"h","width":"1280"}]}`, false}, {wrongNumbers, `{"1":[{"spatialLayerId":-1}]}`, false},
		{heardTurns, "active", true}, {heardTurns, "active inactive active", true}, {heardTurns, "active active", false}, {heardTurns, "inactive active", false},
		{heardTurns, "active inactive", false}, {heardTurns, "", false},
		{heardBoth, `{"1":[{"rid":"h","bitrate":5},{"rid":"l","bitrate":1}]}`, true}, {heardBoth, `{"1":[{"rid":"h","bitrate":0},{"rid":"l","bitrate":1}]}`, false},
		{heardBoth, `{"1":[{"rid":"h"},{"rid":"l"}]}`, false}, {heardBoth, `no`, false},
	} {
		if err := c.read(c.data); (err == nil) != c.ok {
			t.Errorf("%s: %v, want it to be right: %t", c.data, err, c.ok)
		}
	}
}

func heardTurns(names string) error {
	var heard []event
	for name := range strings.FieldsSeq(names) {
		heard = append(heard, event{name: name})
	}
	return wrongTurns(heard)
}

func heardBoth(data string) error {
	if !bothActive(event{data: data}) {
		return errLayers
	}
	return nil
}
