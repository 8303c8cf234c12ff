package wish

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"bongsu/broadcast"
)

func TestBearer(t *testing.T) {
	for header, token := range map[string]string{
		"":                 "",
		"Bearer abc":       "abc",
		"bearer  abc":      "abc",
		"BEARER a.b-c_d~=": "a.b-c_d~=",
		"Bearer":           "",
		"Bearer ":          "",
		"Bearer undefined": "",
		"Bearer null":      "",
		"undefined":        "",
		"a-bare-key":       "a-bare-key",
		"Basic dTpw":       "",
	} {
		if got := bearer(header); got != token {
			t.Errorf("%q: token %q, want %q", header, got, token)
		}
	}
}

func TestRequestToken(t *testing.T) { // W-94, W-95
	for _, c := range []struct{ target, authorization, token string }{
		{"/whip/x", "Bearer abc", "abc"}, {"/whip/x?token=abc", "", "abc"}, {"/whip/x?a=b&token=a%2Bb", "", "a+b"}, {"/whip/x?token=url", "Bearer header", "header"},
		{"/whip/x?token=url", "Bearer undefined", "url"}, {"/whip/x?token", "", ""}, {"/whip/x?tokens=x", "", ""},
	} {
		r, err := serveRequest(t, c.target, func(ctx echo.Context) {
			if c.authorization != "" {
				ctx.Request().Header.Set("Authorization", c.authorization)
			}
		})
		if err != nil || r.Token != c.token {
			t.Errorf("%s with %q: %+v, %v", c.target, c.authorization, r, err)
		}
	}
}

// TestNetwork: what counts as one client, and who is not counted.
func TestNetwork(t *testing.T) {
	for _, c := range []struct{ remote, forwarded, network string }{
		{"127.0.0.1:1", "", "invalid Prefix"},
		{"[::1]:1", "", "invalid Prefix"},
		{"127.0.0.1:1", "198.51.100.7", "127.0.0.1/32"}, // a proxy that is not trusted
		{"198.51.100.7:1", "", "198.51.100.7/32"},
		{"[::ffff:198.51.100.7]:1", "", "198.51.100.7/32"},
		{"[2001:db8:1:2:3::1]:1", "", "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:1", "", "fe80::/64"},
		{"@", "", "invalid Prefix"}, // a Unix socket
	} {
		r, err := serveRequest(t, "/whip/x", func(ctx echo.Context) {
			ctx.Request().RemoteAddr = c.remote
			if c.forwarded != "" {
				ctx.Request().Header.Set("X-Forwarded-For", c.forwarded)
			}
		})
		if err != nil || r.Network().String() != c.network {
			t.Errorf("%s for %q: %s, %v; want %s", c.remote, c.forwarded, r.Network(), err, c.network)
		}
	}
}

// serveRequest routes a request through echo to newRequest.
func serveRequest(t *testing.T, target string, change func(c echo.Context)) (r *Request, err error) {
	t.Helper()
	e := echo.New()
	e.Any("/whip", func(c echo.Context) error { change(c); r, err = newRequest(c); return nil })
	e.Any("/whip/:stream", func(c echo.Context) error { change(c); r, err = newRequest(c); return nil })
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", target, nil))
	return r, err
}

func TestRequestStream(t *testing.T) {
	for _, c := range []struct{ path, stream string }{
		{"/whip", ""},
		{"/whip/lobby", "lobby"},
		{"/whip/%EB%B4%89%EC%88%98", "봉수"},
		{"/whip/봉수", "봉수"},
		{"/whip/a%2Db", "a-b"}, // not how Go would write it
		{"/whip/%E1%84%87%E1%85%A9%E1%86%BC%E1%84%89%E1%85%AE", "봉수"}, // in pieces (NFD), as macOS writes it
		{"/whip/%e1%84%87%e1%85%a9%e1%86%bc%e1%84%89%e1%85%ae", "봉수"},
		{"/whip/" + url.PathEscape(strings.Repeat("e\u0301", 64)), strings.Repeat("\u00e9", 64)}, // 64 letters, 128 pieces
		{"/whip/lobby?token=x", "lobby"},
	} {
		r, err := serveRequest(t, c.path, func(echo.Context) {})
		if r == nil || r.Stream != c.stream {
			t.Errorf("%s: %+v, %v; want stream %q", c.path, r, err, c.stream)
		}
	}
	for _, path := range []string{"/whip/a%2Fb", "/whip/a%20b", "/whip/%2E%2E", "/whip/%FF", "/whip/a%252Fb", "/whip/%25"} {
		_, err := serveRequest(t, path, func(echo.Context) {})
		want(t, err, broadcast.ErrName)
	}
}

func TestRequestAddress(t *testing.T) {
	for _, c := range []struct {
		name, remote, forwarded string
		trust                   bool
		address                 string
		loopback                bool
	}{
		{"loopback", "127.0.0.1:5000", "", false, "127.0.0.1", true},
		{"loopback in IPv6", "[::1]:5000", "", false, "::1", true},
		{"mapped loopback", "[::ffff:127.0.0.1]:5000", "", false, "127.0.0.1", true},
		{"a proxy on this machine", "127.0.0.1:5000", "198.51.100.7", false, "127.0.0.1", false},
		{"a trusted proxy", "127.0.0.1:5000", "198.51.100.7", true, "198.51.100.7", false},
		{"from afar", "198.51.100.7:5000", "", false, "198.51.100.7", false},
		{"a lie", "198.51.100.7:5000", "127.0.0.1", false, "198.51.100.7", false},
		{"a link-local address", "[fe80::1%eth0]:5000", "", false, "fe80::1%eth0", false},
	} {
		r, err := serveRequest(t, "/whip/x", func(ctx echo.Context) {
			ctx.Request().RemoteAddr = c.remote
			if c.forwarded != "" {
				ctx.Request().Header.Set("X-Forwarded-For", c.forwarded)
			}
			if c.trust {
				ctx.Echo().IPExtractor = echo.ExtractIPFromXFFHeader()
			}
		})
		if err != nil || r.Address.String() != c.address || r.Loopback != c.loopback {
			t.Errorf("%s: %v, loopback %v, %v", c.name, r.Address, r.Loopback, err)
		}
	}
}
