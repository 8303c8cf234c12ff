package check

import (
	"net/http"
	"strings"
	"time"
)

const restartSection = "RFC 9725 section 4.3.3"

func restartChecks() []Check {
	return []Check{
		{"W-65", Must, restartSection, "A restart (If-Match: *, new credentials): 200 with the server's new credentials and candidates", 0, restartAnswer},
		{"W-66", Must, restartSection, "The 200 has a new ETag, and the old one is 412 from then on", 0, restartETag},
		{"W-67", Interop, restartSection, "New credentials with the current ETag restart or are refused; without If-Match: 428; with an old ETag: 412", 0, restartPreconditions},
		{"W-68", Must, restartSection, "The candidates of a restart replace the old ones", 0, restartReplaces},
		{"W-69", Must, restartSection, "The 200 repeats the answer's ice-options, ice-pacing and ice-lite", 0, restartOptions},
		{"W-70", Must, restartSection, "Media goes on through a restart, in the same RTP streams", Pair, publisherRestarts},
		{"W-71", Must, restartSection, "A restart that can't be done leaves the session as it was", 0, restartRefused},
		{"W-72", Must, restartSection, "A restart that finds no way ends the session when consent expires", Slow, restartNowhere},
		{"E-35", Must, "whep-03 section 4.5.3", "ICE restart as for WHIP, with media that goes on", 0, func(p *probe) {
			restartAnswer(p)
			restartETag(p)
			restartOptions(p)
			restartRefused(p)
			viewer := p.play(peerOptions{})
			viewer.restart(p)
			viewer.more(p, "after the viewer's ICE restart")
			p.as(Interop)
			restartPreconditions(p)
		}},
	}
}

func restartAnswer(p *probe) {
	s := p.start()
	before, beforePwd, _ := iceOf(s.body)
	r := s.restarts()
	r.wants(r.mediaType() == mediaTypeFragment, "Content-Type: %s; it is %q", mediaTypeFragment, r.Header.Get("Content-Type"))
	ufrag, pwd, candidates := iceOf(r.body)
	r.wants(ufrag != "" && ufrag != before && pwd != "" && pwd != beforePwd, "a new a=ice-ufrag and a new a=ice-pwd; they are %q and %q", ufrag, pwd)
	r.wants(len(candidates) > 0, "the server's candidates")
	r.wants(strings.HasSuffix(r.body, "\r\n") && strings.Count(r.body, "\n") == strings.Count(r.body, "\r\n"), "CRLF at the end of every line")
	s.delete("DELETE")
}

func restartETag(p *probe) {
	s := p.start()
	r := s.restarts()
	now := r.Header.Get("ETag")
	r.wants(now != "" && now != s.etag && !strings.HasPrefix(now, "W/"), "a new strong ETag; it was %s and is %s", s.etag, now)
	old := s.patch("PATCH with the ETag from before the restart", s.fragment(candidate(3)), "If-Match", s.etag)
	old.wants(old.StatusCode == http.StatusPreconditionFailed, "412 Precondition Failed")
	s.delete("DELETE")
}

func restartPreconditions(p *probe) {
	s := p.start()
	s.restarts()
	r := s.patch("PATCH with new credentials and without If-Match", fragment(newCredentials(), candidate(3)))
	r.wants(r.StatusCode == http.StatusPreconditionRequired, "428 Precondition Required")
	r = s.patch("PATCH with new credentials and an old ETag", fragment(newCredentials(), candidate(3)), "If-Match", s.etag)
	r.wants(r.StatusCode == http.StatusPreconditionFailed, "412 Precondition Failed")
	s.delete("DELETE")
	s = p.start()
	r = s.patch("PATCH with new credentials and the current ETag", fragment(newCredentials(), candidate(3)), "If-Match", s.etag)
	r.wants(r.StatusCode == http.StatusOK || r.client(), "a restart, or a refusal")
	s.delete("DELETE")
}

// restartReplaces restarts with a candidate that leads nowhere and again with one that leads to the client.
func restartReplaces(p *probe) {
	publisher := p.publish(peerOptions{})
	publisher.session.restarts()
	publisher.restart(p)
	if !p.eventually(mediaTimeout, func() bool { return !publisher.lost() && publisher.connected() }) {
		p.failf("after a restart with a candidate that leads nowhere, and another with the client's own, the client is not connected within %v", mediaTimeout)
	}
}

func restartOptions(p *probe) {
	s := p.start()
	r := s.restarts()
	for _, key := range []string{"ice-options", "ice-pacing", "ice-lite"} {
		before, after := iceLine(s.body, key), iceLine(r.body, key)
		r.wants(before == after, "the answer's a=%s again; it was %q and is %q", key, before, after)
	}
	s.delete("DELETE")
}

// iceLine is the first line of that name in a description or a fragment.
func iceLine(text, key string) string {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "a="+key || strings.HasPrefix(line, "a="+key+":") {
			return line
		}
	}
	return ""
}

func restartRefused(p *probe) {
	s := p.start()
	s.trickles()
	s.patch("PATCH with a new a=ice-ufrag and a too short a=ice-pwd", fragment("a=ice-ufrag:"+token(4)+"\r\na=ice-pwd:short\r\n", candidate(3)), "If-Match", "*").refused(http.StatusBadRequest)
	s.trickles().noContent() // with the ETag from before
	s.delete("DELETE")
}

func restartNowhere(p *probe) {
	publisher := p.publish(peerOptions{line: true})
	publisher.session.restarts()
	publisher.line.cut.Store(true)
	p.freed(publisher.session, "a restart that the client didn't follow")
}

// freed wants the session's URL to be gone before consent can be older than is allowed (RFC 7675 section 5.1: 30 s).
func (p *probe) freed(s *session, after string) {
	const limit = 45 * time.Second
	if !p.eventually(limit, func() bool { return !s.alive() }) {
		p.failf("%v after %s the session's URL still answers; %s asks for its end within about 30 s", limit, after, p.check.Section)
	}
}

// publisherRestarts watches what a publisher sends while it restarts ICE.
func publisherRestarts(p *probe) {
	publisher := p.publish(peerOptions{})
	viewer := p.play(peerOptions{})
	before := viewer.stats("video")
	publisher.restart(p)
	viewer.more(p, "after the publisher's ICE restart")
	if after := viewer.stats("video"); after.ssrc != before.ssrc {
		p.failf("after the publisher's ICE restart, the viewer's video has another SSRC: %d, and %d before", after.ssrc, before.ssrc)
	}
	if publisher.lost() {
		p.failf("after an ICE restart the publisher has lost its connection")
	}
}
