package check

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTable: every check has an ID of its own, a level, a section and a title, and they come in order.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	last := ""
	for _, c := range Checks() {
		if !regexp.MustCompile(`^[WEV]-\d\d\d?$`).MatchString(c.ID) || seen[c.ID] {
			t.Errorf("%q is no ID, or one that comes twice", c.ID)
		}
		if !slices.Contains(Levels(), c.Level) || c.Section == "" || c.Title == "" || c.Run == nil {
			t.Errorf("%s is not complete: %+v", c.ID, c)
		}
		if here := number(c.ID); last != "" && here < last && c.ID != "E-01" && c.ID != "V-01" {
			t.Errorf("%s comes after %s", c.ID, last)
		} else {
			last = here
		}
		seen[c.ID] = true
	}
}

func TestSelection(t *testing.T) {
	count := func(c Config) int {
		r := runner{config: c}
		return len(r.selected())
	}
	all := count(Config{})
	if whip := count(Config{Only: []string{"w-*"}}); whip == 0 || whip == all || whip+count(Config{Only: []string{"E-*", "V-*"}}) != all {
		t.Errorf("of %d checks, W-* chooses %d", all, whip)
	}
	if n := count(Config{Only: []string{"W-14", " e-09 "}}); n != 2 {
		t.Errorf("two IDs choose %d", n)
	}
	if must, should := count(Config{Level: Must}), count(Config{Level: Should}); must == 0 || must >= should || should >= all {
		t.Errorf("must chooses %d, should %d, all are %d", must, should, all)
	}
	if n := count(Config{Level: Interop}); n != all {
		t.Errorf("interop chooses %d of %d", n, all)
	}
}

// sloppy are servers that a tester has to see through: each answers everything in one way.
func sloppy() map[string]http.HandlerFunc {
	var n atomic.Int64
	sessions := func(w http.ResponseWriter) {
		w.Header().Set("Location", fmt.Sprintf("/session/%d?x", n.Add(1)))
		w.Header().Set("ETag", `W/"1"`)
	}
	return map[string]http.HandlerFunc{
		"a page for everything": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome</html>") },
		"nothing for anybody":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no to all":             func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"any key in the URL": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			sessions(w)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, sloppyAnswer)
		},
		"yes to all": func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				w.Header().Set("Accept-Patch", r.Method)
				w.WriteHeader(http.StatusNoContent)
				return
			}
			sessions(w)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, sloppyAnswer)
		},
		"its own offer to all": func(w http.ResponseWriter, r *http.Request) {
			sessions(w)
			w.Header().Set("Content-Type", `application/sdp; valid-until="tomorrow"`)
			w.WriteHeader(http.StatusNotAcceptable)
			fmt.Fprint(w, strings.ReplaceAll(sloppyAnswer, "passive", "active"))
		},
		"not this, and nothing else": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotAcceptable) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/there") {
				w.Header().Set("Location", r.URL.Path+"/there")
				w.WriteHeader(http.StatusFound)
				return
			}
			sessions(w)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, sloppyAnswer)
		},
		"links": func(w http.ResponseWriter, r *http.Request) {
			sessions(w)
			w.Header().Set("Link", `<turn://u@turn.example>; rel="ice-server", </x>; rel="urn:ietf:params:whip:ext:a urn:b"`)
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(map[bool]int{true: http.StatusCreated, false: http.StatusOK}[r.Method == http.MethodPost])
			fmt.Fprint(w, sloppyAnswer)
		},
		"events and layers": func(w http.ResponseWriter, r *http.Request) {
			sessions(w)
			w.Header().Add("Link", `</x>; rel="`+relEvents+`"; events="active,active,inactive,weather"`)
			w.Header().Add("Link", `</x>; rel="`+relLayer+`"`)
			w.WriteHeader(map[bool]int{true: http.StatusCreated, false: http.StatusOK}[r.Method == http.MethodPost])
			fmt.Fprint(w, sloppyAnswer+"\n\nevent: inactive\n\ndata: now\ndata: then\n\n")
		},
	}
}

// sloppyAnswer takes audio, gives video up, and has most lines wrong.
const sloppyAnswer = "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\nm=video 9 RTP/AVP 50\na=mid:9\na=sendrecv\na=setup:actpass\na=ice-ufrag:a\n" +
	"a=rtpmap:50 OTHER/90000\na=msid:a b\na=ice-lite\na=simulcast:send 9\nm=audio 0 RTP/AVP 0\na=mid:8\na=msid:c d\na=setup:actpass\na=ice-ufrag:b\n"

// TestEveryCheckCanFail runs the checks against servers that do wrong whatever can be done wrong: no check passes on all, and
// those that need no media fail on at least one.
func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	servers := sloppy()
	var mu sync.Mutex
	failed, passed := map[string]bool{}, map[string]int{}
	var running sync.WaitGroup
	for name, handler := range servers {
		running.Go(func() {
			for id, v := range againstSloppy(t, handler) {
				mu.Lock()
				failed[id] = failed[id] || v.outcome == Fail
				if v.outcome == Pass {
					passed[id]++
				} else if v.why == "" {
					t.Errorf("%s: %s on %q without a reason", id, v.outcome, name)
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	for _, c := range Checks() {
		if passed[c.ID] == len(servers) {
			t.Errorf("%s (%s) passes on every sloppy server", c.ID, c.Title)
		}
		if c.Needs&(Slow|Load) == 0 && !failed[c.ID] {
			t.Errorf("%s (%s) fails on no sloppy server", c.ID, c.Title)
		}
	}
}

// againstSloppy runs what takes neither long nor much, as over a network.
func againstSloppy(t *testing.T, handler http.HandlerFunc) map[string]verdict {
	server := httptest.NewServer(handler)
	defer server.Close()
	r, err := newRunner(Config{WHIP: server.URL + "/whip/" + streamMark, WHEP: server.URL + "/whep/" + streamMark, Token: "t"})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer r.http.CloseIdleConnections()
	r.loopback = false
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	verdicts := map[string]verdict{}
	for _, c := range Checks() {
		if c.Needs&(Slow|Load) == 0 {
			verdicts[c.ID], _ = r.try(ctx, &c)
		}
	}
	return verdicts
}

// TestNobodyThere: a server that can't be reached fails what is asked of it, and nothing hangs.
func TestNobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	results, err := Run(t.Context(), Config{WHIP: server.URL + "/whip/x", Only: []string{"W-0?", "E-01"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.ID != "E-01" && r.Outcome != Fail || r.ID == "E-01" && r.Outcome != Skip || r.Why == "" {
			t.Errorf("%+v", r)
		}
	}
	for _, c := range []Config{{}, {WHIP: "localhost"}, {WHEP: "ftp://localhost/whep"}} {
		if _, err := Run(t.Context(), c); err == nil {
			t.Errorf("%+v can be checked", c)
		}
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ takes, given, whip, whep string }{
		{"/whip/ /whep/", "", "/whip/{stream}", "/whep/{stream}"},
		{"/whip/ /whep/", "/whip/lobby", "/whip/lobby", "/whep/lobby"},
		{"/whip/ /whep/", "/whep/lobby", "/whip/lobby", "/whep/lobby"},
		{"/whip/", "/whip/lobby", "/whip/lobby", ""},
		{"/api/whip /api/whep", "/", "/api/whip", "/api/whep"},
		{"/nothing", "", "", ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !slices.ContainsFunc(strings.Fields(c.takes), func(p string) bool { return strings.HasPrefix(r.URL.Path, p) }) {
				w.WriteHeader(http.StatusNotFound)
			}
			w.Header().Set("Accept-Post", mediaTypeSDP)
		}))
		var config Config
		err := Find(t.Context(), &config, server.URL+c.given)
		whip, whep := strings.TrimPrefix(config.WHIP, server.URL), strings.TrimPrefix(config.WHEP, server.URL)
		if whip != c.whip || whep != c.whep || (err != nil) != (c.whip+c.whep == "") {
			t.Errorf("%q at a server with %s: %q and %q, %v", c.given, c.takes, whip, whep, err)
		}
		server.Close()
	}
}

func TestLinks(t *testing.T) {
	h := http.Header{"Link": {`<stun:a.example:3478>; rel="ice-server"`,
		`<turn:b.example?transport=udp>; rel=ice-server; username="u,;"; credential="p\"q\\"; credential-type="password", </x>;rel="urn:y"`}}
	got := (&reply{Response: &http.Response{Header: h}}).links()
	if len(got) != 3 || got[0].target != "stun:a.example:3478" || got[1].username != "u,;" || got[1].credential != `p"q\` || got[1].rel != "ice-server" || got[2].rel != "urn:y" {
		t.Errorf("%+v", got)
	}
}
