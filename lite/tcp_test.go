package lite

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// onlyTCP is a client whose network blocks UDP.
func onlyTCP(s *webrtc.SettingEngine) {
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
}

// TestPlayOverTCP: all that UDP carries goes over TCP too, with nothing lost, and the connection ends with the session.
func TestPlayOverTCP(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			g := newGateway(t, defaultTimeouts())
			g.channels = echo
			g.publish(t, h264)
			said := make(chan string, 1)
			v := newViewer(t, viewerOptions{settings: func(s *webrtc.SettingEngine) { onlyTCP(s); s.SetSRTPProtectionProfiles(profile) }})
			chat, err := v.CreateDataChannel("chat", nil)
			if err != nil {
				t.Fatal(err)
			}
			chat.OnOpen(func() { _ = chat.SendText("hello") })
			chat.OnMessage(func(m webrtc.DataChannelMessage) { said <- string(m.Data) })
			var answer string
			answer, v.session = g.answer(t, v.offer(ctx, t))
			if err := v.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
				t.Fatal(err)
			}
			g.watch(ctx, t, v)
			v.plays(ctx, t, 200)
			if text := await(ctx, t, "echo", said); text != "chat: hello" {
				t.Errorf("%q", text)
			}
			reported(t, v, await(ctx, t, "sender report", v.reports))
			until(ctx, t, "round trip time", func() bool {
				r := v.session.Stats().Reception[broadcast.Video]
				return !r.At.IsZero() && r.RoundTrip > 0 && r.FractionLost == 0 && r.Lost == 0
			})
			if st := g.port.Stats(); st.Connections == 0 || len(st.Errors) > 0 {
				t.Errorf("%+v", st)
			}
			if sock := v.session.path.Load().sock; sock != g.port.TCPSocks()[0] {
				t.Errorf("the path is that of %v", sock.LocalAddr())
			}
			_ = v.session.Close()
			until(ctx, t, "end of the connection", func() bool { return g.port.Stats().Connections == 0 })
			for state := range v.states {
				if state == webrtc.PeerConnectionStateClosed || state == webrtc.PeerConnectionStateDisconnected || state == webrtc.PeerConnectionStateFailed {
					break // close_notify was still sent
				}
			}
		})
	}
}

// TestCandidatesOfAnswer: UDP comes first, for clients that take only one, and TCP is there for those who have nothing else.
func TestCandidatesOfAnswer(t *testing.T) {
	g := newGateway(t, defaultTimeouts())
	answer, _ := g.answer(t, bareOffer(g.dial(t).certificate, "peer").SDP)
	var transports []string
	for line := range strings.Lines(answer) {
		if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") {
			transports = append(transports, f[2])
			if f[2] == "tcp" && !strings.Contains(line, " typ host tcptype passive") {
				t.Errorf("%q", line)
			}
		}
	}
	if strings.Join(transports, " ") != "udp tcp" {
		t.Errorf("candidates of %v", transports)
	}
}

// TestForgedOverTCP: a connection whose checks name a session, but don't know its password, gets no answer, and a good one does.
func TestForgedOverTCP(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	own := c.session.current.own
	to := net.TCPAddrFromAddrPort(g.port.TCPAddresses()[0])
	for _, key := range []stun.MessageIntegrity{stun.NewShortTermIntegrity("another"), own.key} {
		conn, err := net.DialTCP("tcp4", nil, to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		m := checkAs(own.ufrag+":peer", key)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m.Raw))), m.Raw...)); err != nil {
			t.Fatal(err)
		}
		good := string(key) == string(own.key)
		until(ctx, t, "check", func() bool { st := g.server.Stats(); return st.ForgedChecks == 1 && (!good || st.Checks == 1) })
		if !good {
			if c.session.path.Load() != nil || g.port.Stats().PacketsOut != 0 {
				t.Error("a stranger had an answer")
			}
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		a := &stun.Message{Raw: make([]byte, 2)}
		if _, err := io.ReadFull(conn, a.Raw); err != nil {
			t.Fatal(err)
		}
		a.Raw = make([]byte, binary.BigEndian.Uint16(a.Raw))
		var mapped stun.XORMappedAddress
		if _, err := io.ReadFull(conn, a.Raw); err != nil || a.Decode() != nil || own.key.Check(a) != nil || mapped.GetFrom(a) != nil ||
			mapped.Port != conn.LocalAddr().(*net.TCPAddr).Port {
			t.Errorf("answer %v with %v, %v", a, mapped, err)
		}
	}
	_ = c.session.Close()
	if _, _, err := g.server.Answer(bareOffer(c.certificate, "peer")); errors.Is(err, ErrClosed) {
		t.Error("the server closed with its session")
	}
}

// TestNames: candidates that are names (mDNS), or of clients' own TCP, neither fail an offer nor delay the connection.
func TestNames(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	g.publish(t, vp8)
	strange := "a=candidate:1 1 udp 2122260223 4f8a6f3e-0a5b-4c0e-9d11-5e1c2f7a9b3d.local 50000 typ host\r\n" +
		"a=candidate:2 1 tcp 1518280447 4f8a6f3e-0a5b-4c0e-9d11-5e1c2f7a9b3d.local 9 typ host tcptype active\r\n" +
		"a=candidate:3 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n"
	began := time.Now()
	v := g.join(ctx, t, viewerOptions{offer: func(offer string) string {
		return regexp.MustCompile(`a=candidate:.*\r\n`).ReplaceAllString(offer, "") + strange
	}})
	v.session.Trickle([]string{"1 1 udp 2122260223 4f8a6f3e-0a5b-4c0e-9d11-5e1c2f7a9b3d.local 50000 typ host"})
	await(ctx, t, "connection", v.session.Connected())
	t.Logf("connected after %v", time.Since(began))
	g.watch(ctx, t, v)
	v.plays(ctx, t, 10)
}
