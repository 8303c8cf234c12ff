package check

import (
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

func counterChecks() []Check {
	const section = "whep-03 section 4.3.2"
	return []Check{
		{"E-22", Must, section, "A server that prefers its own offer sends it in a 406, with a Location", 0, func(p *probe) { counterOffer(p) }},
		{"E-23", May, section, "The offer may be dated: valid-until is an HTTP date", 0, validUntil},
		{"E-24", Interop, section, "An offer that nobody answers is forgotten", Slow, offerExpires},
		{"E-25", Must, section, "PATCH of an answer: 204, and media flows", 0, counterAnswered},
		{"E-26", Must, section, "A malformed answer is refused, and another may follow", 0, counterRetry},
		{"E-27", Must, "whep-03 section 4.3.5", "The server's offer is sendonly and setup:actpass, with all candidates", 0, counterShape},
		{"E-28", Interop, "whep-03 section 4.3.5", "An answer that is not recvonly is refused", 0, counterDirection},
		{"E-29", Interop, section, "PATCH of an answer where no offer waits is refused", 0, counterTwice},
		{"E-30", Interop, section, "PATCH of an answer needs no If-Match", 0, counterAnswered},
	}
}

// counterOffer posts an offer that the server can't take, and skips the check if it makes none of its own.
func counterOffer(p *probe) *session {
	o := p.offer().swap("VP8/90000", "NEVER-HEARD/90000").swap("H264/90000", "NOR-THIS/90000")
	// A server may have to be asked (RFC 7240 has others ignore what they don't know).
	r := p.post("POST with video codecs that nobody has", o, "Prefer", "counter-offer")
	if r.StatusCode != http.StatusNotAcceptable {
		p.skipf("the server makes no offers of its own: it answers %s", r.summary())
	}
	r.wants(r.mediaType() == mediaTypeSDP, "Content-Type: application/sdp with a 406; it is %q", r.Header.Get("Content-Type"))
	location, err := r.Location()
	if err != nil {
		p.failf("%s was answered 406 without a Location; %s asks for the session's URL there", r.what, p.check.Section)
	}
	return &session{reply: r, url: location.String(), etag: r.Header.Get("ETag"), answer: r.readAnswer()}
}

func validUntil(p *probe) {
	s := counterOffer(p)
	_, parameters, err := mime.ParseMediaType(s.Header.Get("Content-Type"))
	p.need("reading Content-Type", err)
	until, ok := parameters["valid-until"]
	if !ok {
		p.skipf("the offer is not dated")
	}
	_, err = time.Parse(http.TimeFormat, until)
	s.wants(err == nil, "valid-until as IMF-fixdate (RFC 9110 section 5.6.7); it is %q", until)
}

func offerExpires(p *probe) {
	p.freed(counterOffer(p), "an offer of the server that nobody answered")
}

// answers makes a player of the server's offer, and gives the answer that it would send.
func (s *session) answers() (*player, string) {
	p := s.probe
	c := p.newPlayer(peerOptions{})
	c.session = s
	p.need("using the server's offer", c.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: s.body}))
	a, err := c.CreateAnswer(nil)
	p.need("answering the server's offer", err)
	gathered := webrtc.GatheringCompletePromise(c.PeerConnection)
	p.need("using the own answer", c.SetLocalDescription(a))
	<-gathered
	return c, c.LocalDescription().SDP
}

// patchAnswer sends an answer.
func (s *session) patchAnswer(what, text string) *reply {
	return s.patch(what, text, "Content-Type", mediaTypeSDP)
}

func counterAnswered(p *probe) {
	s := counterOffer(p)
	player, text := s.answers()
	r := s.patchAnswer("PATCH with an answer", text)
	r.wants(r.StatusCode == http.StatusNoContent, "204 No Content")
	player.more(p, "after PATCH with an answer")
}

func counterRetry(p *probe) {
	s := counterOffer(p)
	s.patchAnswer("PATCH with something else than an answer", "hello").refused(http.StatusBadRequest)
	_, text := s.answers()
	r := s.patchAnswer("PATCH with a good answer after a bad one", text)
	r.wants(r.StatusCode == http.StatusNoContent, "204 No Content")
}

func counterShape(p *probe) {
	s := counterOffer(p)
	_, _, candidates := iceOf(s.body)
	s.wants(len(candidates) > 0, "candidates in the server's offer")
	for _, m := range s.answer.sections() {
		if !isMedia(m) {
			continue
		}
		s.wants(s.answer.direction(m) == "sendonly" || s.answer.direction(m) == "sendrecv", "a=sendonly in m=%s; it is %s", m.MediaName.Media, s.answer.direction(m))
		s.wants(s.answer.attribute(m, "setup") == "actpass", "setup:actpass in m=%s; it is %q", m.MediaName.Media, s.answer.attribute(m, "setup"))
		s.wants(has(m, "rtcp-mux"), "a=rtcp-mux in m=%s", m.MediaName.Media)
	}
}

func counterDirection(p *probe) {
	s := counterOffer(p)
	_, text := s.answers()
	for _, direction := range []string{"sendonly", "inactive"} {
		wrong := strings.ReplaceAll(text, "a=recvonly\r\n", "a="+direction+"\r\n")
		s.patchAnswer("PATCH with an answer of a="+direction, wrong).refused(http.StatusUnprocessableEntity)
	}
}

func counterTwice(p *probe) {
	s := p.start()
	s.patchAnswer("PATCH with an answer to a session of the client's own offer", s.body).refused(http.StatusUnsupportedMediaType)
	s = counterOffer(p)
	_, text := s.answers()
	s.patchAnswer("PATCH with an answer", text)
	s.patchAnswer("A second PATCH with an answer", text).refused(http.StatusConflict)
}
