package check

import (
	"net/http"
	"slices"
	"strings"
)

// pageOrigin is the origin that the checks' pages would have.
const pageOrigin = "https://page.example"

func corsChecks() []Check {
	const fetch = "the Fetch standard (CORS protocol)"
	return []Check{
		{"W-07", Interop, fetch, "Preflight of POST is allowed, without authorization", 0, preflightEndpoint},
		{"W-08", Interop, fetch, "Preflight of PATCH and DELETE of a session is allowed, without authorization", 0, preflightSession},
		{"W-09", Interop, fetch, "Every answer may be read by pages, errors too", 0, readableAnswers},
		{"W-10", Interop, fetch, "Pages may read the headers that they need", 0, exposedHeaders},
		{"W-11", Interop, fetch, "Allow-Origin: * never goes with Allow-Credentials; a mirrored origin goes with Vary", 0, credentialRules},
		{"E-06", Interop, fetch, "Preflights and readable answers as for WHIP", 0, func(p *probe) {
			preflightEndpoint(p)
			preflightSession(p)
			readableAnswers(p)
			exposedHeaders(p)
			credentialRules(p)
		}},
	}
}

// preflight sends what a browser sends before a page's request: never a token.
func (p *probe) preflight(what, target, method, headers string) *reply {
	return p.send("A preflight of "+method+" to "+what, http.MethodOptions, target, "", "Origin", pageOrigin,
		"Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers, "Authorization", "")
}

// allows wants a preflight to let the method and the headers through.
func (r *reply) allows(method string, headers ...string) {
	r.wants(r.success(), "success")
	r.readable()
	methods, allowed := r.list("Access-Control-Allow-Methods"), r.list("Access-Control-Allow-Headers")
	// POST needs no permission of its own (CORS-safelisted methods).
	r.wants(method == http.MethodPost || slices.Contains(methods, strings.ToLower(method)) || slices.Contains(methods, "*"),
		"Access-Control-Allow-Methods with %s; it is %q", method, methods)
	for _, h := range headers {
		// The wildcard doesn't cover Authorization.
		r.wants(slices.Contains(allowed, h) || h != "authorization" && slices.Contains(allowed, "*"), "Access-Control-Allow-Headers with %s; it is %q", h, allowed)
	}
}

func (r *reply) readable() {
	origin := r.Header.Get("Access-Control-Allow-Origin")
	r.wants(origin == "*" || origin == pageOrigin, "Access-Control-Allow-Origin for pages of any origin; it is %q", origin)
}

func preflightEndpoint(p *probe) {
	p.preflight("the endpoint", p.endpoint(), http.MethodPost, "authorization,content-type").allows(http.MethodPost, "authorization", "content-type")
}

func preflightSession(p *probe) {
	s := p.start()
	p.preflight("a session", s.url, http.MethodPatch, "authorization,content-type,if-match").allows(http.MethodPatch, "authorization", "content-type", "if-match")
	p.preflight("a session", s.url, http.MethodDelete, "authorization").allows(http.MethodDelete, "authorization")
}

func readableAnswers(p *probe) {
	s := p.open("POST with an Origin", p.offer(), "Origin", pageOrigin)
	s.readable()
	for _, r := range []*reply{
		p.post("POST with something else than SDP", "hello", "Origin", pageOrigin),
		p.post("POST with text/plain", p.offer(), "Content-Type", "text/plain", "Origin", pageOrigin),
		s.patch("PATCH with something else than a fragment", "hello", "Origin", pageOrigin),
		p.send("GET of the endpoint", http.MethodGet, p.endpoint(), "", "Origin", pageOrigin),
		s.delete("DELETE of a session", "Origin", pageOrigin),
		s.delete("A second DELETE of a session", "Origin", pageOrigin),
	} {
		r.readable()
	}
}

func exposedHeaders(p *probe) {
	s := p.open("POST with an Origin", p.offer(), "Origin", pageOrigin)
	exposed := s.list("Access-Control-Expose-Headers")
	for _, h := range []string{"Location", "ETag", "Link", "Accept-Patch"} {
		if s.Header.Get(h) != "" || h == "Location" {
			s.wants(slices.Contains(exposed, strings.ToLower(h)) || slices.Contains(exposed, "*"), "Access-Control-Expose-Headers with %s; it is %q", h, exposed)
		}
	}
}

func credentialRules(p *probe) {
	for _, r := range []*reply{
		p.preflight("the endpoint", p.endpoint(), http.MethodPost, "content-type"),
		p.post("POST with something else than SDP", "hello", "Origin", pageOrigin),
	} {
		origin, credentials := r.Header.Get("Access-Control-Allow-Origin"), r.Header.Get("Access-Control-Allow-Credentials")
		r.wants(origin != "*" || credentials != "true", "either Access-Control-Allow-Origin: * or Allow-Credentials: true, not both")
		r.wants(origin != pageOrigin || slices.Contains(r.list("Vary"), "origin"), "Vary: Origin, since Access-Control-Allow-Origin repeats the request's Origin")
	}
}
