package channel_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/auth"
	"bongsu/broadcast"
	"bongsu/channel"
	"bongsu/egress"
	"bongsu/ingest"
	"bongsu/lite"
	"bongsu/rtc"
	"bongsu/udp"
	"bongsu/wish"
)

// The ways into a gateway.
const (
	publisher = "publisher"
	lean      = "viewer, lean"
	pc        = "viewer by PeerConnection"
	offered   = "viewer by the server's offer"
)

func ways() []string { return []string{publisher, lean, pc, offered} }

// gateway is what a server has of it.
type gateway struct {
	url string
	hub *broadcast.Hub
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, channels channel.Channels) *gateway {
	t.Helper()
	g := &gateway{log: &lockedBuffer{}}
	log := slog.New(slog.NewTextHandler(g.log, nil))
	port, err := udp.Listen("127.0.0.1:0", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	g.hub = broadcast.New(broadcast.Config{Writers: 1})
	t.Cleanup(g.hub.Close)
	api, err := rtc.New(port, rtc.Config{Writers: 1}, log)
	if err != nil {
		t.Fatal(err)
	}
	lite, err := lite.New(port, 1, lite.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lite.Close() })
	g.hub.Flush = func(writer int) { lite.Flush(writer); api.Flush(writer) }
	port.Start(lite.Handle)
	resources := wish.NewResources(wish.Limits{})
	t.Cleanup(resources.Close)
	in := ingest.New(g.hub, api, auth.Keys{}, resources, log)
	out := egress.New(egress.Config{Wait: true}, g.hub, lite, api, resources, log)
	full := egress.New(egress.Config{Wait: true, Transport: egress.TransportPC}, g.hub, lite, api, resources, log)
	in.Channels, out.Channels, full.Channels = channels, channels, channels
	e := echo.New()
	e.Any("/whip/:stream", in.Handle)
	e.Any("/whep/:stream", out.Handle)
	e.Any("/pc/:stream", full.Handle)
	e.Any("/session/:id", resources.Handle)
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(599, err.Error()) }
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// message is what a client got on a channel.
type message struct {
	label string
	text  bool
	data  []byte
}

// client is a pion client with its channels.
type client struct {
	*webrtc.PeerConnection
	ctx      context.Context
	t        *testing.T
	resource *wish.Resource
	messages chan message
	opened   chan *webrtc.DataChannel
	closed   chan string         // labels
	remote   func(string) string // changes what the server says
	packets  chan struct{}
}

func newClient(ctx context.Context, t *testing.T) *client {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(1)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	var m webrtc.MediaEngine
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	c := &client{PeerConnection: pc, ctx: ctx, t: t, messages: make(chan message, 100), opened: make(chan *webrtc.DataChannel, 10),
		closed: make(chan string, 10), remote: func(s string) string { return s }, packets: make(chan struct{}, 1)}
	pc.OnDataChannel(c.listen)
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := tr.ReadRTP(); err != nil {
				return
			}
			select {
			case c.packets <- struct{}{}:
			default:
			}
		}
	})
	return c
}

func (c *client) listen(d *webrtc.DataChannel) {
	d.OnMessage(func(m webrtc.DataChannelMessage) {
		select {
		case c.messages <- message{d.Label(), m.IsString, m.Data}:
		case <-c.t.Context().Done():
		}
	})
	d.OnOpen(func() { c.opened <- d })
	d.OnClose(func() { c.closed <- d.Label() })
}

// channel has the client open a channel.
func (c *client) channel(label string, init *webrtc.DataChannelInit) *webrtc.DataChannel {
	c.t.Helper()
	d, err := c.CreateDataChannel(label, init)
	if err != nil {
		c.t.Fatal(err)
	}
	c.listen(d)
	return d
}

// connect goes one of the ways.
func (c *client) connect(g *gateway, way string) *client {
	c.t.Helper()
	w := &wish.Client{Endpoint: g.url + map[string]string{publisher: "/whip/lobby", lean: "/whep/lobby", pc: "/pc/lobby", offered: "/whep/lobby"}[way], Token: "key"}
	if way == offered {
		w.HTTP, w.Answer = &http.Client{Transport: prefer{}}, c.answer
		_, r, err := w.Post(c.ctx, chromium)
		if err != nil {
			c.t.Fatal(err)
		}
		c.resource = r
		return c
	}
	if way == publisher {
		c.film()
	} else {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
			if _, err := c.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	answer, r, err := w.Post(c.ctx, c.offer(nil))
	if err != nil {
		c.t.Fatal(err)
	}
	c.resource = r
	if err := c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.remote(answer)}); err != nil {
		c.t.Fatalf("%v\n%s", err, answer)
	}
	return c
}

// prefer asks for the server's offer.
type prefer struct{}

func (prefer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Prefer", "counter-offer")
	return http.DefaultTransport.RoundTrip(r)
}

// chromium is an offer for what is not looked at.
const chromium = "v=0\r\n"

func (c *client) answer(offer string) (string, error) {
	if err := c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: c.remote(offer)}); err != nil {
		return "", err
	}
	answer, err := c.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(c.PeerConnection)
	if err := c.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return c.LocalDescription().SDP, nil
}

func (c *client) offer(o *webrtc.OfferOptions) string {
	c.t.Helper()
	offer, err := c.CreateOffer(o)
	if err != nil {
		c.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.PeerConnection)
	if err := c.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	<-gathered
	return c.LocalDescription().SDP
}

// restart restarts ICE.
func (c *client) restart() {
	c.t.Helper()
	last := c.RemoteDescription().SDP
	answer, err := c.resource.Restart(c.ctx, c.offer(&webrtc.OfferOptions{ICERestart: true}), last)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		c.t.Fatal(err)
	}
}

// film sends a picture until the test ends.
func (c *client) film() {
	c.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "v", "s")
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.AddTrack(track); err != nil {
		c.t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	c.t.Cleanup(func() { close(stop); <-stopped })
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := uint16(0); ; i++ {
			select {
			case <-tick.C:
				_ = track.WriteRTP(&rtp.Packet{Payload: []byte{0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, 1},
					Header: rtp.Header{Version: 2, SequenceNumber: i, Timestamp: uint32(i) * 900, Marker: true}})
			case <-stop:
				return
			}
		}
	}()
}

// await waits for something to come from a channel.
func await[T any](c *client, what string, from <-chan T) (v T) {
	c.t.Helper()
	select {
	case v = <-from:
	case <-c.ctx.Done():
		c.t.Fatalf("no %s", what)
	}
	return v
}

// hears wants a text.
func (c *client) hears(label, want string) {
	c.t.Helper()
	if m := await(c, fmt.Sprintf("%s %q", label, want), c.messages); m.label != label || !m.text || string(m.data) != want {
		c.t.Errorf("%s: %.100q, want %s: %q", m.label, m.data, label, want)
	}
}

// until waits for what nothing tells of.
func (c *client) until(what string, ok func() bool) {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		await(c, what, tick.C)
	}
}

// live waits until the stream has a picture.
func (c *client) live(g *gateway) {
	c.t.Helper()
	c.until("picture", func() bool {
		info, ok := g.hub.Info("lobby")
		return ok && info.State == broadcast.Live && len(info.Tracks) > 0
	})
}

func says(t *testing.T, d *webrtc.DataChannel, text string) {
	t.Helper()
	if err := d.SendText(text); err != nil {
		t.Fatal(err)
	}
}

// dataLine is the m-line of data channels.
func dataLine(sdp string) string {
	_, line, _ := strings.Cut(sdp, "\nm=application ")
	line, _, _ = strings.Cut(line, "\r\n")
	return line
}
