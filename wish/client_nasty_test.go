package wish

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestClientLocation: the session's URL in all the forms that servers give it.
func TestClientLocation(t *testing.T) {
	for location, want := range map[string]string{
		"/session/1":           "/session/1",
		"1":                    "/whip/1",
		"1?id=2":               "/whip/1?id=2",
		"?id=2":                "/whip/a?id=2",
		"../x":                 "/x",
		"{server}/absolute/%C": "",
		"{server}/absolute/1":  "/absolute/1",
		"//{host}/no-scheme":   "/no-scheme",
	} {
		var server *httptest.Server
		server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				created(strings.NewReplacer("{server}", server.URL, "{host}", strings.TrimPrefix(server.URL, "http://")).Replace(location))(w, r)
			}
		}))
		_, r, err := (&Client{HTTP: server.Client(), Endpoint: server.URL + "/whip/a"}).Post(t.Context(), "v=offer")
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "Location") {
				t.Errorf("%s: %v", location, err)
			}
		} else if err != nil || r.URL != server.URL+want || r.Delete(t.Context()) != nil {
			t.Errorf("%s: %+v, %v", location, r, err)
		}
		server.Close()
	}
}

// TestClientToken: it goes to the endpoint's host, and from https to https, and nowhere else.
func TestClientToken(t *testing.T) {
	for _, c := range []struct {
		endpoint, target string
		want             bool
	}{
		{"http://a/whip", "http://a/session/1", true},
		{"http://a:1/whip", "http://A:2/session/1", true},
		{"http://a/whip", "https://a/whip", true},
		{"http://a/whip", "http://b/whip", false},
		{"http://a/whip", "https://b/whip", false},
		{"https://a/whip", "https://b/whip", true},
		{"https://a/whip", "http://a/session/1", false},
		{"http://[::1]:1/whip", "http://[::1]:2/whip", true},
	} {
		request := httptest.NewRequest(http.MethodGet, c.target, nil)
		if got := (&Client{Endpoint: c.endpoint}).trusts(request.URL); got != c.want {
			t.Errorf("from %s to %s: %v", c.endpoint, c.target, got)
		}
	}
	// The name of the same address is another host.
	other, _ := serve(t, map[string]http.HandlerFunc{"/whip": func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			http.Error(w, "who is it?", http.StatusUnauthorized)
		}
	}})
	_, c := serve(t, map[string]http.HandlerFunc{"/whip": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/whip", http.StatusTemporaryRedirect)
	}})
	if _, _, err := c.Post(t.Context(), "v=offer"); !isStatus(err, 401) || !strings.Contains(err.Error(), "no token was sent to localhost") || !strings.Contains(err.Error(), "who is it?") {
		t.Errorf("redirected to another host: %v", err)
	}
}

// TestClientLines: an answer with other line ends is one that all parsers take.
func TestClientLines(t *testing.T) {
	_, c := serve(t, map[string]http.HandlerFunc{"POST /whip": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "v=0\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\n") // 200, as some do
	}})
	if answer, _, err := c.Post(t.Context(), "v=offer"); err != nil || answer != "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\n" {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestClientSlow: a server that never comes to its end is left when the context ends, and its session with it.
func TestClientSlow(t *testing.T) {
	for name, head := range map[string]func(w http.ResponseWriter){
		"header": func(http.ResponseWriter) {},
		"body": func(w http.ResponseWriter) {
			w.Header().Set("Location", "/s")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "v=0\r\n")
			w.(http.Flusher).Flush()
		},
		"refusal": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "wait")
			w.(http.Flusher).Flush()
		},
	} {
		deleted := false
		begun := make(chan struct{})
		_, c := serve(t, map[string]http.HandlerFunc{
			"POST /whip": func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				head(w)
				close(begun)
				<-r.Context().Done()
			},
			"DELETE /s": func(http.ResponseWriter, *http.Request) { deleted = true },
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, r, err := c.Post(ctx, "v=offer"); err == nil || r != nil || name != "refusal" && !errors.Is(err, context.DeadlineExceeded) || deleted != (name == "body") {
			t.Errorf("%s: %v, %v, deleted %v", name, r, err, deleted)
		}
		cancel()
		<-begun
	}
}

// TestClientPlainText: what a server says can't play tricks with a terminal.
func TestClientPlainText(t *testing.T) {
	for text, want := range map[string]string{"a\x1b[2Jb\r\nc": "a [2Jb  c", "안녕\u0085": "안녕", "\xff": "?"} {
		if got := plain(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
