package lite

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
	"bongsu/wish"
)

var update = flag.Bool("update", false, "write the golden answers anew")

// random is what differs from answer to answer.
var random = []struct{ pattern, becomes string }{
	{`o=- \d+`, "o=- SESSION"},
	{`a=ice-ufrag:\S+`, "a=ice-ufrag:UFRAG"},
	{`a=ice-pwd:\S+`, "a=ice-pwd:PASSWORD"},
	{`a=fingerprint:sha-256 \S+`, "a=fingerprint:sha-256 FINGERPRINT"},
	{`127\.0\.0\.1 \d+ typ`, "127.0.0.1 PORT typ"},
}

// golden makes an answer comparable: its SSRCs become numbers in the order of their appearance.
func golden(answer string) string {
	for _, r := range random {
		answer = regexp.MustCompile(r.pattern).ReplaceAllString(answer, r.becomes)
	}
	var seen []string
	answer = regexp.MustCompile(`(a=ssrc:|FID |FID \S+ )(\d+)`).ReplaceAllStringFunc(answer, func(s string) string {
		i := strings.LastIndexAny(s, " :") + 1
		if !slices.Contains(seen, s[i:]) {
			seen = append(seen, s[i:])
		}
		return s[:i] + "SSRC" + string(rune('1'+slices.Index(seen, s[i:])))
	})
	if len(seen) > 0 {
		for i, ssrc := range seen {
			answer = strings.ReplaceAll(answer, ssrc, "SSRC"+string(rune('1'+i)))
		}
	}
	return strings.ReplaceAll(answer, "\r\n", "\n")
}

// TestAnswers compares what real offers get, as it goes out, with what was seen to be right.
func TestAnswers(t *testing.T) {
	files, err := filepath.Glob("../wish/testdata/whep-*.sdp")
	if err != nil || len(files) == 0 {
		t.Fatalf("no offers: %v", err)
	}
	g := newGateway(t, defaultTimeouts())
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sdp")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			answer, s := g.answer(t, string(text))
			defer func() { _ = s.Close() }()
			understood(t, string(text), answer)
			got := golden(answer)
			path := filepath.Join("testdata", name+".answer")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the answer has changed (go test ./lite -update):\n%s", got)
			}
		})
	}
}

// understood checks the rules of an answer that hold for all (RFC 9725 section 4.4, RFC 8829 section 5.3.1).
func understood(t *testing.T, offer, answer string) {
	t.Helper()
	for _, line := range []string{"a=ice-lite", "a=setup:passive", "a=rtcp-mux-only", "a=end-of-candidates", "a=group:BUNDLE "} {
		if !strings.Contains(answer, line) {
			t.Errorf("no %s", line)
		}
	}
	for _, line := range []string{"a=setup:a", "a=recvonly", "a=sendrecv", "transport-cc", "goog-remb", "a=extmap:"} {
		if strings.Contains(answer, line) {
			t.Errorf("%s in the answer", line)
		}
	}
	if strings.Count(offer, "\nm=") != strings.Count(answer, "\nm=") {
		t.Error("m-lines were added or left out")
	}
}

func TestOddOffers(t *testing.T) {
	g := newGateway(t, defaultTimeouts())
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	good := bareOffer(certificate, "peer")
	swap := func(old, with string) func(*Offer) {
		return func(o *Offer) {
			if !strings.Contains(o.SDP, old) {
				t.Fatalf("no %q in the offer", old)
			}
			o.SDP = strings.ReplaceAll(o.SDP, old, with)
		}
	}
	for name, change := range map[string]func(*Offer){
		"passive":        func(o *Offer) { o.Passive = true },
		"setup passive":  swap("setup:actpass", "setup:passive"),
		"no setup":       swap("a=setup:actpass\r\n", ""),
		"lite":           swap("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"),
		"no bundle":      swap("a=group:BUNDLE 0 1\r\n", ""),
		"half a bundle":  swap("BUNDLE 0 1", "BUNDLE 0"),
		"TCP":            swap("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF"),
		"unencrypted":    swap("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
		"RTCP apart":     swap("a=rtcp-mux\r\n", ""),
		"no ufrag":       swap("a=ice-ufrag:peer\r\n", ""),
		"no fingerprint": swap("a=fingerprint:", "a=no-fingerprint:"),
		"SHA-1":          swap("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
		"two transports": func(o *Offer) { o.SDP = strings.Replace(o.SDP, "ufrag:peer", "ufrag:another", 1) },
		"two videos":     swap("m=audio", "m=video"),
		"text":           swap("m=audio", "m=text"),
		"unknown codecs": func(o *Offer) { o.Formats = nil },
		"no SDP":         func(o *Offer) { o.SDP = "hello" },
		"nothing":        func(o *Offer) { o.SDP = "" },
		"no media":       func(o *Offer) { o.SDP, _, _ = strings.Cut(o.SDP, "m=") },
		"application of TCP": func(o *Offer) {
			o.SDP += "m=application 9 TCP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n"
		},
	} {
		o := good
		change(&o)
		if _, s, err := g.server.Answer(o); !errors.Is(err, ErrOdd) {
			t.Errorf("%s: %v", name, err)
			if s != nil {
				_ = s.Close()
			}
		}
	}
	if n := g.server.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions left", n)
	}
	for name, change := range map[string]func(*Offer){
		"as it is": func(*Offer) {},
		"active":   swap("setup:actpass", "setup:active"),
		"SAVP":     swap("SAVPF", "SAVP"),
	} {
		o := good
		change(&o)
		_, s, err := g.server.Answer(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = s.Close()
	}
}

// TestPionUnderstands every answer's RTX and codecs: what pion offers it gets, by the same payload types.
func TestPionUnderstands(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	v := newViewer(t, viewerOptions{})
	offer := v.offer(ctx, t)
	answer, _ := g.answer(t, offer)
	if err := v.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"VP8/90000", "VP9/90000", "H264/90000", "AV1/90000", "rtx/90000", "opus/48000/2"} {
		if strings.Count(offer, want) == 0 || strings.Count(answer, want) != strings.Count(offer, want) {
			t.Errorf("%s: %d of %d", want, strings.Count(answer, want), strings.Count(offer, want))
		}
	}
}

func TestPayloadType(t *testing.T) {
	f := func(mime, fmtp string, pt uint8) broadcast.Format {
		return broadcast.Format{Codec: broadcast.Codec{MimeType: mime, ClockRate: 90000, Fmtp: fmtp}, PayloadType: pt}
	}
	tr := newTrack(broadcast.Video, []broadcast.Format{
		f("video/VP8", "", 96), f("video/H264", "packetization-mode=0;profile-level-id=42e01f", 100),
		f("video/H264", "packetization-mode=1; profile-level-id=42e01f", 102), f("video/H264", "packetization-mode=1;profile-level-id=4d001f", 104),
		f("video/VP9", "profile-id=2", 105), f("video/VP9", "profile-id=0", 106),
	})
	for _, c := range []struct {
		mime, fmtp string
		want       uint8
		ok         bool
	}{
		{"video/H264", "packetization-mode=1;profile-level-id=42e01f", 102, true},
		{"video/h264", "profile-level-id=4D0028;packetization-mode=1", 104, true},
		{"video/H264", "profile-level-id=640028", 102, true},
		{"video/H264", "", 102, true},
		{"video/VP9", "profile-id=0", 106, true},
		{"video/VP8", "", 96, true},
		{"video/AV1", "", 0, false},
	} {
		pt, ok := tr.payloadType(broadcast.Codec{MimeType: c.mime, ClockRate: 90000, Fmtp: c.fmtp})
		if pt != c.want || ok != c.ok {
			t.Errorf("%s %q: %d, %v; want %d, %v", c.mime, c.fmtp, pt, ok, c.want, c.ok)
		}
	}
}

// TestNormalizedOffersOnly: what package wish makes of an offer is what this package expects.
func TestNormalizedOffersOnly(t *testing.T) {
	text, err := os.ReadFile("../wish/testdata/whep-firefox.sdp")
	if err != nil {
		t.Fatal(err)
	}
	o, err := wish.ParseOffer(text, wish.Play)
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, defaultTimeouts())
	o.SDP = strings.ReplaceAll(o.SDP, "a=setup:actpass", "a=setup:passive")
	if _, _, err := g.server.Answer(Offer{SDP: o.SDP, Formats: o.Formats()}); !errors.Is(err, ErrOdd) {
		t.Errorf("a passive client: %v", err)
	}
}
