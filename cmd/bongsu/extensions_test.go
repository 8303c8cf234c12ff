package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bongsu/wish"
)

// watchLinks opens a session, and gives its links by relation.
func watchLinks(t *testing.T, ctx context.Context, endpoint string) map[string]string {
	t.Helper()
	_, resource, err := (&wish.Client{Endpoint: endpoint}).Post(ctx, readOffer(t, "whep-chromium.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"session": resource.URL}
	for _, l := range resource.Links {
		links[l.Rel[strings.LastIndex(l.Rel, ":")+1:]] = l.URL
	}
	return links
}

func askExtension(t *testing.T, ctx context.Context, method, url, contentType, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestExtensionStatuses: what is wrong with a request about events or layers has its status, and a problem document that pages
// of any origin may read (V-03, V-06, V-07, V-15, V-18, V-34, V-38).
func TestExtensionStatuses(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Demo = true })
	links := watchLinks(t, ctx, url+"/whep/demo")
	events, layer := links["server-sent-events"], links["layer"]
	const jsonType = "application/json"
	for _, c := range []struct {
		name, method, url, contentType, body string
		status                               int
		detail                               string
	}{
		{"all events", "POST", events, "", "", 201, ""},
		{"some", "POST", events, jsonType, `["active","active"]`, 201, ""},
		{"none", "POST", events, jsonType, `[]`, 201, ""},
		{"one that isn't there", "POST", events, jsonType, `["active","scte35"]`, 400, "scte35"},
		{"no list", "POST", events, jsonType, `{}`, 400, "array of names"},
		{"text", "POST", events, "text/plain", `["active"]`, 415, "application/json"},
		{"very long", "POST", events, jsonType, `["` + strings.Repeat("x", 1<<17) + `"]`, 413, "65536"},
		{"a fourth", "POST", events, "", "", 201, ""},
		{"a fifth", "POST", events, "", "", 429, "4"},
		{"GET of the list", "GET", events, "", "", 405, "POST"},
		{"a stream that isn't there", "GET", events + "/nothing", "", "", 404, "event stream"},
		{"PATCH of a stream", "PATCH", events + "/nothing", "", "", 405, "GET"},
		{"a session that isn't there", "POST", url + "/session/0123/events", "", "", 404, "ended"},
		{"automatic", "POST", layer, jsonType, `{}`, 200, ""},
		{"automatic by DELETE", "DELETE", layer, "", "", 200, ""},
		{"a rid without simulcast", "POST", layer, jsonType, `{"rid":"h"}`, 422, "simulcast"},
		{"an m-line that isn't there", "POST", layer, jsonType, `{"mediaId":"7"}`, 404, "m-lines"},
		{"a rid for the sound", "POST", layer, jsonType, `{"mediaId":"0","rid":"h"}`, 422, "no picture"},
		{"a number for a name", "POST", layer, jsonType, `{"rid":7}`, 400, "rid"},
		{"no JSON", "POST", layer, jsonType, `h`, 400, "JSON"},
		{"layer as text", "POST", layer, "", `{}`, 415, "application/json"},
		{"GET of the layer", "GET", layer, "", "", 405, "POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := askExtension(t, ctx, c.method, c.url, c.contentType, c.body)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || resp.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(resp.Header.Get("Access-Control-Expose-Headers"), "Link") {
				t.Errorf("%s %v %s", resp.Status, resp.Header, body)
			}
			if c.status < 400 {
				return
			}
			var p struct {
				Status int
				Detail string
			}
			if err := json.Unmarshal(body, &p); err != nil || p.Status != c.status || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%s, want %q", body, c.detail)
			}
		})
	}
	publisher := newOBS(t, ctx, url+"/whip/mine", nil)
	resp := askExtension(t, ctx, "POST", publisher.resource.URL+"/events", "", "")
	_ = resp.Body.Close()
	if resp.StatusCode != 404 || len(publisher.resource.Links) > 0 {
		t.Errorf("a publisher's: %s, %v", resp.Status, publisher.resource.Links)
	}
	publisher.leave(t, ctx)
}

// TestEventsUntilTheServerStops: the last that a viewer hears is that it should connect anew; the server waits a moment for
// it, but not for long (V-26).
func TestEventsUntilTheServerStops(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	heard := make(chan string, 1)
	t.Run("server", func(t *testing.T) {
		url := startGateway(t, func(c *Config) { c.Demo = true })
		links := watchLinks(t, ctx, url+"/whep/demo")
		opened := askExtension(t, ctx, "POST", links["server-sent-events"], "", "")
		_ = opened.Body.Close()
		first, whole := make(chan struct{}), askExtension(t, ctx, "GET", url+opened.Header.Get("Location"), "", "")
		go func() {
			defer whole.Body.Close()
			begin := make([]byte, 100)
			n, _ := io.ReadFull(whole.Body, begin)
			close(first)
			rest, _ := io.ReadAll(whole.Body)
			heard <- string(begin[:n]) + string(rest)
		}()
		select {
		case <-first:
		case <-ctx.Done():
			t.Error("no events")
		}
	})
	text := <-heard
	for _, want := range []string{"id: 1\nevent: active\ndata: {}\n\n", "event: layers\ndata: {\"1\":[{\"spatialLayerId\":0,\"bitrate\":", "event: viewercount\ndata: {\"viewercount\":1}\n\n", "event: reconnect\ndata: {}\n\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
