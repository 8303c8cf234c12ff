package rtc

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"bongsu/broadcast"
	"bongsu/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var formats = []broadcast.Format{
	{Codec: broadcast.Codec{MimeType: webrtc.MimeTypeH264, ClockRate: 90000, Fmtp: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"}, PayloadType: 102, RTX: 103},
	{Codec: broadcast.Codec{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, PayloadType: 96, RTX: 97},
	{Codec: broadcast.Codec{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1"}, PayloadType: 111},
}

func testAPI(t testing.TB, c Config) *API {
	t.Helper()
	port, err := udp.Listen("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	c.Writers = 1
	a, err := New(port, c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	port.Start(nil)
	return a
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// client is a browser's side: a peer connection with the usual codecs.
func client(t testing.TB) *webrtc.PeerConnection {
	t.Helper()
	return clientWith(t, func(*webrtc.SettingEngine) {})
}

func clientWith(t testing.TB, change func(*webrtc.SettingEngine)) *webrtc.PeerConnection {
	t.Helper()
	var m webrtc.MediaEngine
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(1)
	change(&s)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func offerOf(t testing.TB, ctx context.Context, pc *webrtc.PeerConnection) string {
	t.Helper()
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		t.Fatal("gathering takes too long")
	}
	return pc.LocalDescription().SDP
}

func accept(t testing.TB, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
}

func await[T any](t testing.TB, ctx context.Context, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-ctx.Done():
		t.Fatalf("no %s", what)
	}
	return v
}

func TestReceive(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	pc := client(t)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		t.Fatal(err)
	}
	pli := make(chan struct{}, 1)
	go func() {
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if _, ok := p.(*rtcp.PictureLossIndication); ok {
					pli <- struct{}{}
					return
				}
			}
		}
	}()
	got := make(chan rtp.Packet, 1000)
	reports := make(chan time.Time, 10)
	codec := make(chan broadcast.Codec, 1)
	answer, p, err := a.Receive(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats}, func(rt *RemoteTrack) {
		codec <- rt.Codec
		rt.RequestKeyframe()
		go rt.ReadReports(func(_ uint32, ntp time.Time) { reports <- ntp })
		var packet rtp.Packet
		for rt.ReadRTP(&packet) == nil {
			packet.Payload = append([]byte(nil), packet.Payload...)
			select {
			case got <- packet:
			default: // nobody reads any more
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if !strings.Contains(answer, "a=setup:passive") {
		t.Errorf("the server should wait for the handshake:\n%s", answer)
	}
	accept(t, pc, answer)
	await(t, ctx, "connection", p.Connected())
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(65530); ; seq++ {
			select {
			case <-tick.C:
				_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq), Marker: true}, Payload: []byte{0x10, byte(seq)}})
			case <-stop:
				return
			}
		}
	}()
	if c := await(t, ctx, "track", codec); c.Name() != "VP8" || c.ClockRate != 90000 {
		t.Errorf("codec %+v", c)
	}
	last := await(t, ctx, "packet", got)
	for range 20 {
		next := await(t, ctx, "packet", got)
		if next.SequenceNumber != last.SequenceNumber+1 || next.Payload[1] != byte(next.SequenceNumber) {
			t.Fatalf("packet %d %x after %d", next.SequenceNumber, next.Payload, last.SequenceNumber)
		}
		last = next
	}
	await(t, ctx, "keyframe request at the publisher", pli)
	if at := await(t, ctx, "sender report", reports); time.Since(at).Abs() > time.Minute {
		t.Errorf("a sender report of %v", at)
	}
	if err := pc.Close(); err != nil { // hangs up without a word over HTTP
		t.Fatal(err)
	}
	await(t, ctx, "end", p.Done())
	if !errors.Is(p.Err(), ErrHungUp) {
		t.Errorf("Err = %v", p.Err())
	}
}

func TestSend(t *testing.T) {
	for _, passive := range []bool{false, true} {
		t.Run(map[bool]string{false: "actpass", true: "passive client"}[passive], func(t *testing.T) {
			ctx := deadline(t)
			a := testAPI(t, Config{})
			pc := client(t)
			for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
				if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
					t.Fatal(err)
				}
			}
			got := make(chan rtp.Header, 100)
			pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				if tr.Kind() == webrtc.RTPCodecTypeVideo {
					_ = pc.WriteRTCP([]rtcp.Packet{
						&rtcp.PictureLossIndication{MediaSSRC: uint32(tr.SSRC())},
						&rtcp.TransportLayerNack{MediaSSRC: uint32(tr.SSRC()), Nacks: []rtcp.NackPair{{PacketID: 65535, LostPackets: 1}}},
					})
				}
				for {
					p, _, err := tr.ReadRTP()
					if err != nil {
						return
					}
					select {
					case got <- p.Header:
					default: // nobody reads any more
					}
				}
			})
			offer := offerOf(t, ctx, pc)
			if passive {
				offer = strings.ReplaceAll(offer, "a=setup:actpass", "a=setup:passive")
			}
			answer, v, err := a.Send(ctx, Offer{SDP: offer, Formats: formats, Passive: passive})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = v.Close() }()
			for _, want := range []string{"a=rtpmap:102 H264/90000", "a=rtpmap:96 VP8/90000", "a=rtpmap:111 opus/48000/2", "a=sendonly", "127.0.0.1"} {
				if !strings.Contains(answer, want) {
					t.Errorf("the answer lacks %q:\n%s", want, answer)
				}
			}
			accept(t, pc, answer)
			await(t, ctx, "connection", v.Connected())
			lost, missing := make(chan struct{}, 9), make(chan []uint16, 9)
			v.Feedback(func() { lost <- struct{}{} }, func(_ uint32, n []uint16) { missing <- n })
			out := v.Output(broadcast.Video)
			pt, ok := out.PayloadType(broadcast.Codec{MimeType: "video/vp8", ClockRate: 90000})
			if !ok || pt != 96 {
				t.Fatalf("payload type %d, %v", pt, ok)
			}
			stop := make(chan struct{})
			defer close(stop)
			var seq atomic.Uint32
			go func() {
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-tick.C:
						v.Send(0, []broadcast.Packet{{Kind: broadcast.Video, Payload: []byte{0x10, 0}, Header: rtp.Header{
							Version: 2, SSRC: out.SSRC, PayloadType: pt, SequenceNumber: uint16(seq.Add(1)), Marker: true}}})
						a.Flush(0)
					case <-stop:
						return
					}
				}
			}()
			if h := await(t, ctx, "packet", got); h.SSRC != out.SSRC || h.PayloadType != 96 {
				t.Errorf("header %+v", h)
			}
			await(t, ctx, "PLI", lost)
			if n := await(t, ctx, "NACK", missing); len(n) != 2 || n[0] != 65535 || n[1] != 0 {
				t.Errorf("missing %v", n)
			}
			_ = v.Close()
			_ = v.Close()
			if !errors.Is(v.Err(), ErrClosed) {
				t.Errorf("Err = %v", v.Err())
			}
		})
	}
}

func TestPublicAddresses(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{PublicIPs: []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")}})
	pc := client(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	answer, v, err := a.Send(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	if strings.Count(answer, " 203.0.113.7 ") != 1 || strings.Contains(answer, "2001:db8::7") {
		t.Errorf("want the public IPv4 address once and the IPv6 one not, as the server has no IPv6 socket:\n%s", answer)
	}
}

func TestBadOffersLeaveNothing(t *testing.T) {
	a := testAPI(t, Config{})
	for _, sdp := range []string{"", "hello", "v=0\r\n"} {
		if _, _, err := a.Send(t.Context(), Offer{SDP: sdp, Formats: formats}); err == nil {
			t.Errorf("%q was answered", sdp)
		}
		if _, _, err := a.Receive(t.Context(), Offer{SDP: sdp, Formats: formats}, func(*RemoteTrack) {}); err == nil {
			t.Errorf("%q was answered", sdp)
		}
	}
}
