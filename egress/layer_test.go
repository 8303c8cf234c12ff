package egress

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
	"bongsu/rtc"
	"bongsu/wish"
)

// shoot publishes a picture in VP8, 200 frames a second with a keyframe in ten, in layers of 320x240, 640x480 and so on, until
// stop. A payload ends with its layer.
func shoot(t *testing.T, hub *broadcast.Hub, rids ...string) (stop func()) {
	t.Helper()
	source, err := hub.Publish("lobby", broadcast.Publication{})
	if err != nil {
		t.Fatal(err)
	}
	var layers []*broadcast.Layer
	for _, rid := range rids {
		layers = append(layers, source.AddLayer(broadcast.Codec{MimeType: "video/VP8", ClockRate: 90000}, rid, nil))
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				for i, l := range layers {
					l.Write(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(n), Timestamp: uint32(n) * 450}, Payload: picture(i, n)})
				}
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
		source.Close()
	}
}

// picture is a payload of VP8 with a picture id.
func picture(layer, n int) []byte {
	width, height := 320<<layer, 240<<layer
	b := []byte{0x90, 0x80, 0x80 | byte(n>>8), byte(n), 1, 0, 0, 0x9d, 0x01, 0x2a, byte(width), byte(width >> 8), byte(height), byte(height >> 8), byte(layer)}
	if n%10 == 0 {
		b[4] = 0 // a keyframe
	}
	return b
}

// TestLayerRequest reads what players ask for (V-34..V-37).
func TestLayerRequest(t *testing.T) {
	const notOne = "JSON object"
	for body, want := range map[string]string{
		`{"rid":"h"}`:                           "h",
		`{"mediaId":"1","rid":"hd","x":[1]}`:    "hd",
		`{"encodingId":"h"}`:                    "h",
		`{"rid":"f","encodingId":"h"}`:          "f",
		`{"rid":null,"maxWidth":640}`:           "",
		`{}`:                                    "",
		``:                                      notOne,
		`null`:                                  notOne,
		`[]`:                                    notOne,
		`"h"`:                                   notOne,
		`{"rid":"h"`:                            notOne,
		`{"rid":"h"}{}`:                         notOne,
		`{"rid":1}`:                             "rid can't be a number",
		`{"mediaId":1}`:                         "mediaId can't be a number",
		`{"maxWidth":"640"}`:                    "maxWidth can't be a string",
		`{"maxHeight":-1}`:                      "maxHeight can't be a number -1",
		`{"spatialLayerId":0.5}`:                "spatialLayerId can't be a number 0.5",
		`{"temporalLayerId":99999999999999999}`: "temporalLayerId",
	} {
		r, err := ParseLayerRequest([]byte(body))
		switch {
		case err != nil && (!errors.Is(err, ErrLayerRequest) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", body, err, want)
		case err == nil && r.RID != want:
			t.Errorf("%s: %+v, want %s", body, r, want)
		}
	}
}

// FuzzExtensionBodies: what a stranger sends is read or refused, and never more than it says.
func FuzzExtensionBodies(f *testing.F) {
	for _, seed := range []string{`{"mediaId":"1","rid":"h","spatialLayerId":0,"maxWidth":640}`, `["active","layers"]`, `[]`, `null`, `{"encodingId":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := ParseLayerRequest(body); err != nil && !errors.Is(err, ErrLayerRequest) {
			t.Error(err)
		}
		names, err := parseEventList(body)
		if err != nil && !errors.Is(err, ErrEventList) || len(names) > len(eventNames()) {
			t.Errorf("%q, %v", names, err)
		}
	})
}

// TestSelectLayer: POST and DELETE at a session's layer URL, with a simulcast, with one layer, and with nothing (V-30..V-38).
func TestSelectLayer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	url, hub := startEndpoint(t, Config{Wait: true})
	_, links := watching(ctx, t, url)
	layer := links[relLayer].URL
	if layer == "" || layer == links[relEvents].URL || !strings.HasPrefix(layer, url) {
		t.Fatalf("links %+v", links)
	}
	try := func(body, want string) {
		t.Helper()
		resp, text := send(ctx, t, http.MethodPost, layer, body, "Content-Type", "application/json")
		if ok := resp.StatusCode == http.StatusOK; ok != (want == "") || !strings.Contains(text, want) {
			t.Errorf("%s: %s %q, want %q", body, resp.Status, text, want)
		}
	}
	try(`{"rid":"h"}`, "not a simulcast")
	try(`{}`, "")
	for _, c := range []struct {
		rids []string
		want map[string]string
	}{
		{[]string{""}, map[string]string{`{"rid":"h"}`: "not a simulcast", `{}`: "", `{"mediaId":"1"}`: "", `{"spatialLayerId":0,"bitrate":1,"width":320}`: "", `{"maxWidth":100}`: ""}},
		{[]string{"q", "h", "f"}, map[string]string{
			`{"rid":"h"}`: "", `{"mediaId":"1","rid":"q"}`: "", `{"encodingId":"f"}`: "", `{"maxWidth":640,"maxHeight":480}`: "", `{"mediaId":"0"}`: "",
			`{"rid":"x"}`: "it has q, h, f", `{"mediaId":"0","rid":"h"}`: "no picture", `{"mediaId":"9"}`: "0 to 1", `{"mediaId":"video"}`: "0 to 1", `{"mediaId":"-1"}`: "0 to 1",
			`{"rid":"h","spatialLayerId":1}`: "no spatial layer 1", `{"temporalLayerId":0}`: "temporal", `{"maxSpatialLayerId":3,"rid":"h"}`: "", `{`: "JSON object", ``: "JSON object",
		}},
	} {
		stop := shoot(t, hub, c.rids...)
		await(ctx, t, "picture", live(ctx, hub))
		for body, want := range c.want {
			try(body, want)
		}
		stop()
	}
	if resp, text := send(ctx, t, http.MethodPost, layer, "{}", "Content-Type", "text/plain"); resp.StatusCode == 200 || !strings.Contains(text, "application/json") {
		t.Errorf("%s %s", resp.Status, text)
	}
	if resp, text := send(ctx, t, http.MethodDelete, layer, ""); resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, text)
	}
	if resp, text := send(ctx, t, http.MethodGet, layer, ""); resp.StatusCode == 200 || !strings.Contains(text, "DELETE, OPTIONS, POST") {
		t.Errorf("%s %s", resp.Status, text)
	}
	resp, _ := send(ctx, t, http.MethodPost, url+"/whep/lobby", readOffer(t, "whep-chromium.sdp"), "Content-Type", "application/sdp", "Prefer", "counter-offer")
	layer = url + resp.Header.Get("Location") + "/layer"
	try(`{}`, "answer the server's offer first")
}

// TestSwitch: a real player gets each layer that it asks for out of a real simulcast, by either transport, in one unbroken
// stream, and keeps it through an ICE restart (V-39, V-40).
func TestSwitch(t *testing.T) {
	for _, transport := range []string{TransportAuto, TransportPC} {
		t.Run(transport, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			url, hub, s := startService(t, Config{Wait: true, Transport: transport})
			publishSimulcast(ctx, t, s.api, hub, "q", "h", "f")
			await(ctx, t, "picture", live(ctx, hub))
			p := newPlayer(t)
			packets := make(chan *rtp.Packet, 1000)
			p.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				for packet, _, err := tr.ReadRTP(); err == nil; packet, _, err = tr.ReadRTP() {
					packets <- packet
				}
			})
			p.join(ctx, t, url+"/whep/lobby")
			last := await(ctx, t, "packet", packets)
			restarted := false // packets may have been lost then, and come again
			until := func(layer byte) {
				t.Helper()
				for n := 0; n < 30; {
					now := await(ctx, t, "packet", packets)
					ahead := now.SequenceNumber - last.SequenceNumber
					if restarted && int16(ahead) < 0 {
						continue
					}
					if now.SSRC != last.SSRC || ahead != 1 && !restarted || int32(now.Timestamp-last.Timestamp) <= 0 {
						t.Fatalf("%+v after %+v", now.Header, last.Header)
					}
					was, is := last.Payload[len(last.Payload)-1], now.Payload[len(now.Payload)-1]
					if pictureID(now) != (pictureID(last)+ahead)&0x7fff || is != was && ahead == 1 && now.Payload[4] != 0 {
						t.Fatalf("layer %d after %d: %x after %x", is, was, now.Payload, last.Payload)
					}
					if last = now; is == layer {
						n++
					} else if restarted && layer == 1 {
						t.Fatal("the restart undid the choice")
					}
				}
			}
			until(2)
			layer := p.resource.URL + "/layer"
			for _, c := range []struct {
				body  string
				layer byte
			}{{`{"rid":"q"}`, 0}, {`{"rid":"h"}`, 1}, {`{"maxWidth":320}`, 0}, {`{}`, 2}, {`{"encodingId":"h"}`, 1}} {
				if resp, text := send(ctx, t, http.MethodPost, layer, c.body, "Content-Type", "application/json"); resp.StatusCode != 200 {
					t.Fatalf("%s: %s %s", c.body, resp.Status, text)
				}
				until(c.layer)
			}
			answer, err := p.resource.Restart(ctx, p.offer(ctx, t, &webrtc.OfferOptions{ICERestart: true}), p.answer)
			if err != nil {
				t.Fatal(err)
			}
			restarted = true
			p.accept(ctx, t, answer)
			until(1)
			if resp, _ := send(ctx, t, http.MethodDelete, layer, ""); resp.StatusCode != 200 {
				t.Error(resp.Status)
			}
			until(2)
		})
	}
}

func pictureID(p *rtp.Packet) uint16 { return uint16(p.Payload[2]&0x7f)<<8 | uint16(p.Payload[3]) }

// publishSimulcast publishes by a peer connection, until the test ends.
func publishSimulcast(ctx context.Context, t *testing.T, api *rtc.API, hub *broadcast.Hub, rids ...string) {
	t.Helper()
	source, err := hub.Publish("lobby", broadcast.Publication{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	p := newPlayer(t)
	var sender *webrtc.RTPSender
	var tracks []*webrtc.TrackLocalStaticRTP
	for _, rid := range rids {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s", webrtc.WithRTPStreamID(rid))
		if err != nil {
			t.Fatal(err)
		}
		if tracks = append(tracks, track); sender == nil {
			sender, err = p.AddTrack(track)
		} else {
			err = sender.AddEncoding(track)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	offer, err := wish.ParseOffer([]byte(p.offer(ctx, t, nil)), wish.Publish)
	if err != nil {
		t.Fatal(err)
	}
	answer, peer, err := api.Receive(ctx, rtc.Offer{SDP: offer.SDP, Formats: offer.Formats()}, func(rt *rtc.RemoteTrack) {
		layer := source.AddLayer(rt.Codec, rt.RID, rt.RequestKeyframe)
		for packet := (rtp.Packet{}); rt.ReadRTP(&packet) == nil; {
			layer.Write(&packet)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	if answer, err = wish.FinishAnswer(answer, offer, wish.AnswerOptions{Loopback: true}); err != nil {
		t.Fatal(err)
	}
	p.accept(ctx, t, answer)
	t.Cleanup(sendLayers(sender, tracks))
}

// sendLayers sends pictures until stop.
func sendLayers(sender *webrtc.RTPSender, tracks []*webrtc.TrackLocalStaticRTP) (stop func()) {
	id := map[string]uint8{}
	for _, e := range sender.GetParameters().HeaderExtensions {
		id[e.URI] = uint8(e.ID)
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				for i, track := range tracks {
					h := rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: uint32(n)*450 + uint32(i)<<30, Marker: true}
					_ = h.SetExtension(id[sdp.SDESMidURI], []byte("0"))
					_ = h.SetExtension(id[sdp.SDESRTPStreamIDURI], []byte(track.RID()))
					_ = track.WriteRTP(&rtp.Packet{Header: h, Payload: picture(i, n)})
				}
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}
