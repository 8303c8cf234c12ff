package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

func TestStreamsAPI(t *testing.T) {
	s := start(t, Config{}, built())
	if res, body := s.get(t, "/api/v1/streams"); res.StatusCode != 200 || strings.TrimSpace(body) != `{"streams":[]}` {
		t.Errorf("nothing live: %d %s", res.StatusCode, body)
	}
	goLive(t, s.hub, hangul)
	goLive(t, s.hub, "a")
	res, body := s.get(t, "/api/v1/streams")
	if res.Header.Get("Content-Type") != "application/json" || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error(res.Header)
	}
	list := decode(t, body)["streams"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["name"] != "a" {
		t.Fatalf("not sorted: %s", body)
	}
	if res, body := s.get(t, "/api/v1/streams/tomorrow"); res.StatusCode != 200 ||
		strings.TrimSpace(body) != `{"name":"tomorrow","state":"offline","viewers":0,"tracks":[]}` {
		t.Errorf("a stream that nobody uses: %d %s", res.StatusCode, body)
	}
	res, body = s.get(t, "/api/v1/streams/"+url.PathEscape(norm.NFD.String(hangul)))
	one := decode(t, body)
	if res.StatusCode != 200 || one["name"] != hangul || one["state"] != "live" || one["viewers"] != 0.0 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if since, err := time.Parse(time.RFC3339, one["since"].(string)); err != nil || time.Since(since) > time.Minute {
		t.Errorf("since %v: %v", one["since"], err)
	}
	tracks := one["tracks"].([]any)
	if len(tracks) != 2 {
		t.Fatalf("tracks: %s", body)
	}
	video := tracks[0].(map[string]any)
	if video["kind"] != "video" || video["codec"] != "VP8" || video["width"] != 320.0 || video["height"] != 180.0 {
		t.Errorf("video: %s", body)
	}
	if audio := tracks[1].(map[string]any); audio["kind"] != "audio" || audio["codec"] != "opus" {
		t.Errorf("audio: %s", body)
	}
}

func TestServerAPI(t *testing.T) {
	s := start(t, Config{}, built())
	_, body := s.get(t, "/api/v1/server")
	if strings.TrimSpace(body) != `{"name":"bongsu","version":"1.2.3"}` {
		t.Error(body)
	}
	for _, path := range []string{"/api/v1/server", "/api/v1/streams", "/oembed?url=x", "/healthz"} {
		if res, none := s.do(t, http.MethodHead, path); none != "" || res.StatusCode >= 500 || res.StatusCode == 405 {
			t.Errorf("HEAD %s: %d %q", path, res.StatusCode, none)
		}
	}
}

func TestOEmbed(t *testing.T) {
	s := start(t, Config{}, built())
	goLive(t, s.hub, hangul)
	name := url.PathEscape(hangul)
	for _, c := range []struct {
		page, query   string
		width, height float64
	}{
		{"/watch/" + name, "", 640, 360},
		{"/embed/" + name, "&format=json", 640, 360},
		{"/watch/" + name + "?muted#x", "&maxwidth=320", 320, 180},
		{"/watch/offline", "&maxheight=90", 160, 90},
		{"/watch/a", "&maxwidth=1280&maxheight=2000", 1280, 720},
		{"/watch/a", "&maxwidth=999999", 1920, 1080},
		{"/watch/a", "&maxwidth=1&maxheight=1", 1, 1},
	} {
		res, body := s.get(t, "/oembed?url="+url.QueryEscape(s.url+c.page)+c.query)
		v := decode(t, body)
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s%s: %d %v %s", c.page, c.query, res.StatusCode, res.Header, body)
			continue
		}
		if v["type"] != "video" || v["version"] != "1.0" || v["provider_url"] != s.url+"/" || v["width"] != c.width || v["height"] != c.height {
			t.Errorf("%s%s: %s", c.page, c.query, body)
		}
	}
	_, body := s.get(t, "/oembed?url="+url.QueryEscape(s.url+"/watch/"+url.PathEscape(norm.NFD.String(hangul))))
	html, _ := decode(t, body)["html"].(string)
	if !strings.HasPrefix(html, `<iframe src="`+s.url+"/embed/"+name+`" width="640" height="360" title="`+hangul+`"`) {
		t.Error(html)
	}
}

func TestOEmbedErrors(t *testing.T) {
	s := start(t, Config{}, built())
	watch := "/oembed?url=" + url.QueryEscape(s.url+"/watch/a")
	for path, want := range map[string]struct {
		status int
		detail string
	}{
		"/oembed":                 {400, "url is missing"},
		"/oembed?url=lobby":       {400, "http or https"},
		"/oembed?url=%3A%2F%2F":   {400, "http or https"},
		watch + "&format=xml":     {501, "format=json"},
		watch + "&maxwidth=wide":  {400, `maxwidth is "wide"`},
		watch + "&maxheight=-1":   {400, "maxheight"},
		watch + "&maxheight=1e99": {400, "maxheight"},
		"/oembed?url=" + url.QueryEscape("https://other.example/watch/a"):     {404, "of this server"},
		"/oembed?url=" + url.QueryEscape(s.url+"/publish/a"):                  {404, "of this server"},
		"/oembed?url=" + url.QueryEscape(s.url+"/watch/<b>"):                  {400, "not a stream name"},
		"/oembed?url=" + url.QueryEscape(s.url+"/watch/"):                     {400, "not a stream name"},
		"/oembed?url=" + url.QueryEscape("javascript:alert(1)//host/watch/a"): {400, "http or https"},
	} {
		res, body := s.get(t, path, "Accept: text/html")
		p := decode(t, body)
		detail, _ := p["detail"].(string)
		if res.StatusCode != want.status || res.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(detail, want.detail) {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
}
