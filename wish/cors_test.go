package wish

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

func TestPreflight(t *testing.T) { // W-07, W-08, E-06
	g := newGateway(t, Limits{}, func(e *Endpoint) { e.Authorize = func(*Request) error { return errNobody } })
	for _, c := range []struct{ path, method, headers string }{
		{"/whip/x", "POST", "authorization,content-type"},
		{"/whep/x", "POST", "authorization,content-type"},
		{"/session/0", "DELETE", "authorization"},
		{"/session/0", "PATCH", "if-match,content-type,authorization,etag"},
	} {
		r := g.do(t, "OPTIONS", c.path, "", "Origin", "https://example.org", "Access-Control-Request-Method", c.method, "Access-Control-Request-Headers", c.headers)
		if r.StatusCode != 200 || r.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), c.method) {
			t.Errorf("%s %s: %d %v", c.method, c.path, r.StatusCode, r.Header)
		}
		allowed := strings.Split(strings.ToLower(r.Header.Get("Access-Control-Allow-Headers")), ", ")
		for want := range strings.SplitSeq(c.headers, ",") {
			if !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+want+" ") {
				t.Errorf("%s %s: %s is not among %q", c.method, c.path, want, allowed)
			}
		}
		if r.Header.Get("Access-Control-Allow-Credentials") != "" || r.Header.Get("Link") != "" { // W-11, W-91
			t.Errorf("%s %s: %v", c.method, c.path, r.Header)
		}
		if strings.HasPrefix(c.path, "/wh") && r.Header.Get("Accept-Post") != mediaTypeSDP { // W-06
			t.Errorf("%s %s: no Accept-Post", c.method, c.path)
		}
	}
}

// A URL that knows no OPTIONS has its preflights answered all the same.
func TestPreflightElsewhere(t *testing.T) {
	e := echo.New()
	e.Use(CORS)
	e.GET("/api", func(c echo.Context) error { return c.NoContent(200) })
	e.POST("/denied", func(c echo.Context) error { return echo.ErrUnauthorized })
	for path, status := range map[string]int{"/api": 204, "/nowhere": 204} {
		request := httptest.NewRequest("OPTIONS", path, nil)
		request.Header.Set("Access-Control-Request-Method", "GET")
		recorder := httptest.NewRecorder()
		e.ServeHTTP(recorder, request)
		if recorder.Code != status || recorder.Header().Get("Access-Control-Allow-Headers") == "" {
			t.Errorf("%s: %d %v", path, recorder.Code, recorder.Header())
		}
	}
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, httptest.NewRequest("POST", "/denied", nil))
	if recorder.Code != 401 || recorder.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("an error: %d %v", recorder.Code, recorder.Header())
	}
}
