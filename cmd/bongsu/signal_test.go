package main

import (
	"context"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
)

// TestSignal: over one socket a stream is published and played, by the client's offer and by the server's, with candidates
// that trickle both ways.
func TestSignal(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Keys = map[string]string{"방": "secret"} })
	c := dialSignal(t, ctx, url)

	camera := newSignalPeer(t)
	camera.film(t)
	camera.sendCandidates(c, "cam")
	offer, err := camera.CreateOffer(nil)
	must(t, offer, err)
	c.say("type", "publish", "id", "cam", "stream", "방", "token", "wrong", "sdp", offer.SDP)
	if m := c.hear("error", "cam"); m.Problem.Code != "unauthorized" {
		t.Fatalf("%+v", m)
	}
	c.say("type", "publish", "id", "cam", "stream", "방", "token", "secret", "sdp", offer.SDP, "trickle", "true")
	must(t, offer, camera.SetLocalDescription(offer)) // candidates follow the offer
	camera.accept(t, webrtc.SDPTypeAnswer, c.hear("answer", "cam").SDP)
	camera.takeCandidates(t, c, "cam")
	wait(ctx, t, "connection", camera.up)

	view := newSignalPeer(t)
	view.watch(t)
	c.say("type", "play", "id", "view", "stream", "방", "sdp", view.offer(t, ctx, nil))
	view.accept(t, webrtc.SDPTypeAnswer, c.hear("answer", "view").SDP)
	var seen follower
	view.unbroken(t, ctx, &seen, 30)
	c.hearEvents("view", "active", "viewercount")

	asked := newSignalPeer(t)
	asked.sendCandidates(c, "asked")
	c.say("type", "play", "id", "asked", "stream", "방", "trickle", "true")
	asked.accept(t, webrtc.SDPTypeOffer, c.hear("offer", "asked").SDP)
	asked.takeCandidates(t, c, "asked")
	c.say("type", "layers", "id", "asked", "rid", "h")
	if m := c.hear("error", "asked"); m.Problem.Code != "not-now" {
		t.Fatalf("%+v", m)
	}
	answer, err := asked.CreateAnswer(nil)
	must(t, answer, err)
	gathered := webrtc.GatheringCompletePromise(asked.PeerConnection)
	must(t, answer, asked.SetLocalDescription(answer))
	wait(ctx, t, "candidates", gathered) // they come before the answer
	c.say("type", "answer", "id", "asked", "sdp", answer.SDP)
	c.hear("ok", "asked")
	seen = follower{}
	asked.unbroken(t, ctx, &seen, 30)
	if m := c.hearEvents("asked", ""); m.Layers["0"] == nil && m.Layers["1"] == nil {
		t.Errorf("layers %+v", m)
	}
	c.say("type", "layers", "id", "asked")
	c.hear("ok", "asked")

	if err := asked.GracefulClose(); err != nil {
		t.Error(err)
	}
	if m := c.hear("bye", "asked"); m.Code != "hung-up" {
		t.Errorf("%+v", m)
	}
	stop := publishFile(ctx, url+"/whip/방", "secret", testClip(t))
	defer func() { _ = stop() }()
	if m := c.hear("bye", "cam"); m.Code != "replaced" {
		t.Errorf("%+v", m)
	}
	c.say("type", "bye", "id", "view")
	c.hear("bye", "view")
}

var (
	iceUfrag = regexp.MustCompile(`a=ice-ufrag:(\S+)`)
	icePwd   = regexp.MustCompile(`a=ice-pwd:(\S+)`)
	iceLine  = regexp.MustCompile(`a=(candidate:[^\r\n]*)`)
)

// restart restarts ICE over a client.
func (p *signalPeer) restart(t testing.TB, c *signalClient, id, answer string) {
	t.Helper()
	offer := p.offer(t, c.ctx, &webrtc.OfferOptions{ICERestart: true})
	fragment := iceUfrag.FindString(offer) + "\r\n" + icePwd.FindString(offer) + "\r\n"
	for _, line := range iceLine.FindAllString(offer, -1) {
		fragment += line + "\r\n"
	}
	c.say("type", "restart", "id", id, "fragment", fragment)
	reply := c.hear("restart", id).Fragment
	answer = iceUfrag.ReplaceAllString(iceLine.ReplaceAllString(answer, "a=x"), iceUfrag.FindString(reply))
	p.accept(t, webrtc.SDPTypeAnswer, icePwd.ReplaceAllString(answer, icePwd.FindString(reply)))
	for _, m := range iceLine.FindAllStringSubmatch(reply, -1) {
		if err := p.AddICECandidate(webrtc.ICECandidateInit{Candidate: m[1]}); err != nil {
			t.Error(err)
		}
	}
}

// TestSignalDrop: media goes on without a packet missing while its socket is lost and resumed, and through an ICE restart that
// is asked for afterwards.
func TestSignalDrop(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Demo = true })
	c := dialSignal(t, ctx, url)
	view := newSignalPeer(t)
	view.watch(t)
	c.say("type", "play", "id", "view", "stream", "demo", "sdp", view.offer(t, ctx, nil))
	answer := c.hear("answer", "view").SDP
	view.accept(t, webrtc.SDPTypeAnswer, answer)
	wait(ctx, t, "connection", view.up)
	var seen follower
	view.unbroken(t, ctx, &seen, 100)

	_ = c.conn.NetConn().Close()
	<-c.ended
	view.unbroken(t, ctx, &seen, 200)
	next := dialSignal(t, ctx, url)
	next.say("type", "hello", "resume", c.word)
	if m := next.hear("hello", ""); !slices.Equal(m.Sessions, []string{"view"}) {
		t.Fatalf("%+v", m)
	}
	view.unbroken(t, ctx, &seen, 100)
	view.restart(t, next, "view", answer)
	wait(ctx, t, "connection after the restart", view.up)
	view.unbroken(t, ctx, &seen, 100)

	next.say("type", "hello", "resume", "0123")
	if m := next.hear("error", ""); m.Problem.Code != "bad-message" { // not the first message
		t.Errorf("%+v", m)
	}
	fresh := dialSignal(t, ctx, url)
	fresh.say("type", "hello", "resume", c.word)
	if m := fresh.hear("error", ""); m.Problem.Code != "not-resumable" {
		t.Errorf("%+v", m)
	}
	_ = next.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	<-next.ended
	awaitViewers(t, ctx, url, "demo", 0)
}

// awaitViewers waits until a stream has so many.
func awaitViewers(t *testing.T, ctx context.Context, url, stream string, want int) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for streamOf(t, ctx, url, stream).Viewers != want {
		wait(ctx, t, "change of the viewers", tick.C)
	}
}

// TestSignalShutdown: sockets are told that the server stops, and that they can go on elsewhere.
func TestSignalShutdown(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	var c *signalClient
	t.Run("running", func(inner *testing.T) {
		c = dialSignal(t, ctx, startGateway(inner, func(c *Config) { c.Demo = true }))
		view := newSignalPeer(t)
		view.watch(t)
		c.say("type", "play", "id", "view", "stream", "demo", "sdp", view.offer(t, ctx, nil))
		view.accept(t, webrtc.SDPTypeAnswer, c.hear("answer", "view").SDP)
		wait(ctx, t, "connection", view.up)
	})
	if err := <-c.ended; !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("ended by %v", err)
	}
}
