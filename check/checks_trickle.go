package check

import (
	"net/http"
	"strings"
	"sync"
)

func trickleChecks() []Check {
	const section, patch = "RFC 9725 section 4.3.2", "RFC 9725 section 4.3.1"
	return []Check{
		{"W-47", Must, section, "The answer has the server's candidates", 0, serverCandidates},
		{"W-48", Should, section, "An offer without candidates is answered, and media flows", 0, func(p *probe) { p.publish(peerOptions{bare: true}) }},
		{"W-49", May, section, "An offer with all candidates needs no PATCH", 0, func(p *probe) { p.publish(peerOptions{}) }},
		{"W-50", Should, "RFC 9725 section 4.3", "Trickle ICE and ICE restarts are supported", 0, trickleAndRestart},
		{"W-51", Must, patch, "PATCH of another type, or of none, is refused", 0, patchTypes},
		{"W-52", Must, patch, "PATCH of something malformed, or of nothing, is refused", 0, patchMalformed},
		{"W-53", Must, patch, "A PATCH that the server doesn't support: 422 for one of trickle and restart, 405 for both", 0, patchSupport},
		{"W-54", Must, patch, "The 201 has a strong ETag, another for each ICE session", 0, strongETag},
		{"W-55", Must, patch, "Trickle without If-Match: 428", 0, withoutIfMatch},
		{"W-56", Must, patch, "Trickle with an ETag that is not current: 412, and nothing changes", 0, staleETag},
		{"W-57", Must, section, "Trickle with the current ETag: 204 without body and ETag", 0, trickled},
		{"W-58", Interop, "RFC 9110 section 13.1.1", "If-Match may be a list, and * fits all; weak tags never match", 0, ifMatchForms},
		{"W-59", Interop, "RFC 9110 section 13.1.1", "If-Match: * with the current credentials is trickle, not a restart", 0, starIsTrickle},
		{"W-60", Must, section, "Candidates that the server can't use are dropped in silence", 0, uselessCandidates},
		{"W-61", Interop, "RFC 8840 section 4.4", "Fragments of every form are understood", 0, fragmentForms},
		{"W-62", Interop, "RFC 8840 section 4.4", "A fragment without credentials is of the ICE session of If-Match, or refused", 0, anonymousFragment},
		{"W-63", May, section, "Candidates may come again", 0, func(p *probe) {
			s := p.start()
			s.trickles()
			s.trickles().noContent()
		}},
		{"W-64", Must, patch, "PATCHes at the same time do no harm", 0, parallelPatches},
		{"E-31", Must, "whep-03 section 4.5.1", "PATCH of another type or of something malformed is refused; what is not supported: 422 or 405", 0, func(p *probe) {
			patchTypes(p)
			patchMalformed(p)
			patchSupport(p)
		}},
		{"E-32", Must, "whep-03 section 4.5.1", "The 201 has a strong ETag where ICE restarts are supported", 0, strongETag},
		{"E-33", Must, "whep-03 section 4.5.1", "Without If-Match: 428; with an old ETag: 412; DELETE takes any", 0, func(p *probe) {
			staleETag(p)
			deleteAnyTag(p)
			withoutIfMatch(p)
			p.as(Interop)
			ifMatchForms(p)
		}},
		{"E-34", Must, "whep-03 section 4.5.2", "All candidates in the answer; trickle: 204; what can't be used is dropped", 0, func(p *probe) {
			serverCandidates(p)
			trickled(p)
			uselessCandidates(p)
			parallelPatches(p)
			p.as(Should)
			p.play(peerOptions{bare: true})
			p.as(Interop)
			fragmentForms(p)
			starIsTrickle(p)
		}},
	}
}

func serverCandidates(p *probe) {
	s := p.start()
	_, _, candidates := iceOf(s.body)
	s.wants(len(candidates) > 0, "the server's candidates in the answer; it has none, and servers don't trickle")
	for _, c := range candidates {
		f := strings.Fields(c)
		s.wants(len(f) >= 8 && f[6] == "typ", "candidates in the form of RFC 8839 section 5.1; one is %q", c)
	}
}

func trickleAndRestart(p *probe) {
	s := p.start()
	s.patch("PATCH with a candidate", s.fragment(candidate(1)), "If-Match", s.etag).wants(!unsupported(s.trickled()), "trickle ICE")
	s.restarts()
}

// trickled is the status of an ordinary trickle PATCH.
func (s *session) trickled() int {
	return s.patch("PATCH with a candidate", s.fragment(candidate(1)), "If-Match", s.etag).StatusCode
}

func patchTypes(p *probe) {
	s := p.start()
	for _, t := range []string{"application/json", "text/plain", ""} {
		r := s.patch("PATCH with Content-Type "+t, s.fragment(candidate(1)), "Content-Type", t, "If-Match", s.etag)
		if t == "" {
			r.what = "PATCH without a Content-Type"
		}
		r.refused(http.StatusUnsupportedMediaType)
	}
}

func patchMalformed(p *probe) {
	s := p.start()
	s.patch("PATCH with something else than a fragment", "hello", "If-Match", s.etag).refused(http.StatusBadRequest)
	s.patch("PATCH with an empty body", "", "If-Match", s.etag).refused(http.StatusBadRequest)
	if !s.alive() {
		p.failf("after a malformed PATCH the session is gone; %s asks only for a refusal", p.check.Section)
	}
}

func patchSupport(p *probe) {
	s := p.start()
	trickle := s.patch("PATCH with a candidate", s.fragment(candidate(1)), "If-Match", s.etag)
	restart := s.patch("PATCH with new credentials", fragment(newCredentials(), candidate(2)), "If-Match", "*")
	switch {
	case trickle.success() && restart.success():
	case trickle.success():
		restart.wants(restart.StatusCode == http.StatusUnprocessableEntity, "422, as there is trickle ICE and no restart")
	case restart.success():
		trickle.wants(trickle.StatusCode == http.StatusUnprocessableEntity, "422, as there are restarts and no trickle ICE")
	default:
		trickle.wants(trickle.StatusCode == http.StatusMethodNotAllowed || trickle.StatusCode == http.StatusNotImplemented, "405, as there is neither trickle ICE nor restart")
	}
}

func strongETag(p *probe) {
	first := p.start()
	if first.etag == "" {
		if r := first.patch("PATCH with new credentials", fragment(newCredentials()), "If-Match", "*"); !r.success() {
			p.skipf("the server has no ICE restart (%s), and gives no ETag", r.summary())
		}
	}
	quoted := len(first.etag) > 2 && strings.HasPrefix(first.etag, `"`) && strings.HasSuffix(first.etag, `"`)
	first.wants(quoted && first.etag != `"*"`, "a strong entity-tag in quotes (RFC 9110 section 8.8.3); it is %q", first.etag)
	first.delete("DELETE")
	second := p.start()
	second.wants(first.etag != second.etag, "an ETag for each ICE session; two have %s", first.etag)
}

func withoutIfMatch(p *probe) {
	s := p.start()
	s.trickles()
	r := s.patch("PATCH with a candidate of the current ICE session and without If-Match", s.fragment(candidate(3)))
	if r.success() {
		p.failf("%s was answered %s; %s asks for 428. Some servers are lenient on purpose, as several players send no If-Match", r.what, r.summary(), p.check.Section)
	}
	r.wants(r.StatusCode == http.StatusPreconditionRequired, "428 Precondition Required")
}

func staleETag(p *probe) {
	s := p.start()
	s.trickles()
	for what, body := range map[string]string{"a candidate": s.fragment(candidate(3)), "new credentials": fragment(newCredentials(), candidate(3))} {
		r := s.patch("PATCH with "+what+" and an ETag that never was", body, "If-Match", `"nobody-had-this"`)
		r.wants(r.StatusCode == http.StatusPreconditionFailed, "412 Precondition Failed")
	}
	s.trickles().noContent()
}

// noContent wants a 204 as after trickle.
func (r *reply) noContent() {
	r.wants(r.StatusCode == http.StatusNoContent && r.body == "", "204 No Content")
	r.wants(r.Header.Get("ETag") == "", "no ETag, since the ICE session is the same; it is %s", r.Header.Get("ETag"))
}

func trickled(p *probe) { p.start().trickles().noContent() }

func ifMatchForms(p *probe) {
	s := p.start()
	s.trickles()
	s.patch("PATCH with If-Match as a list", s.fragment(candidate(4)), "If-Match", `"nobody-had-this", `+s.etag).noContent()
	s.patch("PATCH with If-Match: *", s.fragment(candidate(5)), "If-Match", "*").noContent()
	r := s.patch("PATCH with the ETag made weak", s.fragment(candidate(6)), "If-Match", "W/"+s.etag)
	r.wants(r.StatusCode == http.StatusPreconditionFailed, "412, since weak tags never match in If-Match")
}

func starIsTrickle(p *probe) {
	s := p.start()
	s.trickles()
	s.patch("PATCH with If-Match: * and the current credentials", s.fragment(candidate(7)), "If-Match", "*").noContent()
	s.trickles().noContent() // the ETag is still current
}

func uselessCandidates(p *probe) {
	s := p.start()
	s.trickles()
	s.patch("PATCH with candidates of TCP, of SCTP, of unknown names, and one that is good", s.fragment(
		"a=candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n",
		"a=candidate:2 1 sctp 1518280447 192.0.2.1 9 typ host\r\n",
		"a=candidate:3 1 udp 2122260223 00000000-1111-4222-8333-444444444444.local 50000 typ host\r\n",
		"a=candidate:4 1 udp 2122260223 nowhere.invalid 50000 typ host\r\n",
		"a=candidate:5 2 udp 2122260222 192.0.2.1 50001 typ host\r\n", candidate(8),
	), "If-Match", s.etag).noContent()
}

func fragmentForms(p *probe) {
	s := p.start()
	s.trickles()
	c, credentials := candidate(9), s.offer.credentials()
	for what, body := range map[string]string{
		"with the credentials in the m-line":          "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" + credentials + c,
		"with m=audio 9 RTP/AVP 0":                    credentials + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n" + c,
		"with a whole m-line":                         credentials + "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\n" + c,
		"without a=mid":                               credentials + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" + c,
		"with the same candidate under both mids":     credentials + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" + c + "m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\n" + c,
		"with a candidate under the second mid alone": credentials + "m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\n" + c,
		"with an end of candidates":                   s.fragment(c, "a=end-of-candidates\r\n"),
		"with nothing but an end of candidates":       credentials + "a=end-of-candidates\r\n",
		"with a group that names more than it has":    "a=group:BUNDLE 0 1\r\n" + s.fragment(c),
		"with line ends of LF":                        strings.ReplaceAll(s.fragment(c), "\r\n", "\n"),
		"with the old ice-options":                    "a=ice-options:trickle ice2\r\n" + s.fragment(c),
	} {
		r := s.patch("PATCH "+what, body, "If-Match", s.etag)
		r.wants(r.StatusCode == http.StatusNoContent, "204 No Content")
	}
}

func anonymousFragment(p *probe) {
	s := p.start()
	s.trickles()
	r := s.patch("PATCH without credentials, with the current ETag", fragment("", candidate(3)), "If-Match", s.etag)
	r.wants(r.StatusCode == http.StatusNoContent || r.StatusCode == http.StatusBadRequest, "204, or 400")
	s.patch("PATCH without credentials and without If-Match", fragment("", candidate(3))).refused(http.StatusPreconditionRequired)
}

func parallelPatches(p *probe) {
	s := p.start()
	s.trickles()
	replies, failures := make([]*reply, 12), make([]error, 12)
	var running sync.WaitGroup
	for i := range replies {
		running.Go(func() {
			replies[i], failures[i] = p.try(p.ctx, "One of many PATCHes at the same time", http.MethodPatch, s.url, s.fragment(candidate(10+i)),
				"Content-Type", mediaTypeFragment, "If-Match", s.etag)
		})
	}
	running.Wait()
	for i, r := range replies {
		p.need("one of many PATCHes got no answer", failures[i])
		r.wants(r.StatusCode == http.StatusNoContent, "204 No Content")
	}
	s.trickles().noContent()
}
