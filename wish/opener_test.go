package wish

import (
	"testing"
)

// TestTokensOfSessions: a session's URL is enough, and a wrong token is refused all the same (W-94, W-96, W-97).
func TestTokensOfSessions(t *testing.T) {
	asked := make(chan string, 100)
	authorize := func(r *Request) error {
		asked <- r.Stream
		if r.Token != "key" && r.Token != "master" {
			r.Reply.Set("WWW-Authenticate", `Bearer realm="bongsu", error="invalid_token"`)
			return errNobody
		}
		return nil
	}
	for _, c := range []struct {
		name          string
		authorization string // of the PATCH and the DELETE
		open          bool   // a server that asks for no token
		ok            bool
	}{
		{"none", "", false, true},
		{"the opener's", "Bearer key", false, true},
		{"the opener's, bare", "key", false, true},
		{"as a page without a key writes it", "Bearer undefined", false, true},
		{"another that is as good", "Bearer master", false, true},
		{"a wrong one", "Bearer wrong", false, false},
		{"a wrong one, where nobody asks", "Bearer wrong", true, true},
	} {
		for _, path := range roles {
			g := newGateway(t, Limits{}, func(e *Endpoint) {
				if e.Authorize = authorize; c.open {
					e.Authorize = nil
				}
				e.Ready = func(r *Request) error {
					if r.Method != "POST" {
						t.Error("a session that goes on is asked whether its stream is ready")
					}
					return nil
				}
				e.Open = func(*Request) (string, Session, error) { return testAnswer, &restarter{fakeSession: newSession()}, nil }
			})
			offer := offerText(t, map[string]string{"/whip/x": "whip-obs", "/whep/x": "whep-firefox"}[path])
			opened := g.do(t, "POST", path, offer, "Content-Type", mediaTypeSDP, "Authorization", "Bearer key")
			location, tag := opened.Header.Get("Location"), opened.Header.Get("ETag")
			for len(asked) > 0 {
				<-asked
			}
			for _, method := range []string{"PATCH", "DELETE"} {
				headers := []string{"Content-Type", mediaTypeFragment, "If-Match", tag}
				if c.authorization != "" {
					headers = append(headers, "Authorization", c.authorization)
				}
				r := g.do(t, method, location, crlf(hostLine), headers...)
				if (r.StatusCode/100 == 2) != c.ok || !c.ok && (r.StatusCode != 401 || r.Header.Get("WWW-Authenticate") == "") {
					t.Errorf("%s %s of %s: %d %v", c.name, method, path, r.StatusCode, r.Header)
				}
			}
			if alive := g.do(t, "GET", location, "").StatusCode == 204; alive == c.ok {
				t.Errorf("%s: the session goes on: %v", c.name, alive)
			}
			for len(asked) > 0 {
				if stream := <-asked; stream != "x" {
					t.Errorf("%s: asked for %q", c.name, stream)
				}
			}
		}
	}
}
