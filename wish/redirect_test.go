package wish

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// postThere follows redirects as clients do that are no browsers: each time with the whole request.
func postThere(t *testing.T, g *gateway, path string) (final *url.URL, response *http.Response) {
	t.Helper()
	client := *g.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	target := g.URL + path
	for range 5 {
		r, err := http.NewRequestWithContext(t.Context(), "POST", target, strings.NewReader(offerText(t, "whip-obs")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", mediaTypeSDP)
		r.Header.Set("Authorization", "Bearer secret")
		if response, err = client.Do(r); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusTemporaryRedirect {
			return r.URL, response
		}
		target = response.Header.Get("Location")
		if response.Header.Get("Retry-After") != "" || response.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("the redirect has %v", response.Header)
		}
	}
	t.Fatal("redirected for ever")
	return nil, nil
}

// TestRedirects: from one server over another to a third, and the session is found from wherever a client begins to look.
func TestRedirects(t *testing.T) { // W-83..W-86, E-39
	tokens, queries := make(chan string, 10), make(chan string, 10)
	third := newGateway(t, Limits{}, func(e *Endpoint) {
		e.Authorize = func(r *Request) error { tokens <- r.Token; queries <- r.URL.RawQuery; return nil }
	})
	to := func(where string) func(e *Endpoint) {
		return func(e *Endpoint) {
			e.Authorize = func(r *Request) error { return &RedirectError{URL: where + r.URL.Path} }
		}
	}
	second := newGateway(t, Limits{}, to(third.URL))
	first := newGateway(t, Limits{}, func(e *Endpoint) { // late, when it has read the offer
		e.Open = func(r *Request) (string, Session, error) {
			return "", nil, &RedirectError{URL: second.URL + r.URL.Path + "?node=b"}
		}
	})
	final, response := postThere(t, first, "/whip/x?token=a%2Bb&x")
	if response.StatusCode != 201 || final.Host != strings.TrimPrefix(third.URL, "http://") || <-tokens != "secret" {
		t.Fatalf("%d from %s", response.StatusCode, final)
	}
	if query := <-queries; query != "node=b&token=a%2Bb&x&redirected=http" {
		t.Errorf("the query is %s", query)
	}
	location := response.Header.Get("Location")
	original, _ := url.Parse(first.URL + "/whip/x")
	obs := (&url.URL{Scheme: final.Scheme, Host: final.Host}).String() // OBS: a path goes into the URL that answered
	for name, found := range map[string]string{
		"GStreamer, from where it began": resolve(t, original, location), "FFmpeg, from where it ended": resolve(t, final, location),
		"OBS": map[bool]string{true: location, false: obs + location}[strings.HasPrefix(location, "http")],
	} {
		if found != third.URL+"/session/"+location[len(location)-32:] {
			t.Errorf("%s looks for it at %s", name, found)
		}
	}
	if r := third.do(t, "DELETE", location, ""); r.StatusCode != 200 {
		t.Errorf("DELETE: %d", r.StatusCode)
	}
	if first.count()+second.count()+third.count() != 0 {
		t.Error("places are lost")
	}
}

func resolve(t *testing.T, base *url.URL, reference string) string {
	t.Helper()
	u, err := base.Parse(reference)
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// A Location is absolute only when a redirect asks for it, and of no other scheme than HTTP's.
func TestLocate(t *testing.T) {
	for query, want := range map[string]string{
		"": "/session/1", "redirected=https": "https://live.example.org/session/1", "a=b&redirected=http": "http://live.example.org/session/1",
		"redirected=javascript": "/session/1", "redirected=": "/session/1", "redirected=https%3A%2F%2Fevil.example": "/session/1",
	} {
		r := &http.Request{Host: "live.example.org", URL: &url.URL{RawQuery: query}}
		if got := locate(r, "1"); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
}

// A redirect to nowhere is the server's mistake.
func TestRedirectToNowhere(t *testing.T) {
	for _, where := range []string{"", "/whip/x", "ftp://example.org/", "https:///x", "%"} {
		err := &RedirectError{URL: where}
		if got, fault := err.location(&http.Request{URL: &url.URL{}}); fault == nil || errors.Is(fault, ErrRedirect) {
			t.Errorf("%q: %s, %v", where, got, fault)
		}
		g := newGateway(t, Limits{}, func(e *Endpoint) { e.Authorize = func(*Request) error { return err } })
		if r := g.post(t, "/whip/x"); r.StatusCode != 500 || r.Header.Get("Location") != "" {
			t.Errorf("%q: %d %v", where, r.StatusCode, r.Header)
		}
	}
}
