package wish

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestParseLinks(t *testing.T) {
	base, err := url.Parse("https://host/whep/a?b=c")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		headers []string
		want    string // [URL rel params], one after another
	}{
		{"RFC 9725 figure 5", []string{`<stun:stun.example.net>; rel="ice-server"`, `<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="myPassword"`},
			`[stun:stun.example.net ice-server map[]] [turn:turn.example.net?transport=udp ice-server map[credential:myPassword username:user]]`},
		{"several in a line", []string{`<stun:a>;rel=ice-server, <stun:b> ; rel = "ice-server" ,<stun:c>;rel=ice-server`}, `[stun:a ice-server map[]] [stun:b ice-server map[]] [stun:c ice-server map[]]`},
		{"commas, semicolons and escapes in quotes", []string{`<turn:a>; rel="ice-server"; username="1,2;3"; credential="a\"b\\c>", <stun:b>; rel=ice-server`},
			`[turn:a ice-server map[credential:a"b\c> username:1,2;3]] [stun:b ice-server map[]]`},
		{"commas in the target", []string{`<turn:a?x=1,2>; rel=ice-server`}, `[turn:a?x=1,2 ice-server map[]]`},
		{"names of any case, the first counts", []string{`<stun:a>; REL=ice-server; rel=other; UserName=u; username=v`}, `[stun:a ice-server map[username:u]]`},
		{"relative", []string{`</session/1/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,layers"`},
			`[https://host/session/1/events urn:ietf:params:whep:ext:core:server-sent-events map[events:active,layers]]`},
		{"two relations", []string{`<x>; rel="a ice-server"`}, `[https://host/whep/x a ice-server map[]]`},
		{"no relation", []string{`<stun:a>`, `<stun:b>; rel=""`, `<stun:c>; title=x, <stun:d>; rel=x`}, `[stun:d x map[]]`},
		{"a flag", []string{`<stun:a>; crossorigin; rel=x;`}, `[stun:a x map[crossorigin:]]`},
		{"draft without brackets", []string{`stun:a; rel=ice-server`, `<stun:b>; rel=x`}, `[stun:b x map[]]`},
		{"garbage", []string{``, `,,,`, `<`, `<>`, `<a`, `;`, `<%zz>; rel=x`, "<http://[>; rel=x", `<stun:a>; rel="x`, `<stun:b>; rel=x y, <stun:c>; rel=x`}, `[stun:a x map[]] [stun:b x y map[]] [stun:c x map[]]`},
		{"unquoted end", []string{`<turn:a>; rel=x; credential="a\`}, `[turn:a x map[credential:a\]]`},
	} {
		var got []string
		for _, l := range parseLinks(c.headers, base) {
			got = append(got, fmt.Sprintf("[%s %s %v]", l.URL, l.Rel, l.Params))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, text, c.want)
		}
	}
	if n := len(parseLinks([]string{strings.Repeat("<stun:a>;rel=x,", 1000)}, base)); n != maxLinks {
		t.Errorf("%d links of 1000", n)
	}
	if l := (Link{Rel: "a ICE-Server"}); !l.Is(RelICEServer) || l.Is("ice") {
		t.Errorf("%+v", l)
	}
}

func FuzzLinks(f *testing.F) {
	for _, seed := range []string{`<stun:a>; rel="ice-server"`, `<turn:a?b>; rel=ice-server; username="a\"b,c"; credential=x, </e>; rel="a b"`, `<>;=;,"`, `<a>;rel="\`} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "https", Host: "host", Path: "/"}
	f.Fuzz(func(t *testing.T, header string) {
		for _, l := range parseLinks([]string{header}, base) {
			if l.Rel == "" || l.URL == "" {
				t.Fatalf("%+v of %q", l, header)
			}
			if l.Rel != strings.TrimSpace(l.Rel) || strings.ContainsAny(l.Rel+l.Params["username"], "\r\n") {
				continue // such as no header can hold
			}
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
			again := fmt.Sprintf(`<%s>; rel="%s"; username="%s"`, l.URL, quoted.Replace(l.Rel), quoted.Replace(l.Params["username"]))
			if strings.Contains(l.URL, ">") {
				continue
			}
			if back := parseLinks([]string{again}, base); len(back) != 1 || back[0].Rel != l.Rel || back[0].Params["username"] != l.Params["username"] {
				t.Fatalf("%q is read as %+v, was %+v", again, back, l)
			}
		}
	})
}

// TestClientOptions: ICE servers before the offer, and with the answer; what is no endpoint is told.
func TestClientOptions(t *testing.T) {
	link := func(w http.ResponseWriter) {
		w.Header().Add("Link", `<stun:a>; rel="ice-server"`)
		w.Header().Add("Link", `<turn:b>; rel="ice-server"; username="u"; credential="c"; credential-type="password"`)
	}
	_, c := serve(t, map[string]http.HandlerFunc{
		"/whip": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		},
		"OPTIONS /there": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer secret" && r.Header.Get("Access-Control-Request-Method") == "" {
				link(w)
			}
		},
		"POST /there": func(w http.ResponseWriter, r *http.Request) { link(w); created("/s")(w, r) },
		"HEAD /there": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "application/sdp;x=y") },
		"HEAD /page":  func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") },
		"POST /page":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
	})
	links, err := c.Options(t.Context())
	_, r, posted := c.Post(t.Context(), "v=offer")
	if err != nil || posted != nil {
		t.Fatal(err, posted)
	}
	for _, links := range [][]Link{links, r.Links} {
		if len(links) != 2 || links[1].URL != "turn:b" || links[1].Params["credential"] != "c" || !links[1].Is(RelICEServer) {
			t.Errorf("links %+v", links)
		}
	}
	if is, err := c.Discover(t.Context()); err != nil || !is {
		t.Errorf("a WHEP endpoint: %v, %v", is, err)
	}
	c.Endpoint = strings.TrimSuffix(c.Endpoint, "/whip") + "/page"
	if is, err := c.Discover(t.Context()); err != nil || is {
		t.Errorf("a page: %v, %v", is, err)
	}
	if _, err := c.Options(t.Context()); !isStatus(err, 405) {
		t.Errorf("OPTIONS of a page: %v", err)
	}
}
