// Package bench is a load tester for WHIP and WHEP servers: a synthetic publisher, and viewers that cost so little that one
// machine has more of them than a server can serve.
package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bongsu/wish"
)

const (
	maxJoining   = 64 // at once
	leaveTimeout = 15 * time.Second
	maxErrors    = 8 // different ones that are told apart
)

// ErrConfig is the error of a test that can't be done as it was asked for.
var ErrConfig = errors.New("this test can't be done")

// Config says what to test, and with what load.
type Config struct {
	WHIP      string  // endpoint to publish the synthetic stream to; "": somebody else publishes
	WHEP      string  // endpoint to watch
	Token     string  // bearer token for both; "": none
	Media     Media   // of the synthetic stream
	Rate      float64 // viewers that come in a second
	Sample    int     // one packet of so many is decrypted
	NACK      bool    // viewers ask for lost packets
	PLI       bool    // viewers ask for a keyframe while none has come
	Loss      float64 // share of what arrives, 0 to 1, that a viewer throws away unseen, as a bad line does
	ServerPID int     // process to measure; 0: none
	Each      func(Second)
}

// Check finds what can't be. Its errors are ErrConfig and ErrCodec.
func (c *Config) Check() error {
	m := c.Media
	for name, address := range map[string]string{"whip": c.WHIP, "whep": c.WHEP} {
		u, err := url.Parse(address)
		if address == "" && name == "whip" {
			continue
		}
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%w: --%s is %q; it must be a URL such as http://localhost:8080/%s/lobby", ErrConfig, name, address, name)
		}
	}
	switch {
	case c.Rate <= 0 || c.Rate > 10_000 || math.IsNaN(c.Rate):
		return fmt.Errorf("%w: the rate is %v viewers a second; it must be from a fraction to 10000", ErrConfig, c.Rate)
	case c.Loss < 0 || c.Loss >= 1 || math.IsNaN(c.Loss):
		return fmt.Errorf("%w: viewers can't lose %v of what arrives; it must be from 0 to below 1", ErrConfig, c.Loss)
	case c.Sample < 1:
		return fmt.Errorf("%w: one packet of %d can't be decrypted; the sample is 1 or more", ErrConfig, c.Sample)
	case m.FPS < 1 || m.FPS > 1000:
		return fmt.Errorf("%w: %d frames a second; it must be from 1 to 1000", ErrConfig, m.FPS)
	case m.Bitrate < 10_000 || m.Bitrate > 1_000_000_000:
		return fmt.Errorf("%w: the bitrate is %d bit/s; it must be from 10k to 1000M", ErrConfig, m.Bitrate)
	case m.Simulcast < 0 || m.Simulcast > 4:
		return fmt.Errorf("%w: %d simulcast layers; it must be from 0 to 4", ErrConfig, m.Simulcast)
	}
	_, err := findCodec(m.Codec)
	return err
}

// Tester is a running test. Its methods are called by one goroutine. Close ends it.
type Tester struct {
	config    Config
	whip      *wish.Client
	whep      *wish.Client
	transport *http.Transport
	identity  identity
	sockets   sockets
	server    process // what is measured
	tester    process // ourselves

	loopback bool         // the server is on this machine
	local    netip.Addr   // this machine's address toward the server
	own      []netip.Addr // all IPv4 addresses of this machine

	loss      float64 // of those who come
	publisher *publisher
	spanFrom  atomic.Int64 // first frame of the measurement, for streams that begin within it

	quit    context.CancelFunc
	running sync.WaitGroup
	closed  sync.Once

	mu      sync.Mutex
	viewers []*viewer // that have connected, in the order of their coming
	joins   joinCounts
	took    histograms // since the measurement began
	fresh   histograms // since the last second
	series  []Second
	begin   time.Time
}

// histograms are what is measured besides counts.
type histograms struct{ latency, lag, late histogram }

func (h *histograms) merge(o *histograms) {
	h.latency.merge(&o.latency)
	h.lag.merge(&o.lag)
	h.late.merge(&o.late)
}

// joinCounts is how the viewers' coming went.
type joinCounts struct {
	wanted, joined, failed int
	errors                 map[string]int
	connect                histogram
	busy                   time.Duration // spent in Join
}

// New begins a test without load. Close it.
func New(ctx context.Context, c Config) (*Tester, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	id, err := newIdentity()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.ResponseHeaderTimeout = maxJoining, joinTimeout
	client := &http.Client{Transport: transport}
	t := &Tester{
		config: c, loss: c.Loss, identity: id, transport: transport, begin: time.Now(),
		whip: &wish.Client{HTTP: client, Endpoint: c.WHIP, Token: c.Token}, whep: &wish.Client{HTTP: client, Endpoint: c.WHEP, Token: c.Token},
		joins: joinCounts{errors: map[string]int{}},
	}
	if err := t.route(ctx); err != nil {
		return nil, err
	}
	if err := t.server.open(c.ServerPID); err != nil {
		return nil, err
	}
	t.tester.self()
	ctx, t.quit = context.WithCancel(context.WithoutCancel(ctx))
	t.running.Go(func() { t.care(ctx) })
	t.running.Go(func() { t.watch(ctx) })
	return t, nil
}

func newIdentity() (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return identity{}, err
	}
	return identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, fingerprint(der)}, nil
}

// Publish begins the synthetic stream, if there is to be one.
func (t *Tester) Publish(ctx context.Context) error {
	if t.config.WHIP == "" {
		return nil
	}
	p, err := newPublisher(t.config.Media, t.loopback)
	if err != nil {
		return err
	}
	if err := p.connect(ctx, t.whip); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
		defer cancel()
		return errors.Join(fmt.Errorf("publishing to %s: %w", t.config.WHIP, err), p.Close(ctx))
	}
	for _, s := range p.peer.GetSenders() {
		t.running.Go(func() { p.listen(s) })
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t.mu.Lock()
	t.publisher = p
	quit := t.quit
	t.quit = func() { cancel(); quit() }
	t.mu.Unlock()
	t.running.Go(func() { p.run(ctx) })
	return nil
}

// Join adds viewers at the rate of the configuration, and waits until each has connected or failed.
func (t *Tester) Join(ctx context.Context, n int) error {
	began := time.Now()
	var joining sync.WaitGroup
	coming, enough := context.WithCancel(ctx)
	defer enough()
	room := make(chan struct{}, maxJoining)
	if n > 0 {
		pace(coming, time.Duration(float64(time.Second)/t.config.Rate), func(i int64, _ time.Duration) {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return
			}
			joining.Go(func() {
				t.one(ctx)
				<-room
			})
			if i == int64(n-1) {
				enough()
			}
		})
	}
	joining.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.joins.busy += time.Since(began)
	return context.Cause(ctx)
}

func (t *Tester) one(ctx context.Context) {
	v := t.newViewer()
	err := v.join(ctx)
	t.mu.Lock()
	t.joins.wanted++
	if err == nil {
		t.joins.joined++
		t.joins.connect.add(time.Since(v.began))
		t.viewers = append(t.viewers, v)
		t.mu.Unlock()
		return
	}
	t.joins.failed++
	if text := err.Error(); t.joins.errors[text] > 0 || len(t.joins.errors) < maxErrors {
		t.joins.errors[text]++
	}
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	_ = v.leave(ctx) // it never was one
}

// watching lists the viewers that have connected.
func (t *Tester) watching() []*viewer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clip(t.viewers)
}

// leaveLast ends the session of the viewer who came last.
func (t *Tester) leaveLast(ctx context.Context) error {
	t.mu.Lock()
	last := t.viewers[len(t.viewers)-1]
	t.viewers = slices.Clone(t.viewers[:len(t.viewers)-1])
	t.mu.Unlock()
	return last.leave(ctx)
}

// Leave ends all viewers' sessions.
func (t *Tester) Leave(ctx context.Context) error {
	t.mu.Lock()
	all := t.viewers
	t.viewers = nil
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	room := make(chan struct{}, maxJoining/4)
	failures := make([]error, len(all))
	var leaving sync.WaitGroup
	for i, v := range all {
		room <- struct{}{}
		leaving.Go(func() { failures[i] = v.leave(ctx); <-room })
	}
	leaving.Wait()
	return errors.Join(failures[:min(len(failures), maxErrors)]...)
}

// Close ends the load and waits. It may be called twice.
func (t *Tester) Close() error {
	var err error
	t.closed.Do(func() {
		err = t.Leave(context.Background())
		t.quit()
		if t.publisher != nil {
			ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
			defer cancel()
			err = errors.Join(err, t.publisher.Close(ctx))
		}
		t.running.Wait()
		t.sockets.Close()
		t.transport.CloseIdleConnections()
	})
	return err
}
