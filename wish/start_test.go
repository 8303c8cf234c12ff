package wish

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// socketRequest is the request of a client that came by WebSocket.
func socketRequest(ctx context.Context, token string) *Request {
	upgrade := httptest.NewRequestWithContext(ctx, "GET", "/signal", nil)
	upgrade.RemoteAddr = "192.0.2.1:5000"
	return NewRequest(echo.New().NewContext(upgrade, httptest.NewRecorder()), "lobby", token)
}

// startedSession opens a session without HTTP, and gives the session that it is of.
func startedSession(t *testing.T, e *Endpoint) (*Started, *restarter) {
	t.Helper()
	session := &restarter{fakeSession: newSession()}
	e.Open = func(*Request) (string, Session, error) { return testAnswer, session, nil }
	s, err := e.Start(socketRequest(t.Context(), ""), []byte(offerText(t, "whep-firefox")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.End)
	return s, session
}

// A session that a WebSocket has opened goes through all that others do, but has no URL.
func TestStart(t *testing.T) {
	g := newGateway(t, Limits{}, nil)
	s, session := startedSession(t, &Endpoint{Role: Play, Resources: g.resources})
	if s.SDP != testAnswer || s.Counter || s.ETag == "" || s.Session != Session(session) || g.count() != 1 {
		t.Errorf("%+v, %d sessions", s, g.count())
	}
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		if r := g.do(t, method, sessionPath+s.ID, ""); r.StatusCode != 404 {
			t.Errorf("%s of its URL: %d", method, r.StatusCode)
		}
	}
	offer := offerText(t, "whep-firefox")
	mine := crlf("a=ice-ufrag:"+lineOf(offer, "ice-ufrag"), "a=ice-pwd:"+lineOf(offer, "ice-pwd"), hostLine)
	if answer, _, err := s.Patch(t.Context(), []byte(mine), s.ETag); answer != "" || err != nil || len(session.trickled) != 1 {
		t.Errorf("trickle: %q, %v, %q", answer, err, session.trickled)
	}
	answer, etag, err := s.Patch(t.Context(), []byte(crlf(fresh(1)...)), "*")
	if !strings.Contains(answer, "a=ice-ufrag:server1\r\n") || etag == "" || etag == s.ETag || err != nil {
		t.Errorf("restart: %q, %q, %v", answer, etag, err)
	}
	_, _, err = s.Patch(t.Context(), []byte(mine), s.ETag)
	want(t, err, ErrStale)
	want(t, s.Accept(t.Context(), []byte("v=0")), ErrNotNow)
	s.End()
	s.End()
	if !session.ended() || g.count() != 0 {
		t.Errorf("after the end: %d sessions", g.count())
	}
	_, _, err = s.Patch(t.Context(), []byte(mine), "*")
	want(t, err, ErrNoSession)
	want(t, s.Accept(t.Context(), []byte("v=0")), ErrNoSession)
}

// What stands in the way of a POST stands in the way of Start, in the same order (W-105).
func TestStartRefuses(t *testing.T) {
	r := NewResources(Limits{PerAddress: 1, Rate: 0.001, Burst: 5})
	defer r.Close()
	asked := ""
	e := &Endpoint{Role: Play, Resources: r,
		Authorize: func(r *Request) error {
			asked += "a"
			if r.Token == "wrong" {
				return errNobody
			}
			return nil
		},
		Ready: func(*Request) error { asked += "r"; return nil },
		Open:  func(*Request) (string, Session, error) { return "v=0\r\n", newSession(), nil }}
	offer := offerText(t, "whep-firefox")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name  string
		r     *Request
		offer string
		err   error
		asked string
		retry bool
	}{
		{"a wrong token", socketRequest(t.Context(), "wrong"), "hello", errNobody, "a", false},
		{"no offer", socketRequest(t.Context(), ""), "hello", ErrMalformed, "ar", false},
		{"the client is gone", socketRequest(gone, ""), offer, context.Canceled, "ar", false},
		{"all is well", socketRequest(t.Context(), ""), offer, nil, "ar", false},
		{"one more", socketRequest(t.Context(), ""), "hello", ErrTooManySessions, "ar", true},
		{"too fast", socketRequest(t.Context(), "wrong"), "hello", ErrTooFast, "", true},
	} {
		asked = ""
		_, err := e.Start(c.r, []byte(c.offer))
		if !errors.Is(err, c.err) || asked != c.asked || c.retry != (c.r.Reply.Get("Retry-After") != "") {
			t.Errorf("%s: %v, asked %q, %v", c.name, err, asked, c.r.Reply)
		}
	}
}

// A session that takes no candidates says so.
func TestStartedWithoutICE(t *testing.T) {
	r := NewResources(Limits{})
	defer r.Close()
	e := &Endpoint{Role: Play, Resources: r, Open: func(*Request) (string, Session, error) { return "v=0\r\n", newSession(), nil }}
	s, err := e.Start(socketRequest(t.Context(), ""), []byte(offerText(t, "whep-firefox")))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Patch(t.Context(), []byte(crlf(hostLine)), "*")
	want(t, err, ErrMethod)
}
