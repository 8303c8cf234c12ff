package check

import (
	"net/http"
	"slices"
)

// layerChecks are of the choice of layers.
func layerChecks() []Check {
	const section = "WHEP core extensions section 5"
	return []Check{
		{"V-30", Must, section, "A server with layer selection says so by a Link of the 201", 0, func(p *probe) { advertised(p, relLayer) }},
		{"V-31", Must, section, "Then it has the event layers too", 0, layersToo},
		{"V-32", Interop, section, "Each extension has a URL of its own", 0, ownURLs},
		{"V-33", May, section, "POST of a layer switches to it: 200", Alone, switches},
		{"V-34", Interop, section, "A layer or an m-line that isn't there, and what is no choice, are refused", 0, noSuchLayer},
		{"V-35", Interop, section, "Bounds are taken, and unknown keys ignored", 0, layerKeys},
		{"V-36", Interop, section, "POST of no layer goes back to choosing automatically", 0, automatic},
		{"V-37", Interop, "what players of before the draft send", "So does DELETE; an older dialect names the layer encodingId", Alone, olderDialect},
		{"V-38", Interop, section, "Without simulcast a rid is refused, and no rid taken", 0, notSimulcast},
		{"V-39", Interop, "RFC 7741 section 4.1", "A switch can't be seen in the RTP stream", Alone, seamless},
		{"V-40", Interop, section, "The choice survives an ICE restart", Alone, choiceSurvives},
	}
}

func (p *probe) startLayer() *extension { return p.start().extension(relLayer) }

func layersToo(p *probe) {
	x := p.startLayer()
	l := x.link(relEvents)
	x.wants(l != nil, "a Link of %s as well", relEvents)
	x.wants(slices.Contains(x.extension(relEvents).events, "layers"), "layers in the events of that Link, which are %q", l.events)
}

func ownURLs(p *probe) {
	s := p.start()
	layer, events := s.extension(relLayer), s.extension(relEvents)
	s.wants(layer.url != events.url, "a URL for each extension; two have %s", layer.url)
	s.wants(layer.url != s.url && events.url != s.url, "URLs for the extensions that are not the session's; it is %s", s.url)
}

// choose posts a choice of a layer.
func (x *extension) choose(body string) *reply { return x.post("POST of the layer "+body, body) }

func (x *extension) chosen(body string) {
	r := x.choose(body)
	r.wants(r.StatusCode == http.StatusOK || r.StatusCode == http.StatusNoContent, "200 OK")
}

func noSuchLayer(p *probe) {
	x := p.startLayer()
	for _, body := range []string{`{"mediaId":"77"}`, `{"mediaId":"no-line"}`, `{"mediaId":"` + videoLine + `","rid":"nobody-has-this-rid"}`} {
		x.choose(body).refused(http.StatusNotFound)
	}
	for _, body := range []string{`{"rid":7}`, `["h"]`, `{"rid":"h"`, `hello`} {
		x.choose(body).refused(http.StatusBadRequest)
	}
	x.post("POST of a layer with Content-Type: text/plain", `{}`, "Content-Type", "text/plain").refused(http.StatusUnsupportedMediaType)
}

func layerKeys(p *probe) {
	x := p.startLayer()
	x.chosen(`{"mediaId":"` + videoLine + `","maxWidth":10000,"maxHeight":10000}`)
	x.chosen(`{"maxSpatialLayerId":9,"maxTemporalLayerId":9}`)
	x.chosen(`{"mediaId":"` + videoLine + `","x-check":{"of":["nobody"]}}`)
}

func automatic(p *probe) {
	x := p.startLayer()
	x.chosen(`{"mediaId":"` + videoLine + `"}`)
	x.chosen(`{}`)
}

func notSimulcast(p *probe) {
	x := p.startLayer()
	x.choose(`{"rid":"` + large + `"}`).refused(http.StatusUnprocessableEntity)
	x.chosen(`{}`)
}

// playSimulcast is a player of a stream with two layers, who can tell which he sees.
func playSimulcast(p *probe) (*player, *extension) {
	publisher := p.publish(peerOptions{simulcast: true})
	player := p.join(peerOptions{})
	x := player.session.extension(relLayer)
	player.mu.Lock()
	player.picture.follow(publisher.layers)
	player.mu.Unlock()
	player.more(p, "after POST")
	if player.seesForeign() {
		p.skipf("the server changes the pictures, so that the tester can't tell the layers apart")
	}
	return player, x
}

// switchesTo chooses a layer, once the server knows it, and waits until the player sees it.
func (c *player) switchesTo(p *probe, x *extension, rid string, body string) {
	var r *reply
	p.eventually(eventTimeout, func() bool { // a layer may be known only once it has come
		r = x.choose(body)
		return r.success()
	})
	r.wants(r.StatusCode == http.StatusOK || r.StatusCode == http.StatusNoContent, "200 OK, since the stream has that layer")
	c.sees(p, rid, "after the choice of "+body)
}

// choice is a choice by rid, in the draft's words.
func choice(rid string) string { return `{"mediaId":"` + videoLine + `","rid":"` + rid + `"}` }

func switches(p *probe) {
	player, x := playSimulcast(p)
	for _, rid := range []string{small, large, small} {
		player.switchesTo(p, x, rid, choice(rid))
	}
}

func olderDialect(p *probe) {
	player, x := playSimulcast(p)
	player.switchesTo(p, x, small, `{"encodingId":"`+small+`"}`)
	r := p.send("DELETE of the choice", http.MethodDelete, x.url, "")
	r.wants(r.success(), "200 OK: back to the server's choice")
}

func seamless(p *probe) {
	player, x := playSimulcast(p)
	for _, rid := range []string{small, large, small} {
		player.switchesTo(p, x, rid, choice(rid))
	}
	for _, t := range player.turns() {
		if seam := t.seam(); seam != "" {
			p.failf("at the switch from the layer %q to %q the player's stream breaks: %s", t.from.rid, t.to.rid, seam)
		}
	}
}

func choiceSurvives(p *probe) {
	player, x := playSimulcast(p)
	player.switchesTo(p, x, small, choice(small))
	player.restart(p)
	player.more(p, "after an ICE restart")
	player.sees(p, small, "after an ICE restart")
}
