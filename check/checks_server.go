package check

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func redirectChecks() []Check {
	const section, draft = "RFC 9725 section 4.5", "whep-03 section 4.7"
	return []Check{
		{"W-83", Must, section, "POST is never redirected by 301, 302 or 303", 0, noOldRedirect},
		{"W-84", Should, section, "POST is redirected by 307, to another endpoint", 0, goodRedirect},
		{"W-85", Interop, "RFC 9110 section 10.2.2", "After a redirect the session's URL is absolute", 0, absoluteAfterRedirect},
		{"W-86", May, section, "A session's URL needs no redirects", 0, sessionStays},
		{"E-39", Must, draft, "POST is redirected by 307 or 308 only; sessions are not", 0, func(p *probe) {
			noOldRedirect(p)
			sessionStays(p)
		}},
	}
}

func serverChecks() []Check {
	const links, security = "RFC 9725 section 4.6", "RFC 9725 section 5"
	return []Check{
		{"W-74", Should, "RFC 9725 section 4.4.5", "A server with ICE-lite says so for the whole session", 0, iceLite},
		{"W-88", May, links, "The 201 names STUN and TURN servers, each in a Link of its own", 0, func(p *probe) { p.start().iceServers() }},
		{"W-89", May, links, "A TURN server's Link has user name and credential", 0, turnLinks},
		{"W-90", May, links, "OPTIONS names the same servers", 0, optionsLinks},
		{"W-91", Should, links, "A preflight names no servers", 0, preflightLinks},
		{"W-92", Interop, "RFC 8288", "OPTIONS has no other Links than ice-server (one page's script stops at them)", 0, foreignLinks},
		{"W-100", Must, "RFC 9725 section 4.9", "Each extension has a Link of its own in the 201", 0, func(p *probe) { extensionLinks(p, "urn:ietf:params:whip:ext:") }},
		{"W-101", Must, "RFC 9725 section 4.9", "A client that knows no extension is served", 0, func(p *probe) { p.publish(peerOptions{}) }},
		{"W-103", Should, security, "The session's URL can't be guessed: 128 random bits", 0, unguessable},
		{"W-104", Must, security, "HTTPS is offered", 0, encrypted},
		{"E-41", May, "whep-03 section 4.8", "The 201 names STUN and TURN servers as WHIP's does", 0, func(p *probe) {
			p.start().iceServers()
			turnLinks(p)
			preflightLinks(p)
		}},
		{"E-43", Must, "whep-03 section 4.10", "Each extension has a Link of its own in the 201, and none is required", 0, func(p *probe) {
			p.play(peerOptions{})
			extensionLinks(p, "urn:ietf:params:whep:ext:")
		}},
		{"E-44", Must, "whep-03 section 5", "The session's URL can't be guessed, and HTTPS is offered", 0, func(p *probe) {
			unguessable(p)
			if !p.loopback {
				encrypted(p)
			}
		}},
		{"E-50", May, "whep-03 section 4.6.3", "A server with ICE-lite says so for the whole session", 0, iceLite},
	}
}

// postOnce posts without following redirects.
func (p *probe) postOnce() *reply {
	response, err := p.once(p.ctx, http.MethodPost, p.endpoint(), string(p.offer()), []string{"Content-Type", mediaTypeSDP})
	p.need("POST got no answer", err)
	_ = response.Body.Close()
	r := &reply{Response: response, probe: p, what: "POST with an ordinary offer"}
	r.wants(response.StatusCode == http.StatusCreated || response.StatusCode/100 == 3, "201, or a redirect")
	return r
}

func noOldRedirect(p *probe) {
	r := p.postOnce()
	r.wants(!slices.Contains([]int{301, 302, 303}, r.StatusCode), "307, as clients turn the others' POST into GET")
}

func goodRedirect(p *probe) {
	r := p.postOnce()
	if r.StatusCode/100 != 3 {
		p.skipf("the server doesn't redirect")
	}
	r.wants(r.StatusCode == http.StatusTemporaryRedirect, "307 Temporary Redirect")
	target, err := r.Location()
	p.need("a redirect without a Location that can be read", err)
	from, _ := url.Parse(p.endpoint())
	r.wants(target.RawQuery != "" || from.RawQuery == "", "the query %q to be kept", from.RawQuery)
	p.start()
}

func absoluteAfterRedirect(p *probe) {
	s := p.start()
	if s.redirects == 0 {
		p.skipf("the server doesn't redirect")
	}
	location := s.Header.Get("Location")
	s.wants(strings.HasPrefix(location, "http://") || strings.HasPrefix(location, "https://"), "an absolute Location (GStreamer joins it with the first URL); it is %q", location)
}

func sessionStays(p *probe) {
	s := p.start()
	s.patch("PATCH of a session", s.fragment(candidate(1)), "If-Match", s.etag).stays()
	s.delete("DELETE of a session").stays()
}

func (r *reply) stays() { r.wants(r.StatusCode/100 != 3, "no redirect") }

func iceLite(p *probe) {
	s := p.start()
	for _, m := range s.answer.sections() {
		s.wants(!has(m, "ice-lite"), "a=ice-lite before the first m-line (RFC 8839 section 5.3); it is in m=%s", m.MediaName.Media)
	}
	if _, lite := s.answer.Attribute("ice-lite"); !lite && p.check.ID == "E-50" {
		p.skipf("the server has full ICE")
	}
}

// link is a Link header taken apart (RFC 8288 section 3).
type link struct {
	text, target, rel, username, credential, events string
}

// links gives all Links, also of one line.
func (r *reply) links() (all []link) {
	one := regexp.MustCompile(`<([^>]*)>((?:\s*;\s*[a-zA-Z*-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^",;\s]+))*)`)
	parameter := regexp.MustCompile(`;\s*([a-zA-Z*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",;\s]+))`)
	escaped := regexp.MustCompile(`\\(.)`)
	for _, m := range one.FindAllStringSubmatch(strings.Join(r.Header.Values("Link"), ", "), -1) {
		l := link{text: m[0], target: m[1]}
		for _, v := range parameter.FindAllStringSubmatch(m[2], -1) {
			value := escaped.ReplaceAllString(v[2], "$1") + v[3]
			switch strings.ToLower(v[1]) {
			case "rel":
				l.rel = value
			case "username":
				l.username = value
			case "credential":
				l.credential = value
			case "events":
				l.events = value
			}
		}
		all = append(all, l)
	}
	return all
}

// iceServers gives the Links to STUN and TURN servers; the check is skipped if there are none.
func (r *reply) iceServers() (servers []link) {
	uri := regexp.MustCompile(`^(stun|turn)s?:(\[[0-9a-fA-F:.]+\]|[^:?/@\[\]]+)(:\d{1,5})?(\?transport=\w+)?$`)
	for _, l := range r.links() {
		if l.rel == "ice-server" {
			r.wants(uri.MatchString(l.target), "URIs of RFC 7064 and RFC 7065 in Links of ice-server; one is %q", l.target)
			servers = append(servers, l)
		}
	}
	if len(servers) == 0 {
		r.probe.skipf("the server names no STUN or TURN server")
	}
	r.wants(len(r.Header.Values("Link")) >= len(servers), "a Link header for each server; %d come in %d (OBS reads only the first of a line)", len(servers), len(r.Header.Values("Link")))
	return servers
}

func turnLinks(p *probe) {
	s := p.start()
	turn := false
	for _, l := range s.iceServers() {
		if strings.HasPrefix(l.target, "turn") {
			turn = true
			s.wants(l.username != "" && l.credential != "", "username and credential with %s", l.target)
		}
	}
	if !turn {
		p.skipf("the server names no TURN server")
	}
}

func optionsLinks(p *probe) {
	count := len(p.start().iceServers())
	r := p.send("OPTIONS of the endpoint", http.MethodOptions, p.endpoint(), "")
	got := len(r.iceServers())
	r.wants(got == count, "the %d servers of the 201; it names %d", count, got)
	if p.config.Token != "" {
		r = p.send("OPTIONS without a token", http.MethodOptions, p.endpoint(), "", "Authorization", "")
		secret := slices.ContainsFunc(r.links(), func(l link) bool { return l.credential != "" })
		r.wants(!secret || p.post("POST without a token", p.offer(), "Authorization", "").success(), "no credentials for clients without a token")
	}
}

func preflightLinks(p *probe) {
	r := p.preflight("the endpoint", p.endpoint(), http.MethodPost, "content-type")
	r.wants(!slices.ContainsFunc(r.links(), func(l link) bool { return l.rel == "ice-server" }), "no ice-server Links in a preflight")
}

func foreignLinks(p *probe) {
	r := p.send("OPTIONS of the endpoint", http.MethodOptions, p.endpoint(), "")
	for _, l := range r.links() {
		r.wants(l.rel == "ice-server", "no other Links than ice-server; one is %s", l.text)
	}
}

func extensionLinks(p *probe, urn string) {
	s := p.start()
	extensions := 0
	for _, l := range s.links() {
		if l.rel == "ice-server" {
			continue
		}
		extensions++
		s.wants(l.target != "", "a URL for the extension %s", l.rel)
		s.wants(!strings.Contains(l.rel, " "), "a Link for each extension; one has %q", l.rel)
		s.wants(!strings.HasPrefix(l.rel, "urn:ietf:params:whip:ext:") && !strings.HasPrefix(l.rel, "urn:ietf:params:whep:ext:") || strings.HasPrefix(l.rel, urn),
			"extensions of this protocol; one is %s", l.rel)
	}
	if extensions == 0 {
		p.skipf("the server names no extension")
	}
}

// unguessable opens some sessions and looks at what their URLs don't share.
func unguessable(p *probe) {
	id := regexp.MustCompile(`[0-9A-Za-z_-]{22,}`)
	var urls []string
	for range 8 {
		s := p.start()
		s.wants(id.MatchString(s.url), "a URL with 128 random bits, which take 22 characters or more; it is %s", s.url)
		s.delete("DELETE")
		urls = append(urls, s.url)
	}
	shared := urls[0]
	for _, u := range urls[1:] {
		for !strings.HasPrefix(u, shared) {
			shared = shared[:len(shared)-1]
		}
	}
	if rest := len(urls[0]) - len(shared); rest < 20 {
		p.failf("8 sessions' URLs differ only in their last %d characters; %s asks for URLs that can't be guessed", rest, p.check.Section)
	}
}

func encrypted(p *probe) {
	switch {
	case strings.HasPrefix(p.endpoint(), "https://"):
		p.send("GET by HTTPS", http.MethodGet, p.endpoint(), "")
	case p.loopback:
		p.skipf("the server is on this machine, where plain HTTP is as good")
	default:
		p.failf("the endpoint is asked by plain HTTP over a network; %s asks for HTTPS", p.check.Section)
	}
}
