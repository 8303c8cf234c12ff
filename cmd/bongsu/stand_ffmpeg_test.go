package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
)

// ffmpeg publishes as FFmpeg's WHIP muxer does: with hardly an ICE agent, and with a socket that it doesn't read.
type ffmpeg struct {
	ffmpegVersion
	url         string
	certificate tls.Certificate
	resource    string       // session URL
	server      *net.UDPAddr // the first candidate
	conn        *net.UDPConn // to it
	local       stun.MessageIntegrity
	remote      stun.MessageIntegrity
	username    stun.Username
	dtls        *dtls.Conn
	ended       chan struct{} // closes when the server hangs up by close_notify
	out         [2]*srtp.Context
	shaking     atomic.Bool  // the handshake has begun
	gone        atomic.Bool  // it was killed
	media       atomic.Int64 // packets of RTP and RTCP that came

	seq  [2]uint16
	time uint32
}

// ffmpegVersion is what differs from one version to the next.
type ffmpegVersion struct {
	active  bool // setup:active, in versions after 8.0 on request
	consent bool // it checks the connection and answers checks, in versions after 8.0
	video   bool // -an: no sound
	play    bool // not FFmpeg at all: a viewer with the same simple stack
}

const (
	ffmpegHandshake = 5 * time.Second // for ICE and DTLS together
	ffmpegPatience  = 50 * time.Millisecond
	ffmpegUfrag     = "6e0a41c7"
	ffmpegPwd       = "b27f4d90c1a85e63f0d41b7a9c22e5d8"
	ffmpegAudio     = 0x65e27ae1 // SSRC
	ffmpegVideo     = 0x65e27ae2
)

func newFFmpeg(t *testing.T, ctx context.Context, url string, v ffmpegVersion) *ffmpeg {
	t.Helper()
	f := &ffmpeg{ffmpegVersion: v, url: url, local: stun.NewShortTermIntegrity(ffmpegPwd), ended: make(chan struct{})}
	var err error
	if f.certificate, err = selfsign.GenerateSelfSigned(); err != nil {
		t.Fatal(err)
	}
	answer := f.exchange(t, ctx)
	ctx, cancel := context.WithTimeout(ctx, ffmpegHandshake)
	defer cancel()
	f.dial(t, answer)
	f.check(t, ctx)
	f.shake(t, ctx)
	return f
}

// offer is as FFmpeg prints it: both mids in the group although there may be one, and a profile of seven digits.
func (f *ffmpeg) offer() string {
	sum := sha256.Sum256(f.certificate.Certificate[0])
	setup, direction := "passive", "sendonly"
	if f.active {
		setup = "active"
	}
	if f.play {
		direction = "recvonly"
	}
	transport := fmt.Sprintf("c=IN IP4 0.0.0.0\na=ice-ufrag:%s\na=ice-pwd:%s\na=fingerprint:sha-256 %s\na=setup:%s\n",
		ffmpegUfrag, ffmpegPwd, strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":"), setup)
	text := "v=0\no=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1\ns=FFmpegPublishSession\nt=0 0\na=group:BUNDLE 0 1\na=extmap-allow-mixed\na=msid-semantic: WMS\n"
	if !f.video {
		text += "m=audio 9 UDP/TLS/RTP/SAVPF 111\n" + transport +
			fmt.Sprintf("a=mid:0\na=sendonly\na=msid:FFmpeg audio\na=rtcp-mux\na=rtpmap:111 opus/48000/2\na=ssrc:%d cname:FFmpeg\na=ssrc:%[1]d msid:FFmpeg audio\n", ffmpegAudio)
	}
	text += "m=video 9 UDP/TLS/RTP/SAVPF 106\n" + transport +
		"a=mid:1\na=sendonly\na=msid:FFmpeg video\na=rtcp-mux\na=rtcp-rsize\na=rtpmap:106 H264/90000\na=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=422001f\n" +
		fmt.Sprintf("a=ssrc:%d cname:FFmpeg\na=ssrc:%[1]d msid:FFmpeg video\n", ffmpegVideo)
	return strings.ReplaceAll(strings.ReplaceAll(text, "sendonly", direction), "\n", "\r\n")
}

func (f *ffmpeg) exchange(t *testing.T, ctx context.Context) (answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, strings.NewReader(f.offer()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Cache-Control", "no-cache")
	req.Header.Set("User-Agent", "Lavf/62.3.100")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8192))
	if err != nil || resp.StatusCode/100 != 2 || len(b) == 8192 || !strings.HasPrefix(string(b), "v=") {
		t.Fatalf("%s, %v, %d bytes:\n%s", resp.Status, err, len(b), b)
	}
	at, err := url.Parse(f.url)
	if err == nil {
		at, err = at.Parse(resp.Header.Get("Location"))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.resource = at.String()
	return string(b)
}

// dial goes to the first candidate that has "udp" and "host" in it, and knows of no other.
func (f *ffmpeg) dial(t *testing.T, answer string) {
	t.Helper()
	field := func(expression string) []string {
		m := regexp.MustCompile(expression).FindStringSubmatch(answer)
		if m == nil {
			t.Fatalf("no %s in the answer:\n%s", expression, answer)
		}
		return m[1:]
	}
	candidate := field(`a=candidate:.*?(?i:udp) \d+ (\S+) (\d+) typ host`)
	var err error
	if f.server, err = net.ResolveUDPAddr("udp", net.JoinHostPort(candidate[0], candidate[1])); err != nil {
		t.Fatal(err)
	}
	if f.conn, err = net.DialUDP("udp", nil, f.server); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.conn.Close() })
	f.remote = stun.NewShortTermIntegrity(field(`a=ice-pwd:(\S+)`)[0])
	f.username = stun.NewUsername(field(`a=ice-ufrag:(\S+)`)[0] + ":" + ffmpegUfrag)
}

type useCandidate struct{}

func (useCandidate) AddTo(m *stun.Message) error { m.Add(stun.AttrUseCandidate, nil); return nil }

// ask sends a check with neither a priority nor a role.
func (f *ffmpeg) ask(conn *net.UDPConn) error {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, f.username, useCandidate{}, f.remote, stun.Fingerprint)
	if err == nil {
		_, err = conn.Write(m.Raw)
	}
	return err
}

// isAnswered tells whether the server answers a check of this session, from another port.
func (f *ffmpeg) isAnswered(t *testing.T) bool {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, f.server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 2048)
	for range 3 {
		if f.ask(conn) != nil {
			return false // the port is closed
		}
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		for err == nil {
			if _, err = conn.Read(b); err == nil && b[0] == 1 {
				return true
			}
		}
		err = nil
	}
	return false
}

// reply answers a check, without saying where it came from.
func (f *ffmpeg) reply(request []byte) error {
	m := &stun.Message{Raw: request}
	if err := m.Decode(); err != nil {
		return err
	}
	r, err := stun.Build(m, stun.BindingSuccess, f.local, stun.Fingerprint)
	if err == nil {
		_, err = f.conn.Write(r.Raw)
	}
	return err
}

// check asks until the server has answered.
func (f *ffmpeg) check(t *testing.T, ctx context.Context) {
	t.Helper()
	b := make([]byte, 2048)
	for ctx.Err() == nil {
		if err := f.ask(f.conn); err != nil {
			t.Fatal(err)
		}
		for pause := time.Now().Add(ffmpegPatience); ; {
			_ = f.conn.SetReadDeadline(pause)
			n, err := f.conn.Read(b)
			if err != nil {
				break
			}
			if n < 20 || !stun.IsMessage(b[:n]) {
				continue
			}
			if b[0] == 1 { // a success response
				_ = f.conn.SetReadDeadline(time.Time{})
				return
			}
			if err := f.reply(b[:n]); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatal("FFmpeg gives up: no answer to its checks")
}

// shake does the handshake, by default as the server of it, and takes the keys.
func (f *ffmpeg) shake(t *testing.T, ctx context.Context) {
	t.Helper()
	var err error
	under := &ffmpegRecords{UDPConn: f.conn, of: f}
	suite := dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
	profile := dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if f.active {
		f.dtls, err = dtls.ClientWithOptions(under, f.conn.RemoteAddr(), suite, profile, dtls.WithCertificates(f.certificate), dtls.WithInsecureSkipVerify(true))
	} else {
		f.dtls, err = dtls.ServerWithOptions(under, f.conn.RemoteAddr(), suite, profile, dtls.WithCertificates(f.certificate), dtls.WithClientAuth(dtls.RequireAnyClientCert))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.dtls.Close() })
	if err := f.dtls.HandshakeContext(ctx); err != nil {
		t.Fatalf("FFmpeg gives up: %v", err)
	}
	state, _ := f.dtls.ConnectionState()
	keys, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 60)
	if err != nil {
		t.Fatal(err)
	}
	key, salt := keys[16:32], keys[46:60] // the server's
	if f.active {
		key, salt = keys[:16], keys[32:46]
	}
	for i := range f.out { // a context each, as in FFmpeg
		if f.out[i], err = srtp.CreateContext(key, salt, srtp.ProtectionProfileAes128CmHmacSha1_80); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		_, err := f.dtls.Read(make([]byte, 100))
		if errors.Is(err, io.EOF) {
			close(f.ended)
		}
	}()
}

// ffmpegRecords is the socket as DTLS has it. From the first record on the checks that come are lost in it, but new versions
// answer them while they send.
type ffmpegRecords struct {
	*net.UDPConn
	of *ffmpeg
}

func (r *ffmpegRecords) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := r.Read(b)
		switch {
		case err != nil:
			return 0, nil, err
		case n > 0 && 20 <= b[0] && b[0] <= 63:
			r.of.shaking.Store(true)
			return n, r.RemoteAddr(), nil
		case n >= 20 && stun.IsMessage(b[:n]) && b[0] == 0 && !r.of.gone.Load() && (r.of.consent || !r.of.shaking.Load()):
			_ = r.of.reply(append([]byte(nil), b[:n]...))
		case n > 0 && b[0]>>6 == 2:
			r.of.media.Add(1)
		}
	}
}

func (r *ffmpegRecords) WriteTo(b []byte, _ net.Addr) (int, error) { return r.Write(b) }

// frame sends the packets of a picture, 20 ms of sound and now and then a sender report. It fails when the server has hung up.
func (f *ffmpeg) frame(payloads [][]byte) error {
	select {
	case <-f.ended:
		return io.EOF
	default:
	}
	for i, payload := range payloads {
		if err := f.send(1, rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 106, SSRC: ffmpegVideo, Timestamp: f.time * 90, Marker: i == len(payloads)-1}, Payload: payload}); err != nil {
			return err
		}
	}
	if !f.video {
		if err := f.send(0, rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SSRC: ffmpegAudio, Timestamp: f.time * 48}, Payload: []byte{0xfc, 0xff, 0xfe}}); err != nil {
			return err
		}
	}
	if f.time%5000 == 0 {
		if err := f.report(); err != nil {
			return err
		}
		if f.consent {
			if err := f.ask(f.conn); err != nil {
				return err
			}
		}
	}
	f.time += 20
	return nil
}

func (f *ffmpeg) send(track int, p rtp.Packet) error {
	p.SequenceNumber = f.seq[track]
	f.seq[track]++
	b, err := p.Marshal()
	if err == nil {
		b, err = f.out[track].EncryptRTP(nil, b, nil)
	}
	if err == nil {
		_, err = f.conn.Write(b)
	}
	return err
}

func (f *ffmpeg) report() error {
	const since1900 = 2208988800
	b, err := (&rtcp.SenderReport{SSRC: ffmpegVideo, NTPTime: uint64(time.Now().Unix()+since1900) << 32, RTPTime: f.time * 90}).Marshal()
	if err == nil {
		b, err = f.out[1].EncryptRTCP(nil, b, nil)
	}
	if err == nil {
		_, err = f.conn.Write(b)
	}
	return err
}
