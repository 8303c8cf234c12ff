package egress

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// send makes a request with headers given as pairs.
func send(ctx context.Context, t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// take answers the server's offer.
func (p *player) take(ctx context.Context, t *testing.T, offer string) (answer string) {
	t.Helper()
	if err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatalf("%v\n%s", err, offer)
	}
	own, err := p.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(own); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "candidates", gathered)
	return p.LocalDescription().SDP
}

// TestCounterOffer: a player that asks for the server's offer, or whose own offer lacks the stream's codec, answers the
// server's, gets the picture in the stream's codec, and restarts ICE (E-22..E-30).
func TestCounterOffer(t *testing.T) {
	h264 := "m=video 9 UDP/TLS/RTP/SAVPF 102\r\n"
	refused := readOffer(t, "whep-chromium.sdp")
	video := strings.Index(refused, "m=video")
	refused = refused[:video] + h264 + refused[video+strings.Index(refused[video:], "\n")+1:]
	for name, c := range map[string]struct {
		config Config
		offer  string
		header []string
	}{
		"asked for": {Config{Wait: true}, readOffer(t, "whep-chromium.sdp"), []string{"Prefer", "counter-offer"}},
		"refused":   {Config{Wait: true, CounterOffer: true}, refused, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			url, hub := startEndpoint(t, c.config)
			film(t, hub)
			await(ctx, t, "picture", live(ctx, hub))
			resp, offer := send(ctx, t, http.MethodPost, url+"/whep/lobby", c.offer, append(c.header, "Content-Type", "application/sdp")...)
			session := url + resp.Header.Get("Location")
			if resp.StatusCode != http.StatusNotAcceptable || !strings.Contains(offer, "a=sendonly\r\n") || resp.Header.Get("ETag") == "" {
				t.Fatalf("%s %v\n%s", resp.Status, resp.Header, offer)
			}
			if i := strings.Index(offer, "m=video 9 UDP/TLS/RTP/SAVPF 96 "); i < 0 || strings.Index(offer, "m=audio 9 UDP/TLS/RTP/SAVPF 111 ") > i {
				t.Errorf("want sound, then a picture with the stream's VP8 first:\n%s", offer)
			}
			p := newPlayer(t)
			answer := p.take(ctx, t, offer)
			patch := []string{"Content-Type", "application/sdp"}
			if resp, _ := send(ctx, t, http.MethodPatch, session, strings.ReplaceAll(answer, "a=mid:1", "a=mid:9"), patch...); resp.StatusCode/100 == 2 {
				t.Errorf("an answer to another offer: %s", resp.Status)
			}
			if info, _ := hub.Info("lobby"); info.Viewers != 0 {
				t.Errorf("%d viewers before the answer", info.Viewers)
			}
			if resp, text := send(ctx, t, http.MethodPatch, session, answer, patch...); resp.StatusCode != http.StatusNoContent {
				t.Fatalf("%s %s\n%s", resp.Status, text, answer)
			}
			for await(ctx, t, "connection", p.ice) != webrtc.ICEConnectionStateConnected {
			}
			ssrc := p.plays(ctx, t, 20)
			if resp, text := send(ctx, t, http.MethodPost, session+"/layer", "{}", "Content-Type", "application/json"); resp.StatusCode != http.StatusOK {
				t.Errorf("layer: %s %s", resp.Status, text)
			}
			p.restarts(ctx, t, session, offer)
			if again := p.plays(ctx, t, 50); again != ssrc {
				t.Errorf("SSRC %d, before %d", again, ssrc)
			}
			if info, _ := hub.Info("lobby"); info.Viewers != 1 {
				t.Errorf("%d viewers", info.Viewers)
			}
			if resp, text := send(ctx, t, http.MethodDelete, session, ""); resp.StatusCode != http.StatusOK {
				t.Errorf("DELETE: %s %s", resp.Status, text)
			}
			if info, _ := hub.Info("lobby"); info.Viewers != 0 {
				t.Errorf("%d viewers after the end", info.Viewers)
			}
		})
	}
}

// live closes when the stream has a picture.
func live(ctx context.Context, hub *broadcast.Hub) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if info, _ := hub.Info("lobby"); len(info.Tracks) > 0 {
				return
			}
			<-tick.C
		}
	}()
	return done
}

// restarts has a player that gave the answer restart ICE: it puts what the server sends back into a description made of the
// server's offer.
func (p *player) restarts(ctx context.Context, t *testing.T, session, offer string) {
	t.Helper()
	own := p.offer(ctx, t, &webrtc.OfferOptions{ICERestart: true})
	var fragment strings.Builder
	for line := range strings.Lines(own) {
		if strings.HasPrefix(line, "a=candidate:") {
			fragment.WriteString(line)
		}
	}
	resp, text := send(ctx, t, http.MethodPatch, session,
		"a=ice-ufrag:"+value(own, "ice-ufrag")+"\r\na=ice-pwd:"+value(own, "ice-pwd")+"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"+fragment.String(),
		"Content-Type", "application/trickle-ice-sdpfrag", "If-Match", "*")
	if resp.StatusCode != http.StatusOK || value(text, "ice-ufrag") == value(offer, "ice-ufrag") {
		t.Fatalf("restart: %s\n%s", resp.Status, text)
	}
	p.accept(ctx, t, strings.NewReplacer("a=ice-ufrag:"+value(offer, "ice-ufrag"), "a=ice-ufrag:"+value(text, "ice-ufrag"),
		"a=ice-pwd:"+value(offer, "ice-pwd"), "a=ice-pwd:"+value(text, "ice-pwd"), "a=setup:actpass", "a=setup:passive").Replace(offer))
}

// TestCounterOfferUnanswered: a session whose offer was not answered ends by DELETE, and leaves nothing.
func TestCounterOfferUnanswered(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	url, hub := startEndpoint(t, Config{Wait: true})
	resp, offer := send(ctx, t, http.MethodPost, url+"/whep/lobby", readOffer(t, "whep-firefox.sdp"), "Content-Type", "application/sdp", "Prefer", "counter-offer")
	if resp.StatusCode != http.StatusNotAcceptable {
		t.Fatalf("%s\n%s", resp.Status, offer)
	}
	session := url + resp.Header.Get("Location")
	if resp, text := send(ctx, t, http.MethodPatch, session, readOffer(t, "whep-firefox.sdp"), "Content-Type", "application/sdp"); resp.StatusCode/100 == 2 {
		t.Errorf("an offer for an answer: %s %s", resp.Status, text)
	}
	if resp, text := send(ctx, t, http.MethodDelete, session, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s %s", resp.Status, text)
	}
	if info, ok := hub.Info("lobby"); ok {
		t.Errorf("left behind: %+v", info)
	}
}
