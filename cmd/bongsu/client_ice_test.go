package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"github.com/pion/webrtc/v4"

	"bongsu/egress"
	"bongsu/wish"
)

// tap is between a client and HTTP: it notes what is sent, and changes what comes.
type tap struct {
	http.RoundTripper
	mu     sync.Mutex
	bodies map[string][]string                                   // by method
	change func(req *http.Request, resp *http.Response, n int)   // may be nil; n requests of the method have been before
	send   func(req *http.Request, body string) (changed string) // may be nil
}

func tapped(e *endpoint) *tap {
	tp := &tap{RoundTripper: e.HTTP.Transport, bodies: map[string][]string{}}
	e.HTTP.Transport = tp
	return tp
}

// RoundTrip implements http.RoundTripper.
func (tp *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	tp.mu.Lock()
	n := len(tp.bodies[req.Method])
	tp.bodies[req.Method] = append(tp.bodies[req.Method], string(body))
	tp.mu.Unlock()
	if tp.send != nil {
		body = []byte(tp.send(req, string(body)))
	}
	req = req.Clone(req.Context())
	req.Body, req.ContentLength, req.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	resp, err := tp.RoundTripper.RoundTrip(req)
	if err == nil && tp.change != nil {
		tp.change(req, resp, n)
	}
	return resp, err
}

func (tp *tap) sent(method string) []string {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return slices.Clip(tp.bodies[method])
}

// startTURN runs a TURN server and gives the value of a Link header for it.
func startTURN(t testing.TB) (link string, users *atomic.Int32) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	users = &atomic.Int32{}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: "test",
		AuthHandler: func(ra *turn.RequestAttributes) (string, []byte, bool) {
			users.Add(1)
			return ra.Username, turn.GenerateAuthKey(ra.Username, ra.Realm, `pass,"word`), ra.Username == "17:user"
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: conn, RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return `<turn:` + conn.LocalAddr().String() + `?transport=udp>; rel="ice-server"; username="17:user"; credential="pass,\"word"; credential-type="password"`, users
}

// startTapped is a viewer of the demo whose HTTP is tapped; connect it.
func startTapped(t testing.TB, url string) (*clientPeer, *tap) {
	t.Helper()
	server, err := newEndpoint(url+"/whep/demo", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	tp := tapped(server)
	peer, err := newClientPeer(server, (*webrtc.MediaEngine).RegisterDefaultCodecs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	return peer, tp
}

// TestICEServersOfOptions: those that OPTIONS shows are used for the offer, or soon after.
func TestICEServersOfOptions(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Demo = true })
	link, users := startTURN(t)
	peer, tp := startTapped(t, url)
	tp.change = func(req *http.Request, resp *http.Response, _ int) {
		if req.Method == http.MethodOptions {
			resp.Header.Add("Link", `<stun:bad port>; rel="ice-server", <turn:127.0.0.1:9>; rel="ice-server", `+link)
		}
	}
	watchVideo(t, ctx, peer).flows(t, ctx, 20)
	await(t, ctx, "a relayed candidate", func() bool {
		return strings.Contains(strings.Join(append(tp.sent(http.MethodPost), tp.sent(http.MethodPatch)...), ""), "typ relay")
	})
	if users.Load() == 0 || len(tp.sent(http.MethodPost)) != 1 {
		t.Errorf("%d requests to TURN, %d sessions", users.Load(), len(tp.sent(http.MethodPost)))
	}
}

// TestICEServersOfAnswer: those that come with the answer are used when there is no connection without them.
func TestICEServersOfAnswer(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Demo = true })
	link, _ := startTURN(t)
	peer, tp := startTapped(t, url)
	tp.send = func(_ *http.Request, body string) string {
		if strings.HasPrefix(body, "v=") {
			return string(candidateLines.ReplaceAll([]byte(body), nil))
		}
		return body
	}
	tp.change = func(req *http.Request, resp *http.Response, _ int) {
		if req.Method == http.MethodPost {
			resp.Header.Add("Link", link)
			answer, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(candidateLines.ReplaceAll(answer, nil))), -1
		}
	}
	watchVideo(t, ctx, peer).flows(t, ctx, 20)
	if fragments := strings.Join(tp.sent(http.MethodPatch), ""); !strings.Contains(fragments, "typ relay") || len(tp.sent(http.MethodPost)) != 1 {
		t.Errorf("%d sessions; sent was\n%s", len(tp.sent(http.MethodPost)), fragments)
	}
}

// TestTrickle: the offer does not wait for a STUN server that is slow; what comes later is told by PATCH.
func TestTrickle(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Demo = true })
	conn, err := listenLoopback()
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan struct{})
	served := make(chan struct{})
	defer func() { _ = conn.Close(); <-served }()
	go func() { // a STUN server that answers late
		defer close(served)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			select {
			case <-answer:
			case <-ctx.Done():
				return
			}
			m := &stun.Message{Raw: buf[:n]}
			if m.Decode() != nil {
				continue
			}
			if m, err := stun.Build(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(192, 0, 2, 7), Port: from.Port}, stun.Fingerprint); err == nil {
				_, _ = conn.WriteToUDP(m.Raw, from)
			}
		}
	}()
	peer, tp := startTapped(t, url)
	var last atomic.Int32
	tp.change = func(req *http.Request, resp *http.Response, _ int) {
		switch req.Method {
		case http.MethodOptions:
			resp.Header.Add("Link", `<stun:`+conn.LocalAddr().String()+`>; rel="ice-server"`)
		case http.MethodPatch:
			last.Store(int32(resp.StatusCode))
		}
	}
	watchVideo(t, ctx, peer).flows(t, ctx, 20)
	offer := tp.sent(http.MethodPost)[0]
	if strings.Contains(offer, "srflx") || strings.Contains(offer, "end-of-candidates") || !strings.Contains(offer, "typ host") || len(tp.sent(http.MethodPatch)) > 0 {
		t.Errorf("offer was\n%s\nand then %q", offer, tp.sent(http.MethodPatch))
	}
	close(answer)
	await(t, ctx, "the end of candidates", func() bool {
		return strings.Contains(strings.Join(tp.sent(http.MethodPatch), ""), "end-of-candidates")
	})
	fragments := strings.Join(tp.sent(http.MethodPatch), "")
	if !strings.Contains(fragments, "192.0.2.7") || strings.Contains(fragments, "typ host") {
		t.Errorf("sent was\n%s", fragments)
	}
	await(t, ctx, "204", func() bool { return last.Load() == http.StatusNoContent })
}

// TestWithoutUDP: where no UDP gets through, ICE-TCP does, over both transports (RFC 6544).
func TestWithoutUDP(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{egress.TransportAuto, egress.TransportPC} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t, 60*time.Second)
			url := startGateway(t, func(c *Config) { c.Demo, c.Egress.Transport = true, transport })
			peer, tp := startTapped(t, url)
			udp := regexp.MustCompile(`a=candidate:\S+ \d+ udp .*\r\n`)
			tp.send = func(_ *http.Request, body string) string { return udp.ReplaceAllString(body, "") }
			tp.change = func(req *http.Request, resp *http.Response, _ int) {
				if req.Method == http.MethodPost {
					answer, _ := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(udp.ReplaceAll(answer, nil))), -1
				}
			}
			watchVideo(t, ctx, peer).flows(t, ctx, 50)
			pair, err := peer.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
			if err != nil || pair.Remote.Protocol != webrtc.ICEProtocolTCP {
				t.Errorf("%v, %v", pair, err)
			}
		})
	}
}

// TestICEServersUnusable: what is no usable server is left out, with a word about it.
func TestICEServersUnusable(t *testing.T) {
	log := newTestLog()
	servers := iceServers([]wish.Link{
		{URL: "stun:a.example:3478", Rel: "ice-server"},
		{URL: "turn:b.example", Rel: "ice-server", Params: map[string]string{"username": "u", "credential": "c"}},
		{URL: "turn:bare.example", Rel: "ice-server"},
		{URL: "https://web.example", Rel: "ice-server"},
		{URL: "https://events.example", Rel: "other"},
	}, log.Logger)
	if len(servers) != 2 || servers[1].Username != "u" || servers[1].Credential != "c" {
		t.Errorf("%+v", servers)
	}
	if text := log.String(); !strings.Contains(text, "bare.example") || !strings.Contains(text, "web.example") || strings.Contains(text, "events.example") {
		t.Errorf("log:\n%s", text)
	}
}

// TestCounterOffer: a viewer whose offer can't be met gets the stream by the server's own, and restarts ICE all the same.
func TestCounterOffer(t *testing.T) {
	t.Parallel()
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Demo, c.Egress.CounterOffer = true, true })
	n := startMovingNetwork(t)
	server, err := newEndpoint(url+"/whep/demo", "")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	n.join(server)
	tp := tapped(server)
	tp.send = func(req *http.Request, body string) string { // an offer of a codec that is not there
		if req.Method == http.MethodPost {
			return strings.ReplaceAll(body, "H264/90000", "MPEG4/90000")
		}
		return body
	}
	log := newTestLog()
	peer, err := newClientPeer(server, registerH264, log.Logger)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	v := watchVideo(t, ctx, peer)
	before := v.flows(t, ctx, 30)
	if !strings.Contains(log.String(), "an offer of its own") {
		t.Errorf("log:\n%s", log)
	}
	n.move()
	await(t, ctx, "an ICE restart", func() bool { return n.patches.Load() > 0 })
	if after := v.flows(t, ctx, 30); after.SSRC != before.SSRC || len(tp.sent(http.MethodPost)) != 1 {
		t.Errorf("SSRC %d, before %d; %d sessions\n%s", after.SSRC, before.SSRC, len(tp.sent(http.MethodPost)), log)
	}
}

func registerH264(m *webrtc.MediaEngine) error {
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: opus}, webrtc.RTPCodecTypeAudio); err != nil {
		return err
	}
	return m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 102, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264,
		ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}}, webrtc.RTPCodecTypeVideo)
}

// TestWatchElsewhere: a URL that is of no WHEP endpoint is told so.
func TestWatchElsewhere(t *testing.T) {
	e := newTestEndpoint(t, func(int, *webrtc.PeerConnection) {})
	e.refuse = func(int) int { return http.StatusMethodNotAllowed }
	cmd := WatchCmd{URL: e.URL + "/endpoint"}
	_, done := start(t, func(ctx context.Context) error { return cmd.Run(ctx, io.Discard, newTestLog().Logger) })
	if err := within(t, 10*time.Second, "the error", done); err == nil || !strings.Contains(err.Error(), "no WHEP endpoint") || !strings.Contains(err.Error(), "405") {
		t.Errorf("got %v", err)
	}
}
