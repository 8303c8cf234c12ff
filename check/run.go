package check

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	streamMark   = "{stream}"
	parallel     = 8
	checkTimeout = 30 * time.Second
	slowTimeout  = 90 * time.Second
)

// ErrConfig is the error of a configuration that can't be used.
var ErrConfig = errors.New("nothing can be checked")

// Config says what to test. In the endpoints' URLs, "{stream}" stands for the stream's name: without a Stream, checks that
// publish then have names of their own and run side by side; else they take turns.
type Config struct {
	WHIP, WHEP string       // the endpoints' URLs; "" leaves one out. WHEP without WHIP needs a stream that is live
	Stream     string       // the name to use; "" for names that nobody else has
	Token      string       // for "Authorization: Bearer"; "" sends none
	Header     http.Header  // goes with every request
	Only       []string     // patterns of IDs, as "W-14" or "E-*"; none is all
	Level      Level        // the lowest that is run; "" is all
	Slow       bool         // also what needs up to a minute of waiting
	Load       bool         // also what burdens the server
	Insecure   bool         // any certificate will do
	Each       func(Result) // called as each check ends, one at a time; may be nil
}

// runner runs the checks of one Config.
type runner struct {
	config   Config
	http     *http.Client
	loopback bool // the server is on this machine
	prefix   string

	mu      sync.Mutex // guards Each, results and what probes owe
	results map[string]Result
}

// Run runs the checks and gives their results in the order of Checks. It ends early, with fewer results, when ctx does.
func Run(ctx context.Context, c Config) ([]Result, error) {
	r, err := newRunner(c)
	if err != nil {
		return nil, err
	}
	defer r.http.CloseIdleConnections()
	var whip, whep, alone, load []Check
	for _, check := range r.selected() {
		switch {
		case r.skipped(&check):
		case check.Needs&Load != 0:
			load = append(load, check)
		case check.whip():
			whip = append(whip, check)
		case check.Needs&Alone != 0:
			alone = append(alone, check)
		default:
			whep = append(whep, check)
		}
	}
	turns := parallel
	if r.single() {
		turns = 1
	}
	r.all(ctx, whip, turns)
	r.watching(ctx, whep)
	r.all(ctx, alone, turns)
	r.all(ctx, load, 1)
	var results []Result
	for _, check := range Checks() {
		if result, done := r.results[check.ID]; done {
			results = append(results, result)
		}
	}
	return results, context.Cause(ctx)
}

func newRunner(c Config) (*runner, error) {
	if c.WHIP == "" && c.WHEP == "" {
		return nil, fmt.Errorf("%w: neither a WHIP nor a WHEP endpoint is given", ErrConfig)
	}
	r := &runner{config: c, prefix: "check-" + token(4), results: make(map[string]Result)}
	for _, endpoint := range []string{c.WHIP, c.WHEP} {
		if endpoint == "" {
			continue
		}
		u, err := url.Parse(strings.ReplaceAll(endpoint, streamMark, "x"))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("%w: %q must be a URL such as http://localhost:8080/whip/lobby", ErrConfig, endpoint)
		}
		ip, _ := netip.ParseAddr(u.Hostname())
		r.loopback = u.Hostname() == "localhost" || ip.IsLoopback()
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 2 * parallel, ResponseHeaderTimeout: 20 * time.Second, ExpectContinueTimeout: 3 * time.Second,
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure}, //nolint:gosec // G402: the user asked for it
	}
	r.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return r, nil
}

// single reports whether all checks have to publish the same stream.
func (r *runner) single() bool {
	return r.config.Stream != "" || !strings.Contains(r.config.WHIP, streamMark)
}

func (r *runner) selected() []Check {
	var chosen []Check
	for _, check := range Checks() {
		if check.within(r.config.Level) && check.matches(r.config.Only) {
			chosen = append(chosen, check)
		}
	}
	return chosen
}

// skipped records why a check can't run, if so.
func (r *runner) skipped(check *Check) bool {
	c := &r.config
	why := ""
	switch {
	case check.whip() && c.WHIP == "":
		why = "no WHIP endpoint is given"
	case !check.whip() && c.WHEP == "":
		why = "no WHEP endpoint is given"
	case check.Needs&(Pair|Alone) != 0 && (c.WHIP == "" || c.WHEP == ""):
		why = "it has to publish and to watch, and only one of the endpoints is given"
	case check.Needs&Token != 0 && c.Token == "":
		why = "it needs a token that the server asks for (--token)"
	case check.Needs&Slow != 0 && !c.Slow:
		why = "it waits for up to a minute (--slow)"
	case check.Needs&Load != 0 && !c.Load:
		why = "it burdens the server (--load)"
	}
	if why != "" {
		r.record(check, verdict{Skip, "", why}, 0)
	}
	return why != ""
}

// watching runs the checks of the WHEP endpoint while a stream is live there.
func (r *runner) watching(ctx context.Context, checks []Check) {
	if len(checks) == 0 {
		return
	}
	if r.config.WHIP == "" {
		r.all(ctx, checks, parallel)
		return
	}
	show := &Check{ID: "W-00", Section: "RFC 9725", Needs: Alone, Run: func(p *probe) {
		p.stream = r.name("live")
		p.publish(peerOptions{})
		r.all(p.ctx, checks, parallel)
	}}
	if v, _ := r.try(ctx, show); v.outcome != Pass && ctx.Err() == nil {
		for i := range checks {
			r.record(&checks[i], verdict{Skip, "", "no stream could be published to watch: " + v.why}, 0)
		}
	}
}

// all runs checks, so many at a time.
func (r *runner) all(ctx context.Context, checks []Check, turns int) {
	places := make(chan struct{}, turns)
	var running sync.WaitGroup
	defer running.Wait()
	for i := range checks {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		running.Go(func() {
			defer func() { <-places }()
			timeout := checkTimeout
			if checks[i].Needs&Slow != 0 {
				timeout = slowTimeout
			}
			limited, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			if v, took := r.try(limited, &checks[i]); ctx.Err() == nil {
				r.record(&checks[i], v, took)
			}
		})
	}
}

// try runs one check to its verdict.
func (r *runner) try(ctx context.Context, check *Check) (v verdict, took time.Duration) {
	begin := time.Now()
	p := &probe{runner: r, ctx: ctx, check: check, stream: r.name(strings.ToLower(check.ID))}
	if !check.whip() && check.Needs&Alone == 0 {
		p.stream = r.name("live")
	}
	defer func() {
		p.settle()
		took = time.Since(begin)
		switch end := recover().(type) {
		case nil:
			v = verdict{outcome: Pass}
		case verdict:
			v = end
		default:
			panic(end)
		}
	}()
	check.Run(p)
	return
}

// name is the stream's name for a purpose.
func (r *runner) name(purpose string) string {
	if r.config.Stream != "" {
		return r.config.Stream
	}
	return r.prefix + "-" + purpose
}

func (r *runner) record(check *Check, v verdict, took time.Duration) {
	result := Result{ID: check.ID, Level: check.Level, Outcome: v.outcome, Title: check.Title, Section: check.Section, Why: v.why, Seconds: took.Seconds()}
	if v.level != "" {
		result.Level = v.level
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[check.ID] = result
	if r.config.Each != nil {
		r.config.Each(result)
	}
}

// token is so many random bytes in hex.
func token(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails; it would end the program
	return hex.EncodeToString(b)
}
