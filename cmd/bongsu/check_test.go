package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bongsu/check"
	"bongsu/wish"
)

// ownServer is a configuration of this server, and the checks that it is good for.
type ownServer struct {
	name   string
	config func(*Config)
	check  func(testing.TB, *check.Config, string) // with the server's URL; may change the URLs
	fails  []string                                // that have to fail, and no other
}

func ownServers() []ownServer {
	strict := func(c *Config) { c.Precondition = wish.PreconditionStrict }
	only := func(ids ...string) func(testing.TB, *check.Config, string) {
		return func(_ testing.TB, c *check.Config, _ string) { c.Only = ids }
	}
	return []ownServer{
		{"as it comes", nil, func(_ testing.TB, c *check.Config, _ string) { c.Slow = true }, nil},
		{"strict", strict, only("W-5?", "W-6?", "E-3?"), nil},
		{"lenient", func(c *Config) { c.Precondition = wish.PreconditionLenient }, only("W-5?", "E-3?"), []string{"W-55", "E-33"}}, // as its comment in the configuration says
		{"players by PeerConnection", func(c *Config) { strict(c); c.Egress.Transport = "pc" }, only("E-*", "V-*"), nil},
		{"ICE-lite", func(c *Config) { strict(c); c.ICELite = true; c.Egress.Transport = "pc" }, only("W-4?", "W-7?", "W-6?", "E-34", "E-35", "E-50"), nil},
		{"players don't wait", func(c *Config) { c.Egress.Wait = false }, only("E-1?", "E-45", "E-46", "V-1?", "V-2?"), nil},
		{"offers of its own", func(c *Config) { c.Egress.CounterOffer = true }, only("E-16", "E-2?", "E-30"), nil},
		{"keys", func(c *Config) {
			strict(c)
			c.Keys = map[string]string{"lobby": "open-sesame", "attic": "other"}
			c.ICEServers = map[string]wish.ICEServer{
				"a": {URLs: []string{"stun:stun.example:3478"}},
				"b": {URLs: []string{"turn:turn.example:3478?transport=udp"}, Username: "u", Credential: "c"},
			}
		}, func(_ testing.TB, c *check.Config, _ string) {
			c.Stream, c.Token = "lobby", "open-sesame"
			c.Only = []string{"W-0?", "W-1?", "W-2?", "W-8?", "W-9?", "W-105", "E-41", "E-42", "V-0?", "V-1?", "V-3?"}
		}, nil},
		{"few places", func(c *Config) { c.Limits.Sessions = 20 }, func(_ testing.TB, c *check.Config, _ string) { c.Load, c.Only = true, []string{"W-87", "E-40", "V-18"} }, nil},
		{"floods", func(c *Config) { c.Web.TrustProxy = true; c.Limits.Rate, c.Limits.Burst = 20, 100 }, func(_ testing.TB, c *check.Config, _ string) {
			c.Load, c.Only, c.Header = true, []string{"W-102"}, http.Header{"X-Forwarded-For": {"203.0.113.7"}}
		}, nil},
		{"TLS", func(c *Config) { strict(c); c.Web.TLS.Mode = "self" }, func(_ testing.TB, c *check.Config, server string) {
			_, host, _ := strings.Cut(server, "://")
			c.WHIP, c.WHEP = "https://"+host+"/whip/{stream}", "https://"+host+"/whep/{stream}"
			c.Insecure, c.Only = true, []string{"W-0?", "W-1?", "W-2?", "W-5?", "W-7?", "W-104", "E-0?", "E-44", "V-0?", "V-1?"} // over HTTP/2
		}, nil},
		{"behind a redirect", nil, func(t testing.TB, c *check.Config, server string) {
			c.Only = []string{"W-14", "W-16", "W-17", "W-8?", "E-09", "E-36", "E-39", "V-0?", "V-3?"}
			front := redirectTo(t, server)
			c.WHIP, c.WHEP = front+"/whip/{stream}?token=1", front+"/whep/{stream}?token=1"
		}, nil},
	}
}

// notHere are the checks that no configuration of this server passes or fails, and why.
func notHere() map[string]string {
	return map[string]string{
		"W-100": "this server has no extension of WHIP; check.TestWHIPExtensions tries others",
	}
}

// TestOwnServer runs the conformance checks against this server, in every configuration that matters to one of them.
func TestOwnServer(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	passed := map[string]bool{}
	var running sync.WaitGroup // and not t.Parallel: they mostly wait, and would wait for each other
	for _, s := range ownServers() {
		running.Go(func() {
			t.Run(s.name, func(t *testing.T) {
				for _, r := range s.run(t) {
					mu.Lock()
					passed[r.ID] = passed[r.ID] || r.Outcome == check.Pass
					mu.Unlock()
					if failed := r.Outcome == check.Fail; failed != slices.Contains(s.fails, r.ID) {
						t.Errorf("%s (%s): %s: %s", r.ID, r.Title, r.Outcome, r.Why)
					}
				}
			})
		})
	}
	running.Wait()
	for _, c := range check.Checks() {
		if why, excused := notHere()[c.ID]; passed[c.ID] == excused {
			t.Errorf("%s (%s): passed %t, and the list of what can't be tried says %q", c.ID, c.Title, passed[c.ID], why)
		}
	}
}

func (s *ownServer) run(t *testing.T) []check.Result {
	server := startGateway(t, s.config)
	c := check.Config{WHIP: server + "/whip/{stream}", WHEP: server + "/whep/{stream}"}
	if s.check != nil {
		s.check(t, &c, server)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	results, err := check.Run(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// redirectTo is a server that sends every request on, as a load balancer does.
func redirectTo(t testing.TB, server string) string {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target, _ := url.Parse(server + r.URL.EscapedPath())
		target.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&redirected=http", "&")
		w.Header().Set("Location", target.String())
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// TestCheckCommand: what it prints, for people and for programs, and how it ends.
func TestCheckCommand(t *testing.T) {
	server := startGateway(t, func(c *Config) { c.Precondition = wish.PreconditionLenient }) // fails W-55
	run := func(c CheckCmd) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var out bytes.Buffer
		err := c.Run(ctx, &out)
		return out.String(), err
	}
	text, err := run(CheckCmd{URL: server, Only: []string{"W-14", "W-22", "E-09"}})
	if want := `
WHIP (RFC 9725)

  pass  W-14  must     POST of a valid offer: 201
  skip  W-22  interop  POST to a stream that is not to be published: 401, 403 or 404
        every name may be published here

WHEP (draft-ietf-wish-whep-03)

  pass  E-09  must     POST of a valid offer: 201 with answer and Location

            pass  fail  skip
must           2     0     0
should         0     0     0
may            0     0     0
interop        0     0     1
`; text != want || err != nil {
		t.Errorf("%v, and on standard output\n%s", err, text)
	}
	text, err = run(CheckCmd{WHIP: server + "/whip/lobby", Only: []string{"W-14", "W-55"}, Fails: true})
	if !errors.Is(err, errCheck) || strings.Contains(text, "W-14") || !strings.Contains(text, "fail  W-55") {
		t.Errorf("a must that fails: %v, and on standard output\n%s", err, text)
	}
	text, err = run(CheckCmd{URL: server + "/whep/lobby", Only: []string{"W-14"}, JSON: true, Header: []string{"X-Test: 1"}})
	var report struct {
		WHIP    string
		Results []check.Result
	}
	if json.Unmarshal([]byte(text), &report) != nil || err != nil || report.WHIP != server+"/whip/lobby" || len(report.Results) != 1 || report.Results[0].Outcome != check.Pass {
		t.Errorf("%v, and on standard output\n%s", err, text)
	}
	for _, c := range []CheckCmd{{}, {URL: server, WHIP: server}, {URL: server, Header: []string{"nothing"}}} {
		if c.Validate() == nil {
			t.Errorf("%+v is valid", c)
		}
	}
	if _, err := run(CheckCmd{URL: server + "/nowhere/at/all"}); !errors.Is(err, check.ErrConfig) {
		t.Errorf("a server without endpoints: %v", err)
	}
}
