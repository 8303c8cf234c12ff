package check

import (
	"net/http"
	"sync"
	"time"
)

// sessionEnd is how long a server may take to end a session that it knows to be over.
const sessionEnd = 10 * time.Second

func lifeChecks() []Check {
	const life = "RFC 9725 section 4.2"
	return []Check{
		{"W-75", Must, life, "DELETE ends the session: success, and its URL is gone", 0, deleteEnds},
		{"W-76", Must, "RFC 9725 section 4.3.1", "DELETE doesn't look at If-Match", 0, deleteAnyTag},
		{"W-77", Interop, "RFC 9110 section 15.5.5", "A session that has ended: 404 or 410 to all; many DELETEs at once do no harm", 0, goneToAll},
		{"W-78", Must, "RFC 7675 section 5.2", "A session that the server ends is cut off at once", 0, func(p *probe) { cutOff(p, p.publish(peerOptions{}).peer) }},
		{"W-79", Must, "RFC 7675 section 5.1", "A publisher that vanishes is gone within 30 s", Slow, func(p *probe) {
			publisher := p.publish(peerOptions{line: true})
			publisher.line.cut.Store(true)
			p.freed(publisher.session, "the publisher vanished")
		}},
		{"W-80", Interop, "RFC 8842 section 5", "A publisher that closes its DTLS connection is gone without DELETE", 0, func(p *probe) { hangsUp(p, p.publish(peerOptions{}).peer) }},
		{"W-81", Interop, life, "A session that never connects is freed within a minute", Slow, func(p *probe) { p.freed(p.start(), "a POST whose client never came") }},

		{"E-36", Must, "whep-03 section 4.4", "DELETE ends the session, and its URL is gone", 0, func(p *probe) {
			deleteEnds(p)
			p.as(Interop)
			goneToAll(p)
		}},
		{"E-37", Must, "whep-03 section 4.3.8", "A viewer who vanishes, or never connects, is gone within 30 s", Slow, func(p *probe) {
			viewer, never := p.play(peerOptions{line: true}), p.start()
			viewer.line.cut.Store(true)
			p.freed(viewer.session, "the viewer vanished")
			p.freed(never, "a POST whose client never came")
		}},
		{"E-38", Must, "whep-03 section 4.4", "A session that the server ends is cut off at once", 0, func(p *probe) {
			cutOff(p, p.play(peerOptions{}).peer)
			p.as(Interop)
			hangsUp(p, p.play(peerOptions{}).peer)
		}},
	}
}

func deleteEnds(p *probe) {
	s := p.start()
	r := s.delete("DELETE of a session")
	r.wants(r.success(), "200 OK")
	r = p.send("GET of a deleted session", http.MethodGet, s.url, "")
	r.wants(r.gone(), "404 or 410")
}

func deleteAnyTag(p *probe) {
	s := p.start()
	r := s.delete("DELETE with an unknown ETag in If-Match", "If-Match", `"nobody-had-this"`)
	r.wants(r.success(), "200 OK, since DELETE doesn't depend on the ICE session")
}

func goneToAll(p *probe) {
	s := p.start()
	replies, failures := make([]*reply, 4), make([]error, 4)
	var running sync.WaitGroup
	for i := range replies {
		running.Go(func() {
			replies[i], failures[i] = p.try(p.ctx, "One of four DELETEs at the same time", http.MethodDelete, s.url, "")
		})
	}
	running.Wait()
	for i, r := range replies {
		p.need("one of four DELETEs got no answer", failures[i])
		r.wants(r.success() || r.gone(), "200, 404 or 410")
	}
	for _, r := range []*reply{
		s.delete("DELETE of a session that has ended"),
		p.send("GET of a session that has ended", http.MethodGet, s.url, ""),
		s.patch("PATCH of a session that has ended", s.fragment(candidate(1)), "If-Match", s.etag),
	} {
		r.wants(r.gone(), "404 or 410")
	}
}

// cutOff ends a session by DELETE, and wants its connection to be over soon.
func cutOff(p *probe, client *peer) {
	r := client.session.delete("DELETE of a connected session")
	r.wants(r.success(), "200 OK")
	if !p.eventually(sessionEnd, client.lost) {
		p.failf("%v after the end of its session the client is still connected; %s asks the server to revoke consent at once", sessionEnd, p.check.Section)
	}
}

func hangsUp(p *probe, client *peer) {
	client.hangUp()
	if !p.eventually(sessionEnd, func() bool { return !client.session.alive() }) {
		p.failf("%v after the client closed its DTLS connection, its session's URL still answers", sessionEnd)
	}
}
