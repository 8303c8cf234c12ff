package rtc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

// TestFingerprints: the client's certificate is checked by the hash that its offer names; another certificate ends the session
// (W-42).
func TestFingerprints(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := certificate.PEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(text))
	s256, s384, s512 := sha256.Sum256(block.Bytes), sha512.Sum384(block.Bytes), sha512.Sum512(block.Bytes)
	for name, c := range map[string]struct {
		hash string
		sum  []byte
		good bool
	}{
		"SHA-256": {"sha-256", s256[:], true}, "SHA-384": {"sha-384", s384[:], true}, "SHA-512": {"sha-512", s512[:], true},
		"of another certificate": {"sha-256", s384[:32], false}, "of another hash": {"sha-384", s512[:48], false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			a := testAPI(t, Config{})
			var local webrtc.SettingEngine
			local.SetIncludeLoopbackCandidate(true)
			local.SetICEMulticastDNSMode(1)
			pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(local)).NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{*certificate}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = pc.GracefulClose() })
			if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
			sum := strings.ReplaceAll(fmt.Sprintf("% X", c.sum), " ", ":")
			offer := regexp.MustCompile(`a=fingerprint:\S+ \S+`).ReplaceAllString(offerOf(t, ctx, pc), "a=fingerprint:"+c.hash+" "+sum)
			answer, v, err := a.Send(ctx, Offer{SDP: offer, Formats: formats})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = v.Close() }()
			accept(t, pc, answer)
			if c.good {
				await(t, ctx, "connection", v.Connected())
				return
			}
			await(t, ctx, "end", v.Done())
			select {
			case <-v.Connected():
				t.Error("it was connected")
			default:
			}
		})
	}
}
