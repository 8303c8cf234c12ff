package check

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

func authChecks() []Check {
	const section = "RFC 9725 section 4.7"
	return []Check{
		{"W-93", Must, section, "Without a token: 401 with WWW-Authenticate: Bearer; with a wrong one: 401 or 403", Token, refusesStrangers},
		{"W-94", Must, section, "The bearer token works for POST, PATCH and DELETE, its scheme in any case", Token, bearerWorks},
		{"W-95", May, "RFC 9725 section 4.7.1", "The token may stand in the URL, for clients that have no field for it", Token, tokenInURL},
		{"W-96", Interop, section, "A session's URL: a wrong token is refused; without one it works, or asks for it", Token, sessionTokens},
		{"W-97", Interop, section, "An open server doesn't mind a token that means nothing", 0, meaninglessTokens},
		{"W-105", Interop, "RFC 9725 section 5", "The token is checked before the offer is read", Token, tokenFirst},
		{"E-42", Must, "whep-03 section 4.9", "Bearer tokens as for WHIP; an open server doesn't mind any", 0, func(p *probe) {
			p.as(Interop)
			if p.post("POST without a token", p.offer(), "Authorization", "").success() {
				meaninglessTokens(p)
				return
			}
			if p.config.Token == "" {
				p.skipf("it needs a token that the server asks for (--token)")
			}
			p.as(Must)
			refusesStrangers(p)
			bearerWorks(p)
			p.as(Interop)
			sessionTokens(p)
		}},
	}
}

// closedOnly skips the check on a server that asks for no token.
func (p *probe) closedOnly(r *reply) {
	if r.success() {
		p.skipf("the server asks for no token")
	}
}

func refusesStrangers(p *probe) {
	r := p.post("POST without a token", p.offer(), "Authorization", "")
	p.closedOnly(r)
	r.wants(r.StatusCode == http.StatusUnauthorized, "401 Unauthorized")
	r.challenges()
	r = p.post("POST with a wrong token", p.offer(), "Authorization", "Bearer "+token(8))
	r.wants(r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden, "401 or 403")
	if r.StatusCode == http.StatusUnauthorized {
		r.challenges()
	}
}

func (r *reply) challenges() {
	bearer := regexp.MustCompile(`(?i)(^|,\s*)bearer(\s|,|$)`)
	r.wants(bearer.MatchString(strings.Join(r.Header.Values("WWW-Authenticate"), ", ")), "WWW-Authenticate: Bearer; it is %q", r.Header.Get("WWW-Authenticate"))
}

func bearerWorks(p *probe) {
	s := p.open("POST with the scheme in lower case", p.offer(), "Authorization", "bearer "+p.config.Token)
	s.patch("PATCH with the token", s.fragment(candidate(1)), "If-Match", s.etag).notForbidden()
	r := s.delete("DELETE with the token")
	r.wants(r.success(), "200 OK")
}

func (r *reply) notForbidden() {
	r.wants(r.StatusCode != http.StatusUnauthorized && r.StatusCode != http.StatusForbidden, "the token to be good for it")
}

func tokenInURL(p *probe) {
	p.closedOnly(p.post("POST without a token", p.offer(), "Authorization", ""))
	mark := "?"
	if strings.Contains(p.endpoint(), "?") {
		mark = "&"
	}
	for _, name := range []string{"access_token", "token", "key"} { // the first is of RFC 6750 section 2.3
		target := p.endpoint() + mark + name + "="
		with := func(token string) *reply {
			return p.send("POST with a token as "+name+" in the URL", http.MethodPost, target+url.QueryEscape(token), string(p.offer()),
				"Content-Type", mediaTypeSDP, "Authorization", "")
		}
		if with(p.config.Token).success() {
			r := with(token(8))
			r.wants(r.client(), "a refusal, as of any wrong token")
			return
		}
	}
	p.skipf("the token is not taken from the query, neither as access_token nor as token or key")
}

func sessionTokens(p *probe) {
	p.closedOnly(p.post("POST without a token", p.offer(), "Authorization", ""))
	s := p.start()
	wrong := "Bearer " + token(8)
	for _, r := range []*reply{
		s.patch("PATCH with a wrong token", s.fragment(candidate(1)), "If-Match", s.etag, "Authorization", wrong),
		s.delete("DELETE with a wrong token", "Authorization", wrong),
	} {
		r.wants(r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden, "401 or 403")
	}
	if !s.alive() {
		p.failf("a DELETE with a wrong token was refused, and ended the session")
	}
	r := s.delete("DELETE without a token", "Authorization", "")
	r.wants(r.success() || r.StatusCode == http.StatusUnauthorized, "200 where the URL is secret enough, or 401")
}

func meaninglessTokens(p *probe) {
	p.stream += "-open" // a name that no token of the user is for
	if p.config.Stream != "" {
		p.stream = p.config.Stream
	}
	r := p.post("POST without a token", p.offer(), "Authorization", "")
	if !r.success() {
		p.skipf("the server is not open: it answers a POST without a token with %s", r.summary())
	}
	r.opened("").delete("DELETE", "Authorization", "")
	for _, token := range []string{"Bearer undefined", "Bearer " + token(8)} {
		s := p.open("POST with Authorization: "+token, p.offer(), "Authorization", token)
		s.patch("PATCH with Authorization: "+token, s.fragment(candidate(1)), "If-Match", s.etag, "Authorization", token).notForbidden()
		s.delete("DELETE with Authorization: "+token, "Authorization", token)
	}
}

func tokenFirst(p *probe) {
	p.closedOnly(p.post("POST without a token", p.offer(), "Authorization", ""))
	r := p.post("POST without a token and with something else than SDP", "hello", "Authorization", "")
	r.wants(r.StatusCode == http.StatusUnauthorized, "401, before the server reads on")
}
