package lite

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

func TestPlay(t *testing.T) {
	for name, profile := range profiles {
		for _, codec := range []broadcast.Codec{h264, vp8} {
			t.Run(name+" "+codec.Name(), func(t *testing.T) {
				ctx := deadline(t)
				g := newGateway(t, defaultTimeouts())
				g.publish(t, codec)
				v := g.join(ctx, t, viewerOptions{settings: func(s *webrtc.SettingEngine) { s.SetSRTPProtectionProfiles(profile) }})
				g.watch(ctx, t, v)
				v.plays(ctx, t, 100)
				reported(t, v, await(ctx, t, "sender report", v.reports))
				until(ctx, t, "round trip time", func() bool {
					r := v.session.Stats().Reception[broadcast.Video]
					return !r.At.IsZero() && r.RoundTrip > 0 && r.RoundTrip < time.Second && r.FractionLost == 0
				})
			})
		}
	}
}

// reported checks a sender report. Pion gives each track what is about it, so the CNAME is elsewhere.
func reported(t *testing.T, v *viewer, packets []rtcp.Packet) {
	t.Helper()
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok || sr.PacketCount == 0 || sr.OctetCount == 0 || sr.NTPTime == 0 {
		t.Errorf("report %v", packets)
	}
}

// relay is a network's address translation between a viewer and the server, which may lose packets and change its port.
type relay struct {
	inside *net.UDPConn // towards the viewer
	server netip.AddrPort
	drop   func(toViewer bool, packet []byte) bool
	repeat func(packet []byte) bool // send it twice
	hold   func(packet []byte) bool // send it to the viewer after the next

	viewer  atomic.Pointer[netip.AddrPort]
	outside atomic.Pointer[net.UDPConn]
	mu      sync.Mutex
	opened  []*net.UDPConn
	running sync.WaitGroup
}

func (g *gateway) relay(t testing.TB, r *relay) *relay {
	t.Helper()
	r.server = g.address()
	var err error
	if r.inside, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	r.rebind(t)
	r.running.Go(func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := r.inside.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			r.viewer.Store(&from)
			if r.drop != nil && r.drop(false, buf[:n]) {
				continue
			}
			out := r.outside.Load()
			_, _ = out.Write(buf[:n])
			if r.repeat != nil && r.repeat(buf[:n]) {
				_, _ = out.Write(buf[:n])
			}
		}
	})
	t.Cleanup(func() {
		_ = r.inside.Close()
		r.mu.Lock()
		for _, c := range r.opened {
			_ = c.Close()
		}
		r.mu.Unlock()
		r.running.Wait()
	})
	return r
}

// rebind gives the viewer another address on the outside; the old one is deaf and dumb.
func (r *relay) rebind(t testing.TB) {
	t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.server))
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.opened = append(r.opened, conn)
	r.mu.Unlock()
	_ = conn.SetReadBuffer(1 << 20)
	old := r.outside.Swap(conn)
	if old != nil {
		_ = old.Close()
	}
	r.running.Go(func() {
		buf := make([]byte, 2000)
		var held []byte
		for {
			n, err := conn.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			to := r.viewer.Load()
			if err != nil || to == nil || r.drop != nil && r.drop(true, buf[:n]) {
				continue
			}
			if r.hold != nil && held == nil && r.hold(buf[:n]) {
				held = bytes.Clone(buf[:n])
				continue
			}
			_, _ = r.inside.WriteToUDPAddrPort(buf[:n], *to)
			if r.repeat != nil && r.repeat(buf[:n]) {
				_, _ = r.inside.WriteToUDPAddrPort(buf[:n], *to)
			}
			if held != nil {
				_, _ = r.inside.WriteToUDPAddrPort(held, *to)
				held = nil
			}
		}
	})
}

// through makes the answer name the relay in the server's place.
func (r *relay) through(answer string) string {
	return strings.ReplaceAll(answer, " 127.0.0.1 "+port(r.server), " 127.0.0.1 "+port(r.inside.LocalAddr().(*net.UDPAddr).AddrPort()))
}

func port(a netip.AddrPort) string {
	_, p, _ := strings.Cut(a.String(), ":")
	return p + " "
}

// TestRebind: a viewer whose address changes plays on by itself.
func TestRebind(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	g.publish(t, h264)
	r := g.relay(t, &relay{})
	v := g.join(ctx, t, viewerOptions{answer: r.through})
	g.watch(ctx, t, v)
	v.plays(ctx, t, 50)
	for range 2 {
		r.rebind(t)
		at := time.Now()
		moved := g.server.Stats().Moves
		until(ctx, t, "move", func() bool { return g.server.Stats().Moves > moved })
		for len(v.packets) > 0 {
			<-v.packets
		}
		v.plays(ctx, t, 50)
		t.Logf("plays again after %v", time.Since(at))
	}
	if err := v.session.Err(); err != nil {
		t.Error(err)
	}
}

// TestRebindByRTCP: SRTCP alone, before any check, leads to a viewer's new address.
func TestRebindByRTCP(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	g.publish(t, h264)
	var deaf atomic.Bool // the client's checks don't get through
	r := g.relay(t, &relay{drop: func(toViewer bool, p []byte) bool {
		return deaf.Load() && !toViewer && stun.IsMessage(p) && p[0] == 0 && p[1] == 1
	}})
	v := g.join(ctx, t, viewerOptions{answer: r.through})
	g.watch(ctx, t, v)
	v.plays(ctx, t, 50)
	deaf.Store(true)
	r.rebind(t)
	until(ctx, t, "move", func() bool { return g.server.Stats().Moves > 0 })
	for len(v.packets) > 0 { // from before
		<-v.packets
	}
	v.plays(ctx, t, 50)
	deaf.Store(false)
	_ = v.session.Close()
	g.server.mu.RLock()
	defer g.server.mu.RUnlock()
	if len(g.server.byHost) != 0 || len(g.server.byPlace) != 0 {
		t.Errorf("left behind: %d hosts, %d places", len(g.server.byHost), len(g.server.byPlace))
	}
}

// TestHandshakeLoss: the handshake gets through when datagrams of any of its flights are lost, the last one too.
func TestHandshakeLoss(t *testing.T) {
	for name, lost := range map[string]func(toViewer bool, record byte) bool{
		"hello and certificates": func(_ bool, record byte) bool { return record == recordHandshake },
		"last flight":            func(toViewer bool, record byte) bool { return toViewer && record == 20 },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			g := newGateway(t, defaultTimeouts())
			g.publish(t, h264)
			var drops [2]atomic.Int32
			r := g.relay(t, &relay{drop: func(toViewer bool, p []byte) bool {
				way := 0
				if toViewer {
					way = 1
				}
				return lost(toViewer, p[0]) && drops[way].Add(1) <= 2
			}})
			v := g.join(ctx, t, viewerOptions{answer: r.through})
			g.watch(ctx, t, v)
			v.plays(ctx, t, 20)
			if drops[1].Load() < 2 {
				t.Error("nothing was lost")
			}
		})
	}
}

// TestLossyLink: all pictures arrive whole through a network that loses, repeats and disorders packets.
func TestLossyLink(t *testing.T) {
	for _, codec := range []broadcast.Codec{h264, vp8} {
		t.Run(codec.Name(), func(t *testing.T) {
			ctx := deadline(t)
			g := newGateway(t, defaultTimeouts())
			g.publish(t, codec)
			var n atomic.Uint32
			media := func(p []byte) bool { return p[0]>>6 == 2 && (p[1] < 192 || p[1] > 223) }
			r := g.relay(t, &relay{
				drop:   func(toViewer bool, p []byte) bool { return toViewer && media(p) && n.Add(1)%20 == 0 },
				repeat: func(p []byte) bool { return media(p) && n.Load()%17 == 0 },
				hold:   func(p []byte) bool { return media(p) && n.Load()%13 == 0 },
			})
			v := g.join(ctx, t, viewerOptions{answer: r.through})
			g.watch(ctx, t, v)
			got := map[uint16]bool{}
			var first uint16
			whole := func() bool {
				for i := range uint16(400) {
					if !got[first+i] {
						return false
					}
				}
				return true
			}
			for !whole() {
				p := await(ctx, t, "lost packet", v.packets)
				if p.kind != webrtc.RTPCodecTypeVideo {
					continue
				}
				if len(got) == 0 {
					first = p.header.SequenceNumber + 20 // what is lost at the very beginning pion does not know of
				}
				got[p.header.SequenceNumber] = true
			}
		})
	}
}

// TestRetransmission: what the network loses comes again, by RTX where that was negotiated.
func TestRetransmission(t *testing.T) {
	for name, offer := range map[string]func(string) string{
		"RTX":    func(s string) string { return s },
		"no RTX": withoutRTX,
	} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			g := newGateway(t, defaultTimeouts())
			g.publish(t, h264)
			var mu sync.Mutex
			var video uint32
			lost := map[uint16]bool{}
			r := g.relay(t, &relay{drop: func(toViewer bool, p []byte) bool {
				mu.Lock()
				defer mu.Unlock()
				number := uint16(p[2])<<8 | uint16(p[3])
				if !toViewer || p[0]>>6 != 2 || video == 0 || ssrcOf(p) != video || number%20 != 7 || lost[number] {
					return false
				}
				lost[number] = true
				return true
			}})
			v := g.join(ctx, t, viewerOptions{offer: offer, answer: r.through})
			mu.Lock()
			video = v.session.Output(broadcast.Video).SSRC
			mu.Unlock()
			sub := g.watch(ctx, t, v)
			again := 0
			for again < 5 {
				p := await(ctx, t, "packet", v.packets)
				mu.Lock()
				if p.header.SSRC == video && lost[p.header.SequenceNumber] {
					again++
				}
				if p.rtx != (name == "RTX") && lost[p.header.SequenceNumber] && p.header.SSRC == video {
					t.Errorf("number %d came again with RTX: %v", p.header.SequenceNumber, p.rtx)
				}
				mu.Unlock()
			}
			if st := v.session.Stats(); st.NACKs == 0 || st.Missing == 0 || sub.Stats().Resent == 0 {
				t.Errorf("counted %+v, %+v", st, sub.Stats())
			}
		})
	}
}

func ssrcOf(p []byte) uint32 {
	return uint32(p[8])<<24 | uint32(p[9])<<16 | uint32(p[10])<<8 | uint32(p[11])
}

// withoutRTX takes the retransmission formats out of an offer.
func withoutRTX(offer string) string {
	var out strings.Builder
	for line := range strings.Lines(offer) {
		if !strings.Contains(line, " rtx/") && !strings.Contains(line, " apt=") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// TestPictureLost: PLI and FIR are passed on.
func TestPictureLost(t *testing.T) {
	for name, request := range map[string]func(ssrc uint32) rtcp.Packet{
		"PLI": func(ssrc uint32) rtcp.Packet { return &rtcp.PictureLossIndication{MediaSSRC: ssrc} },
		"FIR": func(ssrc uint32) rtcp.Packet {
			return &rtcp.FullIntraRequest{MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc}}}
		},
	} {
		ctx := deadline(t)
		g := newGateway(t, defaultTimeouts())
		v := g.join(ctx, t, viewerOptions{})
		await(ctx, t, "connection", v.session.Connected())
		for await(ctx, t, "state", v.states) != webrtc.PeerConnectionStateConnected {
		}
		lost := make(chan struct{}, 10)
		v.session.Feedback(func() { lost <- struct{}{} }, func(uint32, []uint16) {})
		if err := v.WriteRTCP([]rtcp.Packet{request(v.session.Output(broadcast.Video).SSRC)}); err != nil {
			t.Fatal(err)
		}
		await(ctx, t, name, lost)
	}
}

// TestRestartPlays: an ICE restart of a real client, which gathers anew, does not stop what plays.
func TestRestartPlays(t *testing.T) {
	t.Run("UDP", func(t *testing.T) { restartPlays(t, viewerOptions{}) })
	t.Run("TCP", func(t *testing.T) { restartPlays(t, viewerOptions{settings: onlyTCP}) })
}

func restartPlays(t *testing.T, o viewerOptions) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	g.publish(t, h264)
	v := newViewer(t, o)
	answer, s := g.answer(t, v.offer(ctx, t))
	v.session = s
	accept := func() {
		t.Helper()
		if err := v.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
			t.Fatal(err)
		}
	}
	accept()
	g.watch(ctx, t, v)
	v.plays(ctx, t, 20)
	offer, err := v.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(v.PeerConnection)
	if err := v.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "candidates", gathered)
	text := v.LocalDescription().SDP
	description, err := s.Restart(ctx, sdpValue(text, "ice-ufrag"), sdpValue(text, "ice-pwd"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ufrag, password := sdpValue(description, "ice-ufrag"), sdpValue(description, "ice-pwd")
	answer = strings.ReplaceAll(answer, sdpValue(answer, "ice-ufrag"), ufrag)
	answer = strings.ReplaceAll(answer, sdpValue(answer, "ice-pwd"), password)
	before := s.path.Load().place
	accept()
	until(ctx, t, "use of the new credentials", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.current.own.ufrag == ufrag
	})
	until(ctx, t, "move", func() bool { return s.path.Load().place != before })
	for len(v.packets) > 0 {
		<-v.packets
	}
	v.plays(ctx, t, 50)
}

// sdpValue gives the first value of an attribute.
func sdpValue(text, key string) string {
	_, rest, _ := strings.Cut(text, "a="+key+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// TestReplay: a report that comes twice counts once.
func TestReplay(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	g.publish(t, h264)
	r := g.relay(t, &relay{repeat: func(p []byte) bool { return p[0]>>6 == 2 }})
	v := g.join(ctx, t, viewerOptions{answer: r.through})
	g.watch(ctx, t, v)
	v.plays(ctx, t, 20)
	until(ctx, t, "replayed report", func() bool { return g.server.Stats().ReplayedRTCP > 0 })
	if n := g.server.Stats().ForgedRTCP; n != 0 {
		t.Errorf("%d forged", n)
	}
}

// TestSoundOnly and the like: what is not offered is not there.
func TestOutputs(t *testing.T) {
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	out := c.session.Output(broadcast.Video)
	if pt, ok := out.PayloadType(broadcast.Codec{MimeType: "video/h264", ClockRate: 90000}); !ok || pt != 96 {
		t.Errorf("H.264 has %d, %v", pt, ok)
	}
	if _, ok := out.PayloadType(vp8); ok {
		t.Error("VP8 was not offered")
	}
	o := bareOffer(c.certificate, "peer")
	head, rest, _ := strings.Cut(o.SDP, "m=video")
	_, audio, _ := strings.Cut(rest, "m=audio")
	o.SDP = strings.Replace(head, "BUNDLE 0 1", "BUNDLE 1", 1) + "m=audio" + audio
	answer, s, err := g.server.Answer(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if s.Output(broadcast.Video) != nil || s.Output(broadcast.Audio) == nil || strings.Contains(answer, "m=video") {
		t.Errorf("a viewer who only listens got\n%s", answer)
	}
}
