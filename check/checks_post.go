package check

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func postChecks() []Check {
	return []Check{
		{"W-14", Must, "RFC 9725 section 4.2", "POST of a valid offer: 201", 0, func(p *probe) { p.start() }},
		{"W-15", Must, "RFC 9725 section 4.2", "The 201 has the answer as application/sdp, in lines that end in CRLF", 0, answerBody},
		{"W-16", Must, "RFC 9725 section 4.2", "The 201 has the session's URL in Location, another for each session", 0, newLocation},
		{"W-17", Interop, "RFC 9110 section 10.2.2", "Location leads to the session, from wherever it is read", 0, locationResolves},
		{"W-18", Must, "RFC 9725 section 4.2", "POST of another type, or of none, is refused", 0, otherTypes},
		{"W-19", Interop, "RFC 9110 section 8.3.1", "Media types in any case and with parameters are the same types", 0, func(p *probe) {
			p.open("POST with Content-Type Application/SDP; charset=utf-8", p.offer(), "Content-Type", "Application/SDP; charset=utf-8")
		}},
		{"W-20", Must, "RFC 9725 section 4.2", "POST of malformed SDP is refused", 0, malformedOffers},
		{"W-21", Interop, "RFC 9110 section 15.5", "Empty and huge bodies are refused; chunked ones and Expect: 100-continue work", 0, bodySizes},
		{"W-22", Interop, "RFC 9110 section 15.5.5", "POST to a stream that is not to be published: 401, 403 or 404", 0, unknownPublication},
		{"W-23", Interop, "RFC 9110 section 15.5.10", "POST to a stream that somebody publishes: 409, or the new publisher takes over", 0, secondPublisher},
		{"W-82", Must, "RFC 9725 section 3", "Nothing is renegotiated: PATCH takes no SDP, and another POST is another session", 0, noRenegotiation},

		{"E-09", Must, "whep-03 section 4.3.1", "POST of a valid offer: 201 with answer and Location", 0, func(p *probe) {
			answerBody(p)
			newLocation(p)
			p.as(Interop)
			locationResolves(p)
		}},
		{"E-10", Must, "whep-03 section 4.3.4", "POST of another type, or of malformed SDP, is refused", 0, func(p *probe) {
			otherTypes(p)
			malformedOffers(p)
		}},
	}
}

func answerBody(p *probe) {
	s := p.start()
	s.wants(s.mediaType() == mediaTypeSDP, "Content-Type: application/sdp; it is %q", s.Header.Get("Content-Type"))
	s.wants(strings.HasPrefix(s.body, "v=0\r\n"), `an answer that begins with "v=0" and CRLF`)
	s.wants(strings.HasSuffix(s.body, "\r\n") && strings.Count(s.body, "\n") == strings.Count(s.body, "\r\n"), "CRLF at the end of every line (RFC 8866 section 5)")
	s.wants(len(s.body) < 8<<10, "an answer that FFmpeg has room for, below 8192 bytes; it has %d", len(s.body))
}

func newLocation(p *probe) {
	first := p.start()
	first.delete("DELETE")
	second := p.open("A second POST", p.offer())
	first.wants(first.url != first.Request.URL.String(), "a session's URL that is not the endpoint's")
	second.wants(first.url != second.url, "a URL for each session; both have %s", first.url)
}

func locationResolves(p *probe) {
	s := p.start()
	p.send("GET of the session by its Location", http.MethodGet, s.url, "").empty()
	location, err := url.Parse(s.Header.Get("Location"))
	p.need("reading the Location", err)
	s.wants(location.Host != "" || strings.HasPrefix(location.Path, "/"), "a Location that is a URL, or a path from the root (some clients join others wrongly); it is %q", location)
	s.wants(location.Host != "" || location.RawQuery == "", "a relative Location without a query (OBS loses it); it is %q", location)
}

func otherTypes(p *probe) {
	for _, t := range []string{"text/plain", "application/json", mediaTypeFragment, ""} {
		what := "POST with Content-Type " + t
		if t == "" {
			what = "POST without a Content-Type"
		}
		p.post(what, p.offer(), "Content-Type", t).refused(http.StatusUnsupportedMediaType)
	}
}

func malformedOffers(p *probe) {
	o := p.offer()
	noMedia, _, _ := strings.Cut(string(o), audioStart)
	p.post("POST with something else than SDP", "hello").refused(http.StatusBadRequest)
	p.post("POST with an offer without m-lines", offer(noMedia)).refused(http.StatusBadRequest)
	p.post("POST with an offer without a=ice-ufrag", o.without(o.line("a=ice-ufrag:"))).refused(http.StatusBadRequest)
	p.post("POST with an offer without a=ice-pwd", o.without(o.line("a=ice-pwd:"))).refused(http.StatusBadRequest)
	p.post("POST with an offer without a=fingerprint", o.without(o.line("a=fingerprint:"))).refused(http.StatusBadRequest)
	p.post("POST with an offer that is cut off", offer(string(o)[:strings.Index(string(o), "m=audio")+4])).refused(http.StatusBadRequest)
}

func bodySizes(p *probe) {
	p.post("POST with an empty body", "").refused(http.StatusBadRequest)
	huge := p.offer() + offer(strings.Repeat("a=x-padding:"+strings.Repeat("0", 100)+"\r\n", 10_000))
	r, err := p.try(p.ctx, "POST with a body of 1 MB", http.MethodPost, p.endpoint(), string(huge), "Content-Type", mediaTypeSDP)
	if err == nil { // a server may also hang up on it
		r.refused(http.StatusRequestEntityTooLarge)
	}
	p.open("POST with Expect: 100-continue", p.offer(), "Expect", "100-continue").delete("DELETE")
	p.open("POST with a chunked body", p.offer(), "Transfer-Encoding", "chunked")
}

func unknownPublication(p *probe) {
	if !strings.Contains(p.config.WHIP, streamMark) {
		p.skipf("the tester doesn't know how to name another stream: give the WHIP endpoint with %s in it", streamMark)
	}
	p.stream = "check-" + token(4) + "-nobody-knows"
	r := p.post("POST to a stream that nobody knows", p.offer())
	if r.StatusCode == http.StatusCreated {
		p.skipf("every name may be published here")
	}
	r.wants(slices.Contains([]int{401, 403, 404}, r.StatusCode), "401, 403 or 404")
}

func secondPublisher(p *probe) {
	first := p.start()
	r := p.post("POST to a stream that somebody publishes", p.offer())
	if r.StatusCode != http.StatusCreated {
		r.refused(http.StatusConflict)
		r.wants(first.alive(), "the first session to go on")
		return
	}
	ended := p.eventually(sessionEnd, func() bool { return !first.alive() })
	r.wants(ended, "one of the two: 409, or the end of the first session; %v later its URL still answers", sessionEnd)
}

func noRenegotiation(p *probe) {
	s := p.start()
	s.patch("PATCH with a new offer as application/sdp", string(p.offer()), "Content-Type", mediaTypeSDP, "If-Match", s.etag).refused(0)
	if !s.alive() {
		p.failf("after a PATCH with an offer the session is gone; RFC 9725 section 4.3.1 asks only for a refusal")
	}
}
