package lite

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"bongsu/broadcast"
	"bongsu/udp"
	"bongsu/wish"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	h264 = broadcast.Codec{MimeType: "video/H264", ClockRate: 90000, Fmtp: "packetization-mode=1"}
	vp8  = broadcast.Codec{MimeType: "video/VP8", ClockRate: 90000}
	opus = broadcast.Codec{MimeType: "audio/opus", ClockRate: 48000, Channels: 2}
	log  = slog.New(slog.DiscardHandler)
)

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func await[T any](ctx context.Context, t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-ctx.Done():
		t.Fatalf("no %s", what)
	}
	return v
}

// until waits for a condition that nothing tells of.
func until(ctx context.Context, t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no %s", what)
		}
	}
}

// gateway is a port with a server and a hub on it.
type gateway struct {
	port   *udp.Port
	server *Server
	hub    *broadcast.Hub
	// channels serves data channels; nil: there are none.
	channels func(context.Context, *datachannel.DataChannel)
}

const writers = 2

func newGateway(t testing.TB, times timeouts) *gateway {
	t.Helper()
	return newGatewayWith(t, Config{}, times)
}

func newGatewayWith(t testing.TB, c Config, times timeouts) *gateway {
	t.Helper()
	port, err := udp.Listen("127.0.0.1:0", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	if err := port.ListenTCP("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	g := &gateway{port: port}
	if g.server, err = newServer(port, writers, c, log, times); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.server.Close() })
	g.hub = broadcast.New(broadcast.Config{Writers: writers})
	g.hub.Flush = g.server.Flush
	t.Cleanup(g.hub.Close)
	port.Start(g.server.Handle)
	return g
}

// film publishes: frames of some packets, every tenth a keyframe, and a sound between each two.
type film struct {
	video, audio *broadcast.Layer
	mu           sync.Mutex
	seq, sound   uint16
	frame        int
}

func (g *gateway) publish(t testing.TB, codec broadcast.Codec) *film {
	t.Helper()
	src, err := g.hub.Publish("film", broadcast.Publication{})
	if err != nil {
		t.Fatal(err)
	}
	f := &film{seq: 65500, sound: 65530}
	f.video = src.AddLayer(codec, "", func() {})
	f.audio = src.AddLayer(opus, "", func() {})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				f.video.SetClock(uint32(f.frame)*450, now)
				f.shoot(codec)
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped; src.Close() })
	return f
}

func (f *film) shoot(codec broadcast.Codec) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := f.frame%10 == 0
	var payloads [][]byte
	if codec.Name() == "VP8" {
		first := byte(1)
		if key {
			first = 0
		}
		payloads = [][]byte{{0x10, first, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, byte(f.frame)}, append([]byte{0, 1}, make([]byte, 900)...)}
	} else if key {
		payloads = [][]byte{{0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0xa0, 0x5b, 0x20}, {0x68, 0xcb, 0x83, 0xcb, 0x20}, append([]byte{0x65, byte(f.frame)}, make([]byte, 900)...)}
	} else {
		payloads = [][]byte{append([]byte{0x41, byte(f.frame)}, make([]byte, 900)...)}
	}
	for i, p := range payloads {
		f.video.Write(&rtp.Packet{Header: rtp.Header{SequenceNumber: f.seq, Timestamp: uint32(f.frame) * 450, Marker: i == len(payloads)-1}, Payload: p})
		f.seq++
	}
	f.audio.Write(&rtp.Packet{Header: rtp.Header{SequenceNumber: f.sound, Timestamp: uint32(f.frame) * 240}, Payload: []byte{0xf8, byte(f.frame)}})
	f.sound++
	f.frame++
}

// viewer is a browser's side: a peer connection with the usual codecs, and what it got.
type viewer struct {
	*webrtc.PeerConnection
	packets chan received
	reports chan []rtcp.Packet
	states  chan webrtc.PeerConnectionState
	session *Session
}

type received struct {
	kind   webrtc.RTPCodecType
	mime   string
	header rtp.Header
	rtx    bool
	track  *webrtc.TrackRemote
}

// viewerOptions of a viewer.
type viewerOptions struct {
	settings func(*webrtc.SettingEngine)
	bare     bool // without interceptors: no NACK, no reports
	data     bool // with a data channel
	offer    func(string) string
	answer   func(string) string
}

func newViewer(t testing.TB, o viewerOptions) *viewer {
	t.Helper()
	var m webrtc.MediaEngine
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	i := &interceptor.Registry{}
	if !o.bare {
		if err := webrtc.RegisterDefaultInterceptors(&m, i); err != nil {
			t.Fatal(err)
		}
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if o.settings != nil {
		o.settings(&s)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithInterceptorRegistry(i), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{PeerConnection: pc, packets: make(chan received, 1000), reports: make(chan []rtcp.Packet, 10), states: make(chan webrtc.PeerConnectionState, 20)}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) { v.states <- state })
	pc.OnTrack(v.read)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	if o.data {
		if _, err := pc.CreateDataChannel("chat", nil); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func (v *viewer) read(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	go func() {
		for {
			packets, _, err := r.ReadRTCP()
			if err != nil {
				return
			}
			select {
			case v.reports <- packets:
			default: // nobody reads
			}
		}
	}()
	for {
		p, a, err := tr.ReadRTP()
		if err != nil {
			return
		}
		_, rtx := a.Get(webrtc.AttributeRtxSsrc).(uint32)
		select {
		case v.packets <- received{tr.Kind(), tr.Codec().MimeType, p.Header, rtx, tr}:
		default: // nobody reads
		}
	}
}

func (v *viewer) offer(ctx context.Context, t testing.TB) string {
	t.Helper()
	o, err := v.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(v.PeerConnection)
	if err := v.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "candidates", gathered)
	return v.LocalDescription().SDP
}

// join has a viewer offer and the server answer, as egress does.
func (g *gateway) join(ctx context.Context, t testing.TB, o viewerOptions) *viewer {
	t.Helper()
	v := newViewer(t, o)
	text := v.offer(ctx, t)
	if o.offer != nil {
		text = o.offer(text)
	}
	var answer string
	answer, v.session = g.answer(t, text)
	if o.answer != nil {
		answer = o.answer(answer)
	}
	if err := v.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	return v
}

func (g *gateway) answer(t testing.TB, text string) (string, *Session) {
	t.Helper()
	offer, err := wish.ParseOffer([]byte(text), wish.Play)
	if err != nil {
		t.Fatal(err)
	}
	answer, s, err := g.server.Answer(Offer{SDP: offer.SDP, Passive: offer.Passive, Formats: offer.Formats(), Data: g.channels != nil})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Channels(g.channels)
	if answer, err = wish.FinishAnswer(answer, offer, wish.AnswerOptions{Loopback: true}); err != nil {
		t.Fatal(err)
	}
	return answer, s
}

// watch subscribes the viewer's session and starts it when it is connected.
func (g *gateway) watch(ctx context.Context, t testing.TB, v *viewer) *broadcast.Subscriber {
	t.Helper()
	s := v.session
	sub, err := g.hub.Subscribe("film", broadcast.Subscription{Sink: s, Audio: s.Output(broadcast.Audio), Video: s.Output(broadcast.Video)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.Close)
	await(ctx, t, "connection", s.Connected())
	s.Feedback(sub.RequestKeyframe, sub.Resend)
	sub.Start()
	return sub
}

// plays wants n packets of picture and sound each, with no number missing.
func (v *viewer) plays(ctx context.Context, t testing.TB, n int) {
	t.Helper()
	last := map[webrtc.RTPCodecType]rtp.Header{}
	count := map[webrtc.RTPCodecType]int{}
	for count[webrtc.RTPCodecTypeVideo] < n || count[webrtc.RTPCodecTypeAudio] < n {
		p := await(ctx, t, "packet", v.packets)
		if p.rtx {
			continue
		}
		before, ok := last[p.kind]
		if ok && p.header.SequenceNumber != before.SequenceNumber+1 {
			t.Fatalf("%v: number %d after %d", p.kind, p.header.SequenceNumber, before.SequenceNumber)
		}
		last[p.kind] = p.header
		count[p.kind]++
	}
}
