package check

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// keptAlive is how long an event stream may be silent, with some time for the way: proxies cut what is silent for longer.
const keptAlive = 17 * time.Second

// eventChecks are of the event streams themselves: how they are made, read and ended.
func eventChecks() []Check {
	const section, html = "WHEP core extensions section 4", "the HTML standard (server-sent events)"
	return []Check{
		{"V-01", Must, section, "A server with events says so by a Link of the 201", 0, func(p *probe) { advertised(p, relEvents) }},
		{"V-02", May, section, "That Link lists the events that it has", 0, eventsListed},
		{"V-03", Interop, "the Fetch standard (CORS protocol)", "The Link is a URL that pages may read and use", 0, linkForPages},
		{"V-04", Interop, section, "POST of a list of events to it opens an event stream: 201 with Location", 0, listOpens},
		{"V-05", May, section, "POST without a body opens one with all events", 0, nothingOpens},
		{"V-06", Must, section, "An event that is not offered is refused, and opens no stream", 0, unknownEvent},
		{"V-07", Interop, section, "What is no list of names, or of another type, is refused; names may come twice", 0, noList},
		{"V-08", Interop, html, "GET of the stream gives text/event-stream, flushed at once; with --slow: and kept alive", 0, streamed},
		{"V-09", Interop, html, "The stream needs no Authorization, which browsers can't send there", 0, unauthorized},
		{"V-12", Must, section, "An event has exactly one data: line", 0, oneLine},
		{"V-13", Interop, section, "Every event has a name, one of those in the Link", 0, named},
		{"V-14", May, section, "DELETE ends an event stream", 0, func(p *probe) { eventsDeleted(p) }},
		{"V-15", Must, section, "After that its GET is 404", 0, func(p *probe) {
			r := p.get("GET of a deleted event stream", eventsDeleted(p))
			r.wants(r.StatusCode == http.StatusNotFound, "404 Not Found")
		}},
		{"V-16", Must, section, "The end of the session ends its event streams", 0, sessionEndsEvents},
		{"V-17", Interop, html, "A GET that comes again goes on; of two at the same time one is refused, or the older one ends", 0, readAgain},
		{"V-18", Interop, section, "The event streams of a session are bounded", Load, boundedStreams},
	}
}

// advertised wants the extension's Link in the 201, if it is anywhere.
func advertised(p *probe, rel string) {
	s := p.start()
	l := s.link(rel)
	if l != nil {
		s.wants(l.target != "", "a URL in the Link of %s", rel)
		return
	}
	text := strings.Join(s.Header.Values("Link"), ", ")
	s.wants(!strings.Contains(text, rel), "a Link that can be read (RFC 8288 section 3); it is %s", text)
	word := rel[strings.LastIndex(rel, ":")+1:]
	for _, l := range s.links() {
		s.wants(!strings.HasPrefix(l.rel, "urn:ietf:params:wh") || !strings.HasSuffix(l.rel, word), "rel=%q; it is %q", rel, l.rel)
	}
	r := p.send("OPTIONS of the endpoint", http.MethodOptions, p.endpoint(), "")
	r.wants(r.link(rel) == nil, "the Link of %s in the 201, where it is not", rel)
	s.extension(rel)
}

func eventsListed(p *probe) {
	x := p.startEvents()
	text := strings.Join(x.Header.Values("Link"), ", ")
	x.wants(len(x.events) > 0 || !strings.Contains(text, "events="), "a list of names in events, after a semicolon (RFC 8288 section 3); the Link is %s", text)
	if len(x.events) == 0 {
		p.skipf("the Link doesn't say which events there are")
	}
	for i, name := range x.events {
		x.wants(regexp.MustCompile(`^[\w.-]+$`).MatchString(name), "names of events; one is %q", name)
		x.wants(!slices.Contains(x.events[:i], name), "each event once; %s is there twice", name)
	}
}

func linkForPages(p *probe) {
	s := p.open("POST with an Origin", p.offer(), "Origin", pageOrigin)
	x := s.extension(relEvents)
	s.wants(strings.HasPrefix(x.url, "http://") || strings.HasPrefix(x.url, "https://"), "a URL of http or https; it is %s", x.url)
	own, err := s.Request.URL.Parse(p.endpoint())
	p.need("reading the endpoint's URL", err)
	seen, err := own.Parse(s.link(relEvents).target)
	s.wants(err == nil && seen.String() == x.url, "an absolute URL after a redirect, since pages know only the first one; it is %s", s.link(relEvents).target)
	exposed := s.list("Access-Control-Expose-Headers")
	s.wants(slices.Contains(exposed, "link") || slices.Contains(exposed, "*"), "Access-Control-Expose-Headers with Link; it is %q", exposed)
	p.preflight("the URL of the events", x.url, http.MethodPost, "authorization,content-type").allows(http.MethodPost, "authorization", "content-type")
	r := x.post("POST for an event stream, with an Origin", "", "Origin", pageOrigin)
	r.readable()
	exposed = r.list("Access-Control-Expose-Headers")
	r.wants(slices.Contains(exposed, "location") || slices.Contains(exposed, "*"), "Access-Control-Expose-Headers with Location; it is %q", exposed)
}

// any is the first event that the Link lists, or none if it lists nothing: then all are asked for.
func (x *extension) any() []string { return x.events[:min(1, len(x.events))] }

func listOpens(p *probe) {
	x := p.startEvents()
	if len(x.events) == 0 {
		p.skipf("the Link doesn't say which events there are")
	}
	one, all := x.subscribe(x.any()...), x.subscribe(x.events...)
	if one == all {
		p.failf("two event streams of a session have the same URL, %s; %s asks for a URL for each", one, p.check.Section)
	}
	for _, stream := range []string{one, all} {
		p.listen(stream)
	}
}

func nothingOpens(p *probe) {
	x := p.startEvents("active")
	if r := x.post("POST for an event stream without a body", ""); r.client() {
		p.skipf("the server wants a list of events: it answers %s", r.summary())
	}
	p.listen(x.subscribe()).hears("active", 1, "in an event stream of all events")
}

func unknownEvent(p *probe) {
	x := p.startEvents()
	for _, body := range []string{`["nobody-has-this-event"]`, `["` + strings.Join(append(slices.Clone(x.any()), "nobody-has-this-event"), `","`) + `"]`} {
		r := x.post("POST for an event stream of "+body, body)
		r.refused(http.StatusBadRequest)
		r.wants(r.Header.Get("Location") == "", "no event stream; there is one at %s", r.Header.Get("Location"))
	}
}

func noList(p *probe) {
	x := p.startEvents()
	for _, body := range []string{`{"events":["active"]}`, `"active"`, `[1]`, `["active"`, `hello`} {
		x.post("POST for an event stream with "+body, body).refused(http.StatusBadRequest)
	}
	x.post("POST for an event stream with Content-Type: text/plain", `["active"]`, "Content-Type", "text/plain").refused(http.StatusUnsupportedMediaType)
	if len(x.events) > 0 {
		x.subscribe(x.events[0], x.events[0])
	}
}

func streamed(p *probe) {
	x := p.startEvents("active")
	l := p.listen(x.subscribe("active"))
	l.wants(l.mediaType() == mediaTypeEvents, "Content-Type: text/event-stream; it is %q", l.Header.Get("Content-Type"))
	l.wants(slices.ContainsFunc(l.list("Cache-Control"), func(s string) bool { return s == "no-store" || s == "no-cache" }),
		"Cache-Control: no-store; it is %q", l.Header.Get("Cache-Control"))
	l.hears("active", 1, "in the event stream of a stream that is live")
	if l.over() {
		p.failf("the event stream ended after its first event; %s asks for one that stays open", p.check.Section)
	}
	if before := l.lively(); p.config.Slow && !p.eventually(keptAlive, func() bool { return l.lively() > before }) {
		p.failf("an event stream was silent for %v, and proxies cut what is; comments such as %q every 15 s keep it alive", keptAlive, ":")
	}
}

func unauthorized(p *probe) {
	x := p.startEvents()
	stream := x.subscribe(x.any()...)
	l := p.get("GET of an event stream from a page, without Authorization", stream, "Authorization", "", "Origin", pageOrigin)
	l.wants(l.StatusCode == http.StatusOK, "200, as browsers' EventSource has no token")
	l.readable()
	id := regexp.MustCompile(`[0-9A-Za-z_-]{22,}`)
	l.wants(id.MatchString(stream), "a URL that can't be guessed, as nothing else guards it; it is %s", stream)
}

// everything listens to all events of the live stream for a moment.
func everything(p *probe) (x *extension, heard []event) {
	x = p.startEvents()
	l := p.listen(x.subscribe(x.events...))
	if slices.Contains(x.events, "active") {
		l.hears("active", 1, "in the event stream of a stream that is live")
	}
	wait(p.ctx, eventSilence)
	if heard = l.events(""); len(heard) == 0 {
		p.skipf("no event came")
	}
	return x, heard
}

func oneLine(p *probe) {
	_, heard := everything(p)
	for _, e := range heard {
		data := 0
		for _, row := range e.rows {
			if key, _, _ := strings.Cut(row, ":"); key == "data" {
				data++
			}
		}
		if data != 1 {
			p.failf("an event came as %q, with %d data: lines; %s asks for one", e.rows, data, p.check.Section)
		}
	}
}

func named(p *probe) {
	x, heard := everything(p)
	for _, e := range heard {
		if e.name == "" || len(x.events) > 0 && !slices.Contains(x.events, e.name) {
			p.failf("an event came as %q; %s asks for an event: line with its name, one of %q", e.rows, p.check.Section, x.events)
		}
	}
}

// eventsDeleted ends an event stream while it is read, and gives its URL.
func eventsDeleted(p *probe) (stream string) {
	x := p.startEvents()
	stream = x.subscribe(x.any()...)
	l := p.listen(stream)
	r := p.send("DELETE of an event stream", http.MethodDelete, stream, "")
	if unsupported(r.StatusCode) {
		p.skipf("event streams can't be deleted: the server answers %s", r.summary())
	}
	r.wants(r.success(), "success")
	p.ends(l, "its DELETE")
	return stream
}

// ends wants what is read of an event stream to end.
func (p *probe) ends(l *listener, why string) {
	if !p.eventually(sessionEnd, l.over) {
		p.failf("%v after %s, an event stream is still open; %s asks for its end", sessionEnd, why, p.check.Section)
	}
}

func sessionEndsEvents(p *probe) {
	x := p.startEvents()
	stream := x.subscribe(x.any()...)
	l := p.listen(stream)
	r := x.delete("DELETE of the session")
	r.wants(r.success(), "200 OK")
	p.ends(l, "the end of its session")
	l = p.get("GET of an event stream whose session has ended", stream)
	l.wants(l.gone(), "404 or 410")
}

func readAgain(p *probe) {
	x := p.startEvents()
	stream := x.subscribe(x.any()...)
	first := p.listen(stream)
	second := p.get("A second GET of an event stream at the same time", stream)
	if !second.success() {
		second.refused(http.StatusConflict)
		return
	}
	p.ends(first, "a second GET of the same stream began")
	if second.over() {
		p.failf("a second GET of an event stream ended with the first; %s asks for one that goes on", p.check.Section)
	}
}

func boundedStreams(p *probe) {
	x := p.startEvents()
	for range manySessions {
		r := x.post("One POST for an event stream of many", "")
		if r.StatusCode != http.StatusCreated {
			r.wants(r.client() || r.StatusCode == http.StatusServiceUnavailable, "429, or another refusal")
			return
		}
	}
	p.failf("a session may have %d event streams; each costs the server something, and one is enough", manySessions)
}
