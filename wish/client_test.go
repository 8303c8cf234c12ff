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

// serve runs a server of somebody else's making and gives a client of its path /whip.
func serve(t *testing.T, mux map[string]http.HandlerFunc) (*httptest.Server, *Client) {
	t.Helper()
	m := http.NewServeMux()
	for pattern, handler := range mux {
		m.HandleFunc(pattern, handler)
	}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	return server, &Client{HTTP: server.Client(), Endpoint: server.URL + "/whip", Token: "secret"}
}

func created(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", location)
		w.Header().Set("ETag", `"e1"`)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "v=0\r\n")
	}
}

// The whole way, against this package's own server.
func TestClient(t *testing.T) {
	g := newGateway(t, Limits{}, func(e *Endpoint) {
		e.Authorize = func(r *Request) error {
			if r.Token != "secret" {
				return errNobody
			}
			return nil
		}
	})
	c := &Client{HTTP: g.Client(), Endpoint: g.URL + "/whip/x", Token: "secret"}
	answer, r, err := c.Post(t.Context(), offerText(t, "whip-obs"))
	if err != nil || answer != "v=0\r\n" || !strings.HasPrefix(r.URL, g.URL+"/session/") || r.ETag == "" {
		t.Fatalf("%q, %+v, %v", answer, r, err)
	}
	for range 2 { // the second finds it gone, which is as well
		if err := r.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s := <-g.sessions; !s.ended() {
		t.Error("the session goes on")
	}
	c.Token = ""
	var status *StatusError
	if _, _, err := c.Post(t.Context(), offerText(t, "whip-obs")); !errors.As(err, &status) || status.Code != 401 {
		t.Errorf("without a token: %v", err)
	}
}

// A redirect keeps offer and token, and the session's URL is relative to where it led (W-84, W-85).
func TestClientRedirect(t *testing.T) {
	var deleted string
	second, _ := serve(t, map[string]http.HandlerFunc{
		"POST /b/whip": func(w http.ResponseWriter, r *http.Request) {
			if body, _ := io.ReadAll(r.Body); string(body) != "v=offer" || r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("Content-Type") != mediaTypeSDP {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			created("session/7")(w, r)
		},
		"DELETE /b/session/7": func(_ http.ResponseWriter, r *http.Request) { deleted = r.Header.Get("Authorization") },
	})
	_, c := serve(t, map[string]http.HandlerFunc{
		"/whip": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusPermanentRedirect)
		},
		"/other": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, second.URL+"/b/whip", http.StatusTemporaryRedirect)
		},
	})
	_, r, err := c.Post(t.Context(), "v=offer")
	if err != nil {
		t.Fatal(err)
	}
	if r.URL != second.URL+"/b/session/7" || r.ETag != `"e1"` {
		t.Errorf("session is %+v", r)
	}
	if err := r.Delete(t.Context()); err != nil || deleted != "Bearer secret" {
		t.Errorf("DELETE: %v, Authorization %q", err, deleted)
	}
}

func TestClientRefused(t *testing.T) {
	answer := func(status int, kind, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		name     string
		handler  http.HandlerFunc
		code     int
		detail   string
		min, max time.Duration
	}{
		{"a problem", answer(409, "application/problem+json", `{"title":"Conflict","detail":"somebody is live","status":409}`, "Retry-After", "7"), 409, "somebody is live", 7 * time.Second, 7 * time.Second},
		{"older JSON", answer(400, "application/json", `{"error":"no such path"}`), 400, "no such path", 0, 0},
		{"text", answer(503, "text/plain; charset=utf-8", "busy\n", "Retry-After", date), 503, "busy", 59 * time.Minute, time.Hour},
		{"a page", answer(502, "text/html", "<html>"), 502, "", 0, 0},
		{"an endless body", answer(500, "text/plain", strings.Repeat("x", 1<<20), "Retry-After", "soon"), 500, "xxx", 0, 0},
		{"a redirect that loses the offer", answer(301, "text/plain", "", "Location", "https://example.org/whip"), 301, "https://example.org/whip", 0, 0},
		{"a date that has passed", answer(429, "text/plain", "", "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT"), 429, "", 0, 0},
	} {
		_, client := serve(t, map[string]http.HandlerFunc{"/whip": c.handler})
		_, r, err := client.Post(t.Context(), "v=offer")
		var status *StatusError
		if !errors.As(err, &status) || r != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if status.Code != c.code || !strings.Contains(status.Detail, c.detail) || status.RetryAfter < c.min || status.RetryAfter > c.max || len(status.Detail) > maxProblemRead {
			t.Errorf("%s: %d %.80q %v", c.name, status.Code, status.Detail, status.RetryAfter)
		}
	}
}

// A session whose answer can't be used is not left open.
func TestClientUnusableAnswer(t *testing.T) {
	for name, body := range map[string]string{"no SDP": "<html>", "nothing": "", "too much": "v=0\r\n" + strings.Repeat("a", maxAnswerRead)} {
		deletes := 0
		_, c := serve(t, map[string]http.HandlerFunc{
			"POST /whip": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/s")
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, body)
			},
			"DELETE /s": func(http.ResponseWriter, *http.Request) { deletes++ },
		})
		if _, r, err := c.Post(t.Context(), "v=offer"); err == nil || r != nil || deletes != 1 {
			t.Errorf("%s: %v, %d DELETEs", name, err, deletes)
		}
	}
}

func TestClientRobust(t *testing.T) {
	_, c := serve(t, map[string]http.HandlerFunc{
		"/whip": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/whip", http.StatusTemporaryRedirect)
		},
		"/none":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "v=0\r\n") }, // as go2rtc does
		"/locked": func(w http.ResponseWriter, r *http.Request) { created("/whip")(w, r) },
	})
	if _, _, err := c.Post(t.Context(), "v=offer"); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("a redirect in circles: %v", err)
	}
	base := strings.TrimSuffix(c.Endpoint, "/whip")
	c.Endpoint = base + "/none"
	_, r, err := c.Post(t.Context(), "v=offer")
	if err != nil || r.URL != "" || r.Delete(t.Context()) != nil {
		t.Errorf("a server without sessions: %+v, %v", r, err)
	}
	c.Endpoint = base + "/locked"
	_, r, err = c.Post(t.Context(), "v=offer")
	if err != nil {
		t.Fatal(err)
	}
	var status *StatusError
	if err := r.Delete(t.Context()); !errors.As(err, &status) || status.Code != 307 {
		t.Errorf("a DELETE that is refused: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Post(gone, "v=offer"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// A token doesn't leave encryption.
func TestClientStaysEncrypted(t *testing.T) {
	server := httptest.NewTLSServer(http.RedirectHandler("http://127.0.0.1:1/whip", http.StatusTemporaryRedirect))
	defer server.Close()
	c := &Client{HTTP: server.Client(), Endpoint: server.URL, Token: "secret"}
	if _, _, err := c.Post(t.Context(), "v=offer"); err == nil || !strings.Contains(err.Error(), "https") {
		t.Errorf("redirected to http: %v", err)
	}
}
