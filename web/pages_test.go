package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/text/unicode/norm"
)

const hangul = "봉수-방송_1.가"

func TestPages(t *testing.T) {
	s := start(t, Config{}, built())
	for _, c := range []struct{ path, body, head, policy, permissions string }{
		{"/", "index", "<title>Bongsu</title>", "frame-ancestors 'self'", "camera=()"},
		{"/watch/lobby", "watch", "<title>lobby · Bongsu</title>", "frame-ancestors 'self'", "camera=()"},
		{"/embed/lobby", "embed", `rel="canonical"`, "script-src 'self'", "microphone=()"},
		{"/embed/lobby/chat", "embed-chat", "noindex", "connect-src 'self'", "camera=()"},
		{"/publish/lobby", "publish", "noindex", "frame-ancestors 'self'", "camera=(self), microphone=(self), display-capture=(self)"},
		{"/watch/" + url.PathEscape(hangul), "watch", "<title>" + hangul + " · Bongsu</title>", "connect-src 'self'", ""},
		{"/watch/" + url.PathEscape(norm.NFD.String(hangul)), "watch", "<title>" + hangul + " · Bongsu</title>", "", ""},
		{"/watch/" + strings.ToLower(url.PathEscape(hangul)), "watch", "<title>" + hangul + " · Bongsu</title>", "", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			res, body := s.get(t, c.path)
			h := res.Header
			if res.StatusCode != 200 || h.Get("Content-Type") != "text/html; charset=UTF-8" || h.Get("Cache-Control") != "no-cache" {
				t.Errorf("%d %v", res.StatusCode, h)
			}
			if !strings.Contains(body, "<body>"+c.body) || !strings.Contains(body, c.head) || strings.Contains(body, headMark) || strings.Count(body, "<title>") != 1 {
				t.Error(body)
			}
			if !strings.Contains(h.Get("Content-Security-Policy"), c.policy) || !strings.Contains(h.Get("Permissions-Policy"), c.permissions) {
				t.Error(h)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" || h.Get("Access-Control-Allow-Origin") != "" {
				t.Error(h)
			}
			if again, _ := s.get(t, c.path, "If-None-Match: "+h.Get("ETag")); again.StatusCode != 304 {
				t.Errorf("asked again: %d", again.StatusCode)
			}
			if head, none := s.do(t, http.MethodHead, c.path); head.StatusCode != 200 || none != "" || head.Header.Get("ETag") != h.Get("ETag") {
				t.Errorf("HEAD: %d %q %v", head.StatusCode, none, head.Header)
			}
			if post, _ := s.do(t, http.MethodPost, c.path); post.StatusCode != 405 || !strings.Contains(post.Header.Get("Allow"), "GET") {
				t.Errorf("POST: %d, Allow %q", post.StatusCode, post.Header.Get("Allow"))
			}
		})
	}
}

// Any site may frame the embed page, and no other.
func TestFraming(t *testing.T) {
	s := start(t, Config{}, built())
	for path, framed := range map[string]bool{"/": false, "/watch/a": false, "/publish/a": false, "/embed/a": true, "/embed/a/chat": true} {
		res, _ := s.get(t, path)
		if strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors") == framed {
			t.Errorf("%s: %s", path, res.Header.Get("Content-Security-Policy"))
		}
	}
}

func TestHead(t *testing.T) {
	s := start(t, Config{}, built())
	name := url.PathEscape(hangul)
	_, body := s.get(t, "/watch/"+name, "Host: tv.example")
	for _, want := range []string{
		`<link rel="canonical" href="http://tv.example/watch/` + name + `">`,
		`type="application/json+oembed" href="http://tv.example/oembed?url=http%3A%2F%2Ftv.example%2Fwatch%2F` + strings.ReplaceAll(name, "%", "%25") + `"`,
		`<meta property="og:video" content="http://tv.example/embed/` + name + `">`,
		`<meta property="og:title" content="` + hangul + `">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}

// A proxy may pass on a host that somebody made up.
func TestHeadEscapes(t *testing.T) {
	s := start(t, Config{TrustProxy: true}, built())
	res, body := s.get(t, "/watch/a", `X-Forwarded-Host: "><script>alert(1)</script>`)
	if res.StatusCode != 200 || strings.Contains(body, "<script>") || !strings.Contains(body, "script") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// Forwarded headers count only behind a proxy.
func TestTrustProxy(t *testing.T) {
	for trust, want := range map[bool]string{true: "https://tv.example/watch/a", false: "http://127.0.0.1:"} {
		s := start(t, Config{TrustProxy: trust}, built())
		_, body := s.get(t, "/watch/a", "X-Forwarded-Proto: https", "X-Forwarded-Host: mallory.example, tv.example", "X-Forwarded-For: 203.0.113.7")
		if !strings.Contains(body, `rel="canonical" href="`+want) || strings.Contains(body, "mallory") {
			t.Errorf("trust %v: %s", trust, body)
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s.log.String(), "from=203.0.113.7") != trust {
			t.Errorf("trust %v: %s", trust, s.log)
		}
	}
}

func TestBadNames(t *testing.T) {
	s := start(t, Config{}, built())
	for _, path := range []string{"/watch/a%20b", "/watch/a%2Fb", "/embed/%3Cscript%3E", "/publish/%ff", "/watch/" + strings.Repeat("a", 65)} {
		res, body := s.get(t, path, "Accept: text/html")
		if res.StatusCode != 400 || !strings.Contains(body, "not a stream name") || strings.Contains(body, "<script>") {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %v", path, res.Header)
		}
	}
	if _, body := s.get(t, "/watch/a%20b", "Accept: text/html", "Accept-Language: ko-KR,ko;q=0.9,en;q=0.8"); !strings.Contains(body, `lang="ko"`) {
		t.Errorf("not in Korean: %s", body)
	}
}

// Errors are pages for people, problem documents for programs, and neither leaks what broke.
func TestErrors(t *testing.T) {
	s := start(t, Config{}, built())
	for _, c := range []struct {
		method, path, accept string
		status               int
		contentType, detail  string
	}{
		{"GET", "/nothing", "text/html,*/*", 404, "text/html; charset=UTF-8", "nothing at this address"},
		{"GET", "/watch/", "*/*", 404, "application/problem+json", "nothing at this address"},
		{"GET", "/nothing", "*/*", 404, "application/problem+json", "nothing at this address"},
		{"GET", "/assets/none.js", "*/*", 404, "application/problem+json", "nothing at this address"},
		{"GET", "/assets/../server.go", "*/*", 404, "application/problem+json", ""},
		{"GET", "/.gitkeep", "*/*", 404, "application/problem+json", ""},
		{"GET", "/watch.html", "*/*", 404, "application/problem+json", ""},
		{"DELETE", "/", "text/html", 405, "text/html; charset=UTF-8", "Allow"},
		{"PUT", "/api/v1/streams", "text/html", 405, "application/problem+json", "Allow"},
		{"GET", "/api/v1/streams/", "text/html", 404, "application/problem+json", "nothing at this address"},
		{"GET", "/api/v1/streams/a%20b", "", 400, "application/problem+json", "not a stream name"},
		{"POST", "/whip/busy", "text/html", 409, "application/problem+json", "studio"},
		{"POST", "/whep/bad", "", 422, "application/problem+json", "m-line 1 has no ice-ufrag"},
		{"POST", "/whip/broken", "", 500, "application/problem+json", "its log says what"},
		{"POST", "/whip/panic", "", 500, "application/problem+json", "its log says what"},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			res, body := s.do(t, c.method, c.path, "Accept: "+c.accept)
			if res.StatusCode != c.status || res.Header.Get("Content-Type") != c.contentType || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
			}
			if !strings.Contains(body, c.detail) || strings.Contains(body, "secret") {
				t.Error(body)
			}
			if c.contentType == "application/problem+json" && decode(t, body)["status"] != float64(c.status) {
				t.Error(body)
			}
		})
	}
	if res, body := s.do(t, http.MethodHead, "/nothing"); res.StatusCode != 404 || body != "" {
		t.Errorf("HEAD: %d %q", res.StatusCode, body)
	}
}

func TestWireCORS(t *testing.T) {
	s := start(t, Config{}, built())
	for _, path := range []string{"/whip", "/whip/", "/whip/a", "/whep/a", "/session/a", "/whip/busy", "/whip/broken", // and what leads nowhere:
		"/whep", "/whep/", "/whip/a/b", "/whep/a/b", "/session", "/session/", "/session/a/b"} {
		for _, method := range []string{"POST", "GET", "DELETE", "PATCH", "BREW"} {
			if res, _ := s.do(t, method, path, "Origin: https://other.example"); res.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s %s: %v", method, path, res.Header)
			}
		}
		res, _ := s.do(t, http.MethodOptions, path, "Origin: https://other.example", "Access-Control-Request-Method: POST")
		if res.StatusCode/100 != 2 || !strings.Contains(res.Header.Get("Access-Control-Allow-Methods"), "POST") {
			t.Errorf("preflight of %s: %d %v", path, res.StatusCode, res.Header)
		}
	}
}

func TestFiles(t *testing.T) {
	s := start(t, Config{}, built())
	for path, want := range map[string]struct{ contentType, cache string }{
		"/player.js":           {"text/javascript; charset=utf-8", "no-cache"},
		"/player.d.ts":         {"text/plain; charset=utf-8", "no-cache"},
		"/favicon.svg":         {"image/svg+xml", "no-cache"},
		"/assets/app-Bx_1.js":  {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		"/assets/app-Bx_1.css": {"text/css; charset=utf-8", "public, max-age=31536000, immutable"},
	} {
		res, body := s.get(t, path, "Origin: https://other.example")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != want.contentType || res.Header.Get("Cache-Control") != want.cache || body == "" {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Errorf("%s: %v", path, res.Header)
		}
		if again, _ := s.get(t, path, "If-None-Match: "+res.Header.Get("ETag")); again.StatusCode != 304 {
			t.Errorf("%s asked again: %d", path, again.StatusCode)
		}
		if head, none := s.do(t, http.MethodHead, path); head.StatusCode != 200 || none != "" {
			t.Errorf("HEAD %s: %d %q", path, head.StatusCode, none)
		}
	}
}

// The compressed form is the same file with a validator of its own, and only for who can read it.
func TestGzip(t *testing.T) {
	s := start(t, Config{}, built())
	plain, body := s.get(t, "/player.js")
	packed, _ := s.get(t, "/player.js", "Accept-Encoding: gzip")
	if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Vary") != "Accept-Encoding" || packed.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Errorf("%v, plain %v", packed.Header, plain.Header)
	}
	_, zipped := s.get(t, "/player.js", "Accept-Encoding: br, gzip;q=0.5")
	r, err := gzip.NewReader(strings.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	if unzipped, err := io.ReadAll(r); err != nil || string(unzipped) != body {
		t.Errorf("%v; %d bytes instead of %d", err, len(unzipped), len(body))
	}
	for _, accept := range []string{"gzip;q=0", "br", "gzip; q=0.0", "gzipped"} {
		if res, _ := s.get(t, "/player.js", "Accept-Encoding: "+accept); res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q got %v", accept, res.Header)
		}
	}
	for _, path := range []string{"/assets/app-Bx_1.css", "/whep/a"} { // too small; the wire
		if res, _ := s.get(t, path, "Accept-Encoding: gzip"); res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %v", path, res.Header)
		}
	}
}

// Without a build the pages say what to do, and all else works.
func TestNoBuild(t *testing.T) {
	s := start(t, Config{}, fstest.MapFS{"dist/.gitkeep": {}})
	for _, path := range []string{"/", "/watch/a", "/embed/a", "/publish/a", "/player.js"} {
		res, body := s.get(t, path, "Accept: text/html")
		if res.StatusCode != 503 || !strings.Contains(body, "make web") {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if res, body := s.get(t, "/"); res.StatusCode != 503 || !strings.Contains(decode(t, body)["detail"].(string), "make web") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	for path, status := range map[string]int{"/healthz": 200, "/api/v1/streams": 200, "/whep/a": 201, "/watch/a%20b": 400} {
		if res, _ := s.get(t, path); res.StatusCode != status {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}
