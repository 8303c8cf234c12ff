package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// TestICEOverHTTP: what an answer says of ICE, and that the answer to a restart says the same: candidates of UDP before those of
// TCP, and who is lite.
func TestICEOverHTTP(t *testing.T) {
	for _, transport := range []string{"auto", "pc"} {
		for _, lite := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ice_lite %v", transport, lite), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				url := startGateway(t, func(c *Config) { c.Egress.Transport, c.ICELite = transport, lite })
				status, answer, header := send(t, ctx, http.MethodPost, url+"/whep/lobby", "application/sdp", playOffer(t))
				if status != http.StatusCreated {
					t.Fatalf("%d %s", status, answer)
				}
				session := url + header.Get("Location")
				fragment := "a=ice-ufrag:next\r\na=ice-pwd:aPasswordOfTwentyFourChars\r\n"
				status, restarted, _ := send(t, ctx, http.MethodPatch, session, "application/trickle-ice-sdpfrag", fragment)
				if status != http.StatusOK {
					t.Fatalf("%d %s", status, restarted)
				}
				for _, text := range []string{answer, restarted} {
					checkICE(t, text, lite || transport == "auto")
				}
				if status, text, _ := send(t, ctx, http.MethodDelete, session, "", ""); status != http.StatusOK {
					t.Errorf("DELETE: %d %s", status, text)
				}
			})
		}
	}
}

func checkICE(t *testing.T, text string, lite bool) {
	t.Helper()
	var transports []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") {
			transports = append(transports, f[2])
			if passive := strings.Contains(line, " typ host tcptype passive"); passive != (f[2] == "tcp") {
				t.Errorf("%q", line)
			}
		}
	}
	if strings.Join(transports, " ") != "udp tcp" {
		t.Errorf("candidates of %v in\n%s", transports, text)
	}
	head, _, _ := strings.Cut(text, "m=")
	if strings.Contains(head, "a=ice-lite\r\n") != lite || !strings.Contains(head, "a=ice-options:ice2 trickle\r\n") {
		t.Errorf("lite is %v:\n%s", lite, text)
	}
}

// playOffer is that of a viewer whose candidates are names, as browsers hide their addresses.
func playOffer(t *testing.T) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return offer.SDP + "a=candidate:1 1 udp 2122260223 4f8a6f3e-0a5b-4c0e-9d11-5e1c2f7a9b3d.local 50000 typ host\r\n" +
		"a=candidate:2 1 tcp 1518280447 4f8a6f3e-0a5b-4c0e-9d11-5e1c2f7a9b3d.local 9 typ host tcptype active\r\n"
}

// send makes a request; a PATCH is for whatever there is.
func send(t *testing.T, ctx context.Context, method, url, kind, body string) (status int, text string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if method == http.MethodPatch {
		r.Header.Set("If-Match", "*")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b), response.Header
}
