package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"bongsu/signal"
)

// TestRelayBridge: an offer that a client of the relay addresses to the gateway is a broadcast: candidates follow the offer, a
// wrong key is told, and userLeft ends it.
func TestRelayBridge(t *testing.T) {
	url := startGateway(t, func(cfg *Config) { cfg.Keys = map[string]string{"방": "secret"} })
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/relay", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = response.Body.Close()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	say := func(data map[string]any) {
		t.Helper()
		data["to"], data["userid"] = "gateway", "me"
		if err := conn.WriteJSON(map[string]any{"channel": "방", "data": data}); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() (m struct {
		UserID, To string
		SDP        *webrtc.SessionDescription
		Error      *struct{ Code string }
		UserLeft   bool
	}) {
		t.Helper()
		_, frame, err := conn.ReadMessage()
		if err == nil {
			err = json.Unmarshal(frame, &m)
		}
		if err != nil || m.UserID != "gateway" || m.To != "me" {
			t.Fatalf("%s: %v", frame, err)
		}
		return m
	}

	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.GracefulClose() }()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	candidates := make(chan webrtc.ICECandidateInit, 100)
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			candidates <- c.ToJSON()
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	say(map[string]any{"sdp": offer})
	if m := hear(); m.Error == nil || m.Error.Code != "unauthorized" {
		t.Fatalf("without a key: %+v", m)
	}
	say(map[string]any{"sdp": map[string]string{"type": "offer", "sdp": "nonsense"}, "token": "secret"})
	if m := hear(); m.Error == nil || m.Error.Code != "malformed" {
		t.Fatalf("nonsense: %+v", m)
	}
	say(map[string]any{"sdp": offer, "token": "secret"})
	answer := hear()
	if answer.SDP == nil || answer.SDP.Type != webrtc.SDPTypeAnswer {
		t.Fatalf("%+v", answer)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(*answer.SDP); err != nil {
		t.Fatal(err)
	}
	say(map[string]any{"candidate": <-candidates})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the stream never had a track")
		}
		_ = track.WriteSample(media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond})
		if s := streamOf(t, t.Context(), url, "%EB%B0%A9"); s.State == "live" && len(s.Tracks) == 1 {
			break
		}
	}
	say(map[string]any{"userLeft": true})
	if m := hear(); !m.UserLeft {
		t.Fatalf("%+v", m)
	}
}

// TestRelayPort: the relay's own port tells errors as the other does, and whose client has no room is the proxy's to say.
func TestRelayPort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := listenRelay(ctx, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	config := signal.DefaultRelayConfig()
	config.PerAddress = 1
	relay := signal.NewRelay(config, nil, slog.New(slog.DiscardHandler))
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveRelay(ctx, listener, relay, true, slog.New(slog.DiscardHandler))
	}()
	defer func() {
		cancel()
		_ = relay.Close()
		<-served
	}()
	try := func(from string, want int) {
		t.Helper()
		conn, response, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+listener.Addr().String(), http.Header{"X-Forwarded-For": {from}})
		if response == nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if conn != nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
		kind := response.Header.Get("Content-Type")
		if response.StatusCode != want || want != http.StatusSwitchingProtocols && kind != signal.ProblemType {
			t.Errorf("%s: %d %s, want %d", from, response.StatusCode, kind, want)
		}
	}
	try("192.0.2.1", http.StatusSwitchingProtocols)
	try("192.0.2.1", http.StatusTooManyRequests)
	try("192.0.2.2", http.StatusSwitchingProtocols)
}
