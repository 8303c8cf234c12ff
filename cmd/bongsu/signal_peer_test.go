package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// signalMessage is what the server says over /signal.
type signalMessage struct {
	Type, ID, Resume, SDP, Candidate, SDPMid, Fragment, Code, Event string
	Sessions                                                        []string
	Layers                                                          map[string][]struct{ Width int }
	Problem                                                         struct{ Code, Detail string }
	Frame                                                           json.RawMessage // of the chat
}

// signalClient speaks to /signal. What it sends and hears is checked against the schema.
type signalClient struct {
	t       testing.TB
	ctx     context.Context
	conn    *websocket.Conn
	schema  map[string]*jsonschema.Schema
	heard   chan signalMessage // but for candidates and events
	events  chan signalMessage
	trickle chan signalMessage
	word    string
	ended   chan error
	sending sync.Mutex
}

func dialSignal(t testing.TB, ctx context.Context, url string) *signalClient {
	t.Helper()
	c := &signalClient{t: t, ctx: ctx, schema: map[string]*jsonschema.Schema{}, ended: make(chan error, 1),
		heard: make(chan signalMessage, 1000), events: make(chan signalMessage, 1000), trickle: make(chan signalMessage, 1000)}
	for _, part := range []string{"client", "server"} {
		s, err := jsonschema.NewCompiler().Compile("../../docs/signaling.schema.json#/$defs/" + part)
		if err != nil {
			t.Fatal(err)
		}
		c.schema[part] = s
	}
	conn, response, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(url, "http")+"/signal", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	c.conn = conn
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.ended <- c.read()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-read
	})
	c.word = c.hear("hello", "").Resume
	return c
}

func (c *signalClient) check(part string, frame []byte) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(frame))
	if err == nil {
		err = c.schema[part].Validate(v)
	}
	if err != nil {
		c.t.Errorf("%s: %v", frame, err)
	}
}

func (c *signalClient) read() error {
	for {
		_, frame, err := c.conn.ReadMessage()
		if err != nil {
			return err
		}
		c.check("server", frame)
		var m signalMessage
		if err := json.Unmarshal(frame, &m); err != nil {
			return err
		}
		switch m.Type {
		case "candidate":
			c.trickle <- m
		case "event", "layers":
			c.events <- m
		default:
			c.heard <- m
		}
	}
}

// say sends a message given as pairs.
func (c *signalClient) say(pairs ...string) {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	if m["trickle"] != nil {
		m["trickle"] = true
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	frame, err := json.Marshal(m)
	if err == nil {
		c.check("client", frame)
		err = c.conn.WriteMessage(websocket.TextMessage, frame)
	}
	if err != nil {
		c.t.Log(err) // hear will fail
	}
}

func (c *signalClient) hear(kind, id string) signalMessage {
	c.t.Helper()
	m := wait(c.ctx, c.t, kind+" of "+id, c.heard)
	if m.Type != kind || m.ID != id {
		c.t.Fatalf("heard %+v, want %s of %q", m, kind, id)
	}
	return m
}

// hearEvents waits for these events of a session, in any order. "" is the message layers.
func (c *signalClient) hearEvents(id string, events ...string) (m signalMessage) {
	c.t.Helper()
	for len(events) > 0 {
		if m = wait(c.ctx, c.t, strings.Join(events, ", ")+" of "+id, c.events); m.ID == id {
			events = slices.DeleteFunc(events, func(e string) bool { return e == m.Event })
		}
	}
	return m
}

func wait[T any](ctx context.Context, t testing.TB, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-ctx.Done():
		t.Fatalf("no %s", what)
	}
	return v
}

// signalPeer is a peer connection that knows nothing of how its signaling gets there.
type signalPeer struct {
	*webrtc.PeerConnection
	up      chan struct{}
	headers chan rtp.Header // of the video that comes
}

func newSignalPeer(t testing.TB) *signalPeer {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&media)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	p := &signalPeer{PeerConnection: pc, up: make(chan struct{}, 10), headers: make(chan rtp.Header, 100_000)}
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		if s == webrtc.ICEConnectionStateConnected {
			p.up <- struct{}{}
		}
	})
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if track.Kind() == webrtc.RTPCodecTypeVideo {
				p.headers <- packet.Header
			}
		}
	})
	return p
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// offer has the candidates in it, unless they are sent to a client as they come.
func (p *signalPeer) offer(t testing.TB, ctx context.Context, options *webrtc.OfferOptions) string {
	t.Helper()
	offer, err := p.CreateOffer(options)
	must(t, offer, err)
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	must(t, offer, p.SetLocalDescription(offer))
	wait(ctx, t, "candidates", gathered)
	return p.LocalDescription().SDP
}

// sendCandidates sends what is gathered to the server, as browsers do.
func (p *signalPeer) sendCandidates(c *signalClient, id string) {
	p.OnICECandidate(func(found *webrtc.ICECandidate) {
		if found == nil {
			c.say("type", "candidate", "id", id, "candidate", "")
			return
		}
		c.say("type", "candidate", "id", id, "candidate", found.ToJSON().Candidate, "sdpMid", "0")
	})
}

// takeCandidates takes those of the server.
func (p *signalPeer) takeCandidates(t testing.TB, c *signalClient, id string) {
	t.Helper()
	for n := 0; ; n++ {
		m := wait(c.ctx, t, "candidate of "+id, c.trickle)
		if m.ID != id || m.Candidate == "" {
			if n == 0 || m.ID != id {
				t.Fatalf("candidate %d of %s: %+v", n, id, m)
			}
			return
		}
		if err := p.AddICECandidate(webrtc.ICECandidateInit{Candidate: m.Candidate, SDPMid: &m.SDPMid}); err != nil {
			t.Error(err)
		}
	}
}

func (p *signalPeer) accept(t testing.TB, kind webrtc.SDPType, sdp string) {
	t.Helper()
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: sdp}); err != nil {
		t.Fatalf("%v\n%s", err, sdp)
	}
}

// film publishes VP8 until the test ends.
func (p *signalPeer) film(t testing.TB) {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	must(t, track, err)
	transceiver, err := p.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(t, transceiver, err)
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-stopped })
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := uint16(0); ; i++ {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			payload := []byte{0x10, 1, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0}
			if i%10 == 0 {
				payload[1] = 0 // a keyframe
			}
			_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: i, Timestamp: uint32(i) * 900}, Payload: payload})
		}
	}()
}

func (p *signalPeer) watch(t testing.TB) {
	t.Helper()
	v, err := p.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	must(t, v, err)
}

// follower goes through a viewer's packets.
type follower struct {
	ssrc  uint32
	next  uint16
	ahead map[uint16]bool // what has come before its turn
}

// unbroken takes so many packets of one stream, with none missing after the last one: they may come late, when the client has
// asked for them again.
func (p *signalPeer) unbroken(t testing.TB, ctx context.Context, f *follower, packets int) {
	t.Helper()
	for range packets {
		for f.ahead == nil || !f.ahead[f.next] {
			h := wait(ctx, t, "media", p.headers)
			if f.ahead == nil {
				*f = follower{h.SSRC, h.SequenceNumber, map[uint16]bool{}}
			}
			if h.SSRC != f.ssrc {
				t.Fatalf("%+v is of another stream", h)
			}
			f.ahead[h.SequenceNumber] = true
		}
		delete(f.ahead, f.next)
		f.next++
	}
}
