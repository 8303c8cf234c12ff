package check

import (
	"net/http"
	"slices"
	"strings"
)

func methodChecks() []Check {
	return []Check{
		{"W-01", Must, "RFC 9725 section 4.1", "GET of the endpoint: success without content", 0, func(p *probe) {
			p.send("GET of the endpoint", http.MethodGet, p.endpoint(), "").empty()
		}},
		{"W-02", Must, "RFC 9725 section 4.1", "GET of a session: success without content", 0, getSession},
		{"W-03", Interop, "RFC 9110 section 9.3.2", "HEAD answers as GET does", 0, headIsGet},
		{"W-04", Interop, "RFC 9110 section 15.5.6", "Other methods: 405 with Allow", 0, otherMethods},
		{"W-05", Must, "RFC 9725 section 4.2", "OPTIONS of the endpoint: success with CORS headers", 0, optionsWithCORS},
		{"W-06", Should, "RFC 9725 section 4.2", "OPTIONS of the endpoint: Accept-Post names application/sdp", 0, acceptPost},
		{"W-12", May, "RFC 9725 section 4.1", "Errors are told by problem details", 0, problemDetails},
		{"W-13", Interop, "RFC 9725 section 4.1", "What is wrong is never a success, and never the server's fault", 0, errorClasses},

		{"E-01", Must, "whep-03 section 4.1", "GET of the endpoint and of a session: success without content", 0, func(p *probe) {
			p.send("GET of the endpoint", http.MethodGet, p.endpoint(), "").empty()
			getSession(p)
		}},
		{"E-02", Should, "whep-03 section 4.2", "HEAD of the endpoint: 200", 0, func(p *probe) {
			r := p.send("HEAD of the endpoint", http.MethodHead, p.endpoint(), "")
			r.wants(r.StatusCode == http.StatusOK, "200 OK")
		}},
		{"E-03", Should, "whep-03 section 4.2", "HEAD of the endpoint tells its type, application/sdp", 0, func(p *probe) {
			r := p.send("HEAD of the endpoint", http.MethodHead, p.endpoint(), "")
			r.wants(r.mediaType() == mediaTypeSDP, "Content-Type: application/sdp; it is %q", r.Header.Get("Content-Type"))
		}},
		{"E-04", Must, "whep-03 section 4.2", "GET and HEAD of the endpoint have the same headers", 0, func(p *probe) { headLikeGet(p, "the endpoint", p.endpoint()) }},
		{"E-05", Must, "whep-03 section 4.4", "OPTIONS of the endpoint: success with CORS headers, and Accept-Post", 0, func(p *probe) {
			optionsWithCORS(p)
			acceptPost(p)
		}},
		{"E-07", Interop, "RFC 9110 section 15.5.6", "Other methods: 405 with Allow", 0, otherMethods},
		{"E-08", May, "whep-03 section 4.1", "Errors are told by problem details", 0, problemDetails},
	}
}

// empty wants a success without content.
func (r *reply) empty() {
	r.wants(r.success() && r.body == "", "success without content; %d bytes came", len(r.body))
}

func getSession(p *probe) {
	s := p.start()
	p.send("GET of a live session", http.MethodGet, s.url, "").empty()
}

func headIsGet(p *probe) {
	headLikeGet(p, "the endpoint", p.endpoint())
	headLikeGet(p, "a session", p.start().url)
}

func headLikeGet(p *probe, what, target string) {
	get := p.send("GET of "+what, http.MethodGet, target, "")
	head := p.send("HEAD of "+what, http.MethodHead, target, "")
	head.wants(head.StatusCode == get.StatusCode, "what GET gets: %d", get.StatusCode)
	for _, key := range []string{"Content-Type", "ETag", "Link", "Accept-Post", "Accept-Patch"} {
		head.wants(head.Header.Get(key) == get.Header.Get(key), "the headers of GET: %s is %q there and %q here", key, get.Header.Get(key), head.Header.Get(key))
	}
}

func otherMethods(p *probe) {
	s := p.start()
	for _, c := range [][2]string{{"PUT", p.endpoint()}, {"DELETE", p.endpoint()}, {"PATCH", p.endpoint()}, {"POST", s.url}, {"PUT", s.url}} {
		what := c[0] + " of the endpoint"
		if c[1] == s.url {
			what = c[0] + " of a session"
		}
		r := p.send(what, c[0], c[1], "")
		r.wants(r.StatusCode == http.StatusMethodNotAllowed, "405")
		r.wants(len(r.list("Allow")) > 0 && !slices.Contains(r.list("Allow"), strings.ToLower(c[0])), "an Allow header with the methods that there are; it is %q", r.Header.Get("Allow"))
	}
}

// optionsWithCORS sends what a page's preflight does.
func optionsWithCORS(p *probe) {
	r := p.preflight("the endpoint", p.endpoint(), http.MethodPost, "content-type")
	r.wants(r.success(), "200 OK")
	r.wants(r.Header.Get("Access-Control-Allow-Origin") != "", "CORS headers, and Access-Control-Allow-Origin is missing")
}

func acceptPost(p *probe) {
	r := p.send("OPTIONS of the endpoint", http.MethodOptions, p.endpoint(), "")
	r.wants(r.success(), "success")
	r.wants(slices.Contains(r.list("Accept-Post"), mediaTypeSDP), "Accept-Post: application/sdp; it is %q", r.Header.Get("Accept-Post"))
}

func problemDetails(p *probe) {
	r := p.post("POST with something else than SDP", "hello")
	r.refused(http.StatusBadRequest)
	if r.mediaType() != "application/problem+json" {
		p.skipf("errors have a body of type %q", r.mediaType())
	}
	d := r.problem()
	r.wants(d.Title != "" || d.Detail != "", "a problem document with a title or a detail (RFC 9457 section 3.1)")
	r.wants(d.Status == 0 || d.Status == r.StatusCode, "a problem document with the response's own status; it says %d", d.Status)
}

func errorClasses(p *probe) {
	s := p.start()
	for _, r := range []*reply{
		p.post("POST with something else than SDP", "hello"),
		p.post("POST with text/plain", p.offer(), "Content-Type", "text/plain"),
		s.patch("PATCH with something else than a fragment", "hello", "If-Match", s.etag),
		s.patch("PATCH with an unknown ETag", s.fragment(candidate(1)), "If-Match", `"nobody-had-this"`),
		p.send("DELETE of a session that never was", http.MethodDelete, s.url+"0", ""),
	} {
		r.wants(r.client(), "an error of the client (4xx)")
	}
}
