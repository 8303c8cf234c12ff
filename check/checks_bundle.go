package check

import (
	"net/http"
	"slices"
	"strings"
)

func bundleChecks() []Check {
	return []Check{
		{"W-28", Must, "RFC 9725 section 4.4.1", "The answer bundles all that it takes", 0, bundledAnswer},
		{"W-29", Must, "RFC 9725 section 4.4.1", "A bundle-only m-line, whose port is 0, is not a rejected one", 0, bundleOnly},
		{"W-30", Must, "RFC 9725 section 4.4.1", "The answer's m-lines have a=rtcp-mux and a=rtcp-mux-only", 0, muxLines},
		{"W-31", Interop, "RFC 8858 section 4.2", "An offer without a=rtcp-mux-only is taken, one without a=rtcp-mux refused", 0, muxOffers},
		{"W-32", Interop, "RFC 9143 section 7", "Without BUNDLE, one m-line is taken; of several, all or none", 0, noBundle},
		{"W-33", Interop, "RFC 9143 section 7", "BUNDLE may name a mid that isn't there (as FFmpeg's does)", 0, bundleNamesNobody},
		{"W-34", Interop, "RFC 9143 section 7.1.3", "Transport lines may stand in the first bundled m-line alone, or for the whole session", 0, sparseTransport},
		{"E-20", Must, "whep-03 section 4.6.1", "BUNDLE and multiplexed RTCP as for WHIP", 0, func(p *probe) {
			bundledAnswer(p)
			bundleOnly(p)
			muxLines(p)
			p.as(Interop)
			muxOffers(p)
			noBundle(p)
			bundleNamesNobody(p)
			sparseTransport(p)
		}},
	}
}

func bundledAnswer(p *probe) {
	s := p.start()
	var taken []string
	for _, m := range s.answer.sections() {
		if mid, _ := m.Attribute("mid"); m.MediaName.Port.Value != 0 || has(m, "bundle-only") {
			taken = append(taken, mid)
		}
	}
	groups := s.answer.bundled()
	s.wants(len(groups) == 1 && slices.Equal(groups[0], taken), "one BUNDLE group with the mids %v; there are %v", taken, groups)
	var transports []string
	for _, m := range s.answer.sections() {
		if ufrag := s.answer.attribute(m, "ice-ufrag"); ufrag != "" && !slices.Contains(transports, ufrag) {
			transports = append(transports, ufrag)
		}
	}
	s.wants(len(transports) == 1, "one transport for all; there are %d user name fragments", len(transports))
	s.delete("DELETE")
}

func bundleOnly(p *probe) {
	o := p.offer()
	s := p.open("POST with a bundle-only m-line", o.swap("m=video 9 ", "m=video 0 ").swap("a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n"))
	s.wants(!slices.Contains(s.answer.rejected(), "video"), "the bundle-only m-line to be taken; it was answered with port 0")
	s.delete("DELETE")
}

func muxLines(p *probe) {
	s := p.start()
	for _, m := range s.answer.sections() {
		if isMedia(m) {
			s.wants(has(m, "rtcp-mux"), "a=rtcp-mux in m=%s", m.MediaName.Media)
			s.wants(has(m, "rtcp-mux-only"), "a=rtcp-mux-only in m=%s", m.MediaName.Media)
		}
	}
	s.delete("DELETE")
}

func muxOffers(p *probe) {
	p.open("POST without a=rtcp-mux-only", p.offer().without(rtcpMuxOnly)).delete("DELETE")
	p.post("POST without a=rtcp-mux", p.offer().without(rtcpMuxOnly).without(rtcpMux)).refused(http.StatusUnprocessableEntity)
}

func noBundle(p *probe) {
	one := p.offer().only("audio").without("a=group:BUNDLE 0\r\n")
	s := p.open("POST with one m-line and without BUNDLE", one)
	s.wants(len(s.answer.rejected()) == 0, "the m-line to be taken; it was answered with port 0")
	s.delete("DELETE")
	r := p.post("POST with two m-lines and without BUNDLE", p.offer().without(bundleLine))
	if r.StatusCode == http.StatusCreated {
		s := r.opened("")
		s.wants(len(s.answer.rejected()) == 0, "both m-lines to be taken, or a refusal; rejected are %s", s.answer.rejected())
		s.delete("DELETE")
		return
	}
	r.refused(http.StatusUnprocessableEntity)
}

func bundleNamesNobody(p *probe) {
	s := p.open("POST with a=group:BUNDLE 0 1, but only mid 1", p.offer().only("video").swap("a=group:BUNDLE 1\r\n", bundleLine))
	s.wants(len(s.answer.rejected()) == 0, "the m-line to be taken; it was answered with port 0")
	s.delete("DELETE")
}

func sparseTransport(p *probe) {
	o := p.offer()
	lines := o.credentials() + o.line("a=ice-options:") + o.line("a=fingerprint:")
	session := o.without(lines).swap("t=0 0\r\n", "t=0 0\r\n"+lines)
	first := offer(strings.Replace(string(o.without(lines)), setupActpass, lines+setupActpass, 1))
	for what, o := range map[string]offer{"for the whole session": session, "in the first m-line only": first} {
		p.open("POST with the transport's lines "+what, o).delete("DELETE")
	}
}
