package check

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The extensions of WHEP ("WHEP core extensions", which stands beside the draft).
const (
	relEvents = "urn:ietf:params:whep:ext:core:server-sent-events"
	relLayer  = "urn:ietf:params:whep:ext:core:layer"

	mediaTypeJSON   = "application/json"
	mediaTypeEvents = "text/event-stream"

	eventTimeout = 10 * time.Second // for an event that is due
	eventSilence = time.Second      // in which one would come that must not
)

// extension is what a session's 201 says of an extension.
type extension struct {
	*session
	url    string
	events []string // that it lists
}

// link is the first Link of this relation, or nil.
func (r *reply) link(rel string) *link {
	for _, l := range r.links() {
		if l.rel == rel {
			return &l
		}
	}
	return nil
}

// extension gives what a session says of an extension, and skips the check if it doesn't have it.
func (s *session) extension(rel string) *extension {
	l := s.link(rel)
	if l == nil {
		s.probe.skipf("the server doesn't have the extension: its 201 has no Link of %s", rel)
	}
	target, err := s.Request.URL.Parse(l.target)
	s.wants(err == nil, "a URL in the Link of %s; it is %q", rel, l.target)
	x := &extension{session: s, url: target.String()}
	for name := range strings.SplitSeq(l.events, ",") {
		if name = strings.TrimSpace(name); name != "" {
			x.events = append(x.events, name)
		}
	}
	return x
}

// startEvents opens a session for its events, of which it has to offer these.
func (p *probe) startEvents(names ...string) *extension {
	x := p.start().extension(relEvents)
	x.offers(names...)
	return x
}

// offers skips the check unless the server has these events.
func (x *extension) offers(names ...string) {
	for _, name := range names {
		if !slices.Contains(x.events, name) {
			x.probe.skipf("the server's Link doesn't list the event %q", name)
		}
	}
}

// post sends JSON text to the extension; "" sends no body.
func (x *extension) post(what, body string, pairs ...string) *reply {
	contentType := ""
	if body != "" {
		contentType = mediaTypeJSON
	}
	return x.probe.send(what, http.MethodPost, x.url, body, append([]string{"Content-Type", contentType}, pairs...)...)
}

// subscribe opens an event stream, of all events if none is named, and gives its URL.
func (x *extension) subscribe(names ...string) string {
	what, body := "POST for an event stream of all events", ""
	if len(names) > 0 {
		list, _ := json.Marshal(names)
		what, body = "POST for an event stream of "+strings.Join(names, ", "), string(list)
	}
	r := x.post(what, body)
	r.wants(r.StatusCode == http.StatusCreated, "201 Created")
	location, err := r.Location()
	r.wants(err == nil, "the event stream's URL in Location; it is %q", r.Header.Get("Location"))
	return location.String()
}

// event is an event as it came (HTML section 9.2.6).
type event struct {
	name string
	data string
	rows []string // as they came, without comments
}

// object gives the data's members, and fails the check if it is no JSON object.
func (e event) object(p *probe) (members map[string]json.RawMessage) {
	if err := json.Unmarshal([]byte(e.data), &members); err != nil || members == nil {
		p.failf("the event %s has the data %.100q; %s asks for a JSON object", e.name, e.data, p.check.Section)
	}
	return members
}

// listener reads an event stream until it, or the check, ends.
type listener struct {
	*reply
	ended chan struct{}

	mu       sync.Mutex
	heard    []event
	comments int
}

// get asks for an event stream, whatever comes of it.
func (p *probe) get(what, target string, pairs ...string) *listener {
	ctx, cancel := context.WithCancel(p.ctx)
	p.defers(func(context.Context) { cancel() })
	response, err := p.once(ctx, http.MethodGet, target, "", append([]string{"Accept", mediaTypeEvents}, pairs...))
	p.need(what+" got no answer", err)
	l := &listener{reply: &reply{Response: response, probe: p, what: what}, ended: make(chan struct{})}
	if !l.success() {
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxBody))
		l.body = string(text)
		_ = response.Body.Close()
		close(l.ended)
		return l
	}
	go l.read(response.Body)
	p.defers(func(context.Context) {
		cancel()
		<-l.ended
	})
	return l
}

// listen wants the event stream to be there.
func (p *probe) listen(target string) *listener {
	l := p.get("GET of an event stream", target)
	l.wants(l.StatusCode == http.StatusOK, "200 OK")
	return l
}

func (l *listener) read(body io.ReadCloser) {
	defer close(l.ended)
	defer body.Close()
	var rows []string
	lines := bufio.NewScanner(io.LimitReader(body, maxBody))
	for lines.Scan() {
		l.mu.Lock()
		switch row := lines.Text(); {
		case strings.HasPrefix(row, ":"):
			l.comments++
		case row != "":
			rows = append(rows, row)
		case len(rows) > 0:
			l.heard = append(l.heard, newEvent(rows))
			rows = nil
		}
		l.mu.Unlock()
	}
}

func newEvent(rows []string) event {
	e := event{rows: rows}
	for _, row := range rows {
		key, value, _ := strings.Cut(row, ":")
		value = strings.TrimPrefix(value, " ")
		switch key {
		case "event":
			e.name = value
		case "data":
			e.data = value
		}
	}
	return e
}

// events are those until now, of this name, or all.
func (l *listener) events(name string) (all []event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.heard {
		if name == "" || e.name == name {
			all = append(all, e)
		}
	}
	return all
}

// lively is how many events and comments have come until now.
func (l *listener) lively() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heard) + l.comments
}

func (l *listener) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// hears waits for the nth event of a name, and gives it.
func (l *listener) hears(name string, n int, when string) event {
	begin := time.Now()
	l.probe.eventually(eventTimeout, func() bool { return len(l.events(name)) >= n || l.over() })
	all := l.events(name)
	if len(all) < n {
		l.probe.failf("%s, no event %q came within %v; %s asks for one", when, name, time.Since(begin).Round(time.Second), l.probe.check.Section)
	}
	return all[n-1]
}
