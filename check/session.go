package check

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// session is a session that a check has opened.
type session struct {
	*reply
	url    string
	etag   string
	offer  offer
	answer *answer
}

// post sends an offer to the check's endpoint, whatever comes of it.
func (p *probe) post(what string, o offer, pairs ...string) *reply {
	return p.send(what, http.MethodPost, p.endpoint(), string(o), append([]string{"Content-Type", mediaTypeSDP}, pairs...)...)
}

// open posts an offer that the server has to take.
func (p *probe) open(what string, o offer, pairs ...string) *session {
	return p.post(what, o, pairs...).opened(o)
}

// start opens a session with the usual offer.
func (p *probe) start() *session { return p.open("POST with an ordinary offer", p.offer()) }

// opened wants a 201 with all that it must have to go on.
func (r *reply) opened(o offer) *session {
	r.wants(r.StatusCode == http.StatusCreated, "201 Created")
	location, err := r.Location()
	if err != nil {
		r.probe.failf("%s was answered 201 without a Location that can be read; %s asks for the session's URL there", r.what, r.probe.check.Section)
	}
	return &session{reply: r, url: location.String(), etag: r.Header.Get("ETag"), offer: o, answer: r.readAnswer()}
}

// patch sends a fragment to the session.
func (s *session) patch(what, body string, pairs ...string) *reply {
	return s.probe.send(what, http.MethodPatch, s.url, body, append([]string{"Content-Type", mediaTypeFragment}, pairs...)...)
}

// trickles sends a candidate the ordinary way, and skips the check if the server has no trickle ICE.
func (s *session) trickles() *reply {
	r := s.patch("PATCH with a candidate", s.fragment(candidate(1)), "If-Match", s.etag)
	if unsupported(r.StatusCode) {
		r.probe.skipf("the server has no trickle ICE: it answers PATCH with %s", r.summary())
	}
	return r
}

// alive reports whether the session's URL still answers.
func (s *session) alive() bool {
	r, err := s.probe.try(s.probe.ctx, "GET of the session", http.MethodGet, s.url, "")
	return err == nil && r.success()
}

func (s *session) delete(what string, pairs ...string) *reply {
	return s.probe.send(what, http.MethodDelete, s.url, "", pairs...)
}

// fragment is an SDP fragment of the session's ICE session with these a=candidate lines (RFC 8840 section 4).
func (s *session) fragment(candidates ...string) string {
	return fragment(s.offer.credentials(), candidates...)
}

func fragment(credentials string, candidates ...string) string {
	return credentials + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" + strings.Join(candidates, "")
}

// candidate is a candidate on a port of a network that is nobody's (RFC 5737).
func candidate(n int) string {
	return fmt.Sprintf("a=candidate:%d 1 udp %d 192.0.2.%d 40000 typ host\r\n", n, 2130706431-n, n)
}

// newCredentials are lines for an ICE restart.
func newCredentials() string {
	return fmt.Sprintf("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", token(4), token(16))
}

// restarts asks for an ICE restart, and skips the check if the server has none.
func (s *session) restarts() *reply {
	r := s.patch("PATCH with new credentials and If-Match: *", fragment(newCredentials(), candidate(2)), "If-Match", "*")
	if unsupported(r.StatusCode) {
		r.probe.skipf("the server has no ICE restart: it answers one with %s", r.summary())
	}
	r.wants(r.StatusCode == http.StatusOK, "200 OK")
	return r
}

// iceOf gives the credentials and the candidates in a fragment or an answer.
func iceOf(text string) (ufrag, pwd string, candidates []string) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r")
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "a=ice-ufrag":
			ufrag = value
		case "a=ice-pwd":
			pwd = value
		case "a=candidate":
			candidates = append(candidates, value)
		}
	}
	return ufrag, pwd, candidates
}

// problem is a problem document (RFC 9457 section 3.1).
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (r *reply) problem() (d problem) {
	if r.mediaType() == "application/problem+json" {
		_ = json.Unmarshal([]byte(r.body), &d)
	}
	return d
}

func (r *reply) mediaType() string {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t
}

// list gives the words of a header that is a list, whether in one line or in several, in lower case.
func (r *reply) list(key string) (words []string) {
	for word := range strings.SplitSeq(strings.Join(r.Header.Values(key), ","), ",") {
		if word = strings.ToLower(strings.TrimSpace(word)); word != "" {
			words = append(words, word)
		}
	}
	return words
}
