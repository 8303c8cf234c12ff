package wish

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// TestExtension: its URL is told by the 201 and nothing else, and obeys the rules of the session that it belongs to.
func TestExtension(t *testing.T) {
	read := make(chan string, 100)
	g := newGateway(t, Limits{}, func(e *Endpoint) {
		e.Extensions = []Extension{{Rel: "urn:x:a", Path: "a", Params: `; events="b,c"`}, {Rel: "urn:x:d", Path: "d"}}
		e.Authorize = func(r *Request) error {
			if r.Token != "key" {
				return errNobody
			}
			return nil
		}
	})
	g.Server.Config.Handler.(*echo.Echo).Any("/session/:id/a", g.resources.Extend("OPTIONS, POST", func(c echo.Context, q *Request, s Session) error {
		if s.(*fakeSession).ended() {
			t.Error("an extension of a dead session is asked")
		}
		body, err := q.ReadJSON(c)
		if err != nil {
			return err
		}
		read <- string(body)
		return c.NoContent(http.StatusOK)
	}))
	opened := g.do(t, "POST", "/whep/x", offerText(t, "whep-firefox"), "Content-Type", mediaTypeSDP, "Authorization", "Bearer key")
	session := opened.Header.Get("Location")
	links := opened.Header.Values("Link")
	if len(links) != 2 || links[0] != "<"+session+`/a>; rel="urn:x:a"; events="b,c"` || links[1] != "<"+session+`/d>; rel="urn:x:d"` {
		t.Errorf("links %q", links)
	}
	for _, method := range []string{"OPTIONS", "HEAD", "POST"} {
		if r := g.do(t, method, "/whep/x", "", "Authorization", "Bearer key"); len(r.Header.Values("Link")) > 0 {
			t.Errorf("%s tells of %q", method, r.Header.Values("Link"))
		}
	}
	const json = "application/json"
	for _, c := range []struct {
		name, method, body string
		headers            []string
		status             int
	}{
		{"JSON", "POST", "{}", []string{"Content-Type", json}, 200},
		{"JSON with a parameter", "POST", "{}", []string{"Content-Type", "Application/JSON; charset=utf-8"}, 200},
		{"nothing", "POST", "", nil, 200},
		{"nothing of another type", "POST", "", []string{"Content-Type", "text/plain"}, 415},
		{"another type", "POST", "{}", []string{"Content-Type", "text/plain"}, 415},
		{"no type", "POST", "{}", nil, 415},
		{"too much", "POST", strings.Repeat(" ", maxOffer+1), []string{"Content-Type", json}, 413},
		{"the opener's token", "POST", "{}", []string{"Content-Type", json, "Authorization", "Bearer key"}, 200},
		{"a wrong token", "POST", "{}", []string{"Content-Type", json, "Authorization", "Bearer x"}, 401},
		{"a wrong method", "PATCH", "{}", []string{"Content-Type", json}, 405},
		{"OPTIONS", "OPTIONS", "", nil, 200},
		{"a preflight", "OPTIONS", "", []string{"Access-Control-Request-Method", "POST", "Origin", "https://example.org"}, 200},
	} {
		r := g.do(t, c.method, session+"/a", c.body, c.headers...)
		if r.StatusCode != c.status || r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v, want %d", c.name, r.StatusCode, r.Header, c.status)
		}
		if c.status == 200 && c.method == "POST" {
			if body := <-read; body != c.body {
				t.Errorf("%s: read %q", c.name, body)
			}
		} else if (c.method != "POST") != (r.Header.Get("Allow") == "OPTIONS, POST") {
			t.Errorf("%s: Allow %q", c.name, r.Header.Get("Allow"))
		}
	}
	for len(g.errors) > 0 {
		<-g.errors
	}
	g.do(t, "DELETE", session, "")
	if r := g.do(t, "POST", session+"/a", "{}", "Content-Type", json); r.StatusCode != 404 {
		t.Errorf("of a dead session: %d", r.StatusCode)
	}
	if err := <-g.errors; !errors.Is(err, ErrNoSession) {
		t.Error(err)
	}
}

// TestExtensionIsPaced: its POSTs count as those of sessions do.
func TestExtensionIsPaced(t *testing.T) {
	r := NewResources(Limits{Rate: 0.001, Burst: 2})
	defer r.Close()
	handle := r.Extend("GET, POST", nil)
	status := map[string][]error{}
	for range 3 {
		for _, method := range []string{"GET", "POST"} {
			c := echo.New().NewContext(httptest.NewRequest(method, "/session/x/a", nil), httptest.NewRecorder())
			status[method] = append(status[method], handle(c))
		}
	}
	for i, err := range status["POST"] {
		if errors.Is(err, ErrTooFast) != (i == 2) {
			t.Errorf("POST %d: %v", i, err)
		}
		if get := status["GET"][i]; !errors.Is(get, ErrNoSession) {
			t.Errorf("GET: %v", get)
		}
	}
}
