package rtc

import (
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
	"bongsu/udp"
)

// onlyTCP is a client whose network blocks UDP.
func onlyTCP(s *webrtc.SettingEngine) {
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
}

// testAPIWithTCP is a testAPI whose port has TCP too.
func testAPIWithTCP(t *testing.T, c Config) (*API, *udp.Port) {
	t.Helper()
	port, err := udp.Listen("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	if err := port.ListenTCP("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c.Writers = 1
	a, err := New(port, c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	port.Start(nil)
	return a, port
}

var passiveLine = regexp.MustCompile(`a=candidate:\S+ 1 tcp \d+ 127\.0\.0\.1 \d+ typ host tcptype passive`)

// TestPublishOverTCP: a publisher without UDP is received with nothing lost, and goes on after an ICE restart.
func TestPublishOverTCP(t *testing.T) {
	ctx := deadline(t)
	a, port := testAPIWithTCP(t, Config{})
	pc := clientWith(t, onlyTCP)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	joined := make(chan struct{}, 10)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			joined <- struct{}{}
		}
	})
	got := make(chan uint16, 1000)
	answer, p, err := a.Receive(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats}, func(in *RemoteTrack) {
		var packet rtp.Packet
		for in.ReadRTP(&packet) == nil {
			got <- packet.SequenceNumber
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if tcp := passiveLine.FindStringIndex(answer); tcp == nil || tcp[0] < strings.LastIndex(answer, " udp ") {
		t.Errorf("want a passive candidate after those of UDP:\n%s", answer)
	}
	accept(t, pc, answer)
	await(t, ctx, "connection", p.Connected())
	await(t, ctx, "connection", joined)
	number := uint16(0)
	play := func() {
		t.Helper()
		for range 300 {
			if err := track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: number}, Payload: []byte{0x10, 1, 2, 3}}); err != nil {
				t.Fatal(err)
			}
			if n := await(t, ctx, "packet", got); n != number {
				t.Fatalf("packet %d, want %d", n, number)
			}
			number++
		}
	}
	play()
	if st := port.Stats(); st.Connections == 0 || len(st.Errors) > 0 {
		t.Errorf("%+v", st)
	}
	before := value(answer, "ice-ufrag")
	ufrag, password, candidates := restartOffer(t, ctx, pc)
	up := make(chan struct{}, 10)
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		if s == webrtc.ICEConnectionStateConnected {
			up <- struct{}{}
		}
	})
	answer, err = p.Restart(ctx, ufrag, password, candidates)
	if err != nil {
		t.Fatal(err)
	}
	if !passiveLine.MatchString(answer) || value(answer, "ice-ufrag") == before {
		t.Errorf("restart's answer:\n%s", answer)
	}
	accept(t, pc, answer)
	await(t, ctx, "new path", up)
	play()
	_ = p.Close()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for port.Stats().Connections > 0 {
		await(t, ctx, "end of the connection", tick.C)
	}
}

// TestWatchOverTCP: the same for a viewer.
func TestWatchOverTCP(t *testing.T) {
	ctx := deadline(t)
	a, port := testAPIWithTCP(t, Config{})
	pc := clientWith(t, onlyTCP)
	got := make(chan uint16, 1000)
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			got <- p.SequenceNumber
		}
	})
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	answer, v, err := a.Send(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	accept(t, pc, answer)
	await(t, ctx, "connection", v.Connected())
	out := v.Output(broadcast.Video)
	pt, _ := out.PayloadType(broadcast.Codec{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000})
	for n := uint16(0); n < 300; n += 10 {
		var burst []broadcast.Packet
		for i := range uint16(10) {
			burst = append(burst, broadcast.Packet{Kind: broadcast.Video, Payload: make([]byte, 1000),
				Header: rtp.Header{Version: 2, SSRC: out.SSRC, PayloadType: pt, SequenceNumber: n + i}})
		}
		v.Send(0, burst)
		a.Flush(0)
		for i := range uint16(10) {
			if got := await(t, ctx, "packet", got); got != n+i {
				t.Fatalf("packet %d, want %d", got, n+i)
			}
		}
	}
	if st := port.Stats(); st.Connections == 0 || len(st.Errors) > 0 {
		t.Errorf("%+v", st)
	}
}

// TestPublicAddressesOverTCP: they lead to both ports.
func TestPublicAddressesOverTCP(t *testing.T) {
	ctx := deadline(t)
	a, port := testAPIWithTCP(t, Config{PublicIPs: []netip.Addr{netip.MustParseAddr("203.0.113.7")}})
	pc := client(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	answer, v, err := a.Send(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	_ = v.Close()
	for _, want := range []string{
		fmt.Sprintf(" 1 udp 2130706431 203.0.113.7 %d typ host\r\n", port.Addresses()[0].Port()),
		fmt.Sprintf(" 1 tcp 1671430143 203.0.113.7 %d typ host tcptype passive\r\n", port.TCPAddresses()[0].Port()),
	} {
		if strings.Count(answer, want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, answer)
		}
	}
}

// TestICE: every description says the same of ICE, whoever has to make the checks, and media flows.
func TestICE(t *testing.T) {
	for name, lite := range map[string]bool{"full": false, "lite": true} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			a := testAPI(t, Config{Lite: lite})
			pc := client(t)
			opened := make(chan struct{}, 1)
			pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
				if s == webrtc.ICEConnectionStateConnected {
					opened <- struct{}{}
				}
			})
			if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
			answer, v, err := a.Send(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = v.Close() }()
			accept(t, pc, answer)
			await(t, ctx, "connection", v.Connected())
			await(t, ctx, "connection", opened)
			ufrag, password, candidates := restartOffer(t, ctx, pc)
			again, err := v.Restart(ctx, ufrag, password, candidates)
			if err != nil {
				t.Fatal(err)
			}
			accept(t, pc, again)
			await(t, ctx, "connection after the restart", opened)
			for _, text := range []string{answer, again} {
				session, _, _ := strings.Cut(text, "m=")
				if strings.Contains(session, "a=ice-lite\r\n") != lite || strings.Count(text, "a=ice-lite") > 1 {
					t.Errorf("a=ice-lite in\n%s", text)
				}
				if !strings.Contains(session, "a=ice-options:ice2 trickle\r\n") || strings.Count(text, "a=ice-options") != 1 {
					t.Errorf("a=ice-options in\n%s", text)
				}
			}
			if v.Err() != nil {
				t.Errorf("the session ended: %v", v.Err())
			}
		})
	}
}

// TestBothLite: a client that only answers checks gets a full agent, even from a lite server.
func TestBothLite(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{Lite: true})
	pc := clientWith(t, func(s *webrtc.SettingEngine) {
		s.SetLite(true)
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	})
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	answer, v, err := a.Send(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	if strings.Contains(answer, "a=ice-lite") {
		t.Errorf("both are lite:\n%s", answer)
	}
	accept(t, pc, answer)
	await(t, ctx, "connection", v.Connected())
}

// TestNames: candidates that are names (mDNS), or of clients' own TCP, neither fail an offer nor delay the connection.
func TestNames(t *testing.T) {
	ctx := deadline(t)
	a, _ := testAPIWithTCP(t, Config{})
	pc := client(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	strange := []string{
		"1 1 udp 2122260223 4f8a6f3e-0a5b-4c0e-9d11-5e1c2f7a9b3d.local 50000 typ host",
		"2 1 tcp 1518280447 4f8a6f3e-0a5b-4c0e-9d11-5e1c2f7a9b3d.local 9 typ host tcptype active",
		"3 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
	}
	offer := candidateLine.ReplaceAllString(offerOf(t, ctx, pc), "")
	answer, v, err := a.Send(ctx, Offer{SDP: offer + "a=candidate:" + strings.Join(strange, "\r\na=candidate:") + "\r\n", Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	v.Trickle(strange)
	accept(t, pc, answer)
	await(t, ctx, "connection", v.Connected())
}
