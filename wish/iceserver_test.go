package wish

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestCheckICEURL(t *testing.T) {
	for _, good := range []string{
		"stun:stun.example.org", "stuns:stun.example.org:5349", "stun:192.0.2.1:3478", "stun:[2001:db8::1]", "turn:turn.example.org",
		"turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443?transport=tcp", "turn:[2001:db8::1]:3478?transport=tcp",
	} {
		if err := CheckICEURL(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{
		"", "stun:", "stun.example.org", "https://example.org", "stun://stun.example.org", "turn:user@turn.example.org", "turn:a:b@turn.example.org",
		"stun:stun.example.org?transport=udp", "turn:turn.example.org?transport=sctp", "turn:turn.example.org?proto=udp", "stun:stun.example.org:0",
		"stun:stun.example.org:70000", "stun:stun.example.org:port", "stun:stun.example.org#x", "stun:a b", "stun:a>b", "turn:turn.example.org/path", "stun:a,stun:b", "stun:예",
	} {
		if CheckICEURL(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestICEServerCheck(t *testing.T) {
	stunURL, turnURL := []string{"stun:example.org"}, []string{"turn:example.org", "turns:example.org"}
	for _, c := range []struct {
		server ICEServer
		fault  string // part of what is said of it
	}{
		{ICEServer{URLs: stunURL}, ""},
		{ICEServer{URLs: turnURL, Username: "u", Credential: "c"}, ""},
		{ICEServer{URLs: append(turnURL, stunURL...), Secret: "s", TTL: time.Hour}, ""},
		{ICEServer{}, "no urls"},
		{ICEServer{URLs: []string{"x"}}, "no URL"},
		{ICEServer{URLs: turnURL}, "TURN asks"},
		{ICEServer{URLs: []string{"TURN:example.org"}}, "TURN asks"},
		{ICEServer{URLs: turnURL, Username: "u"}, "go together"},
		{ICEServer{URLs: turnURL, Username: "u", Credential: "c", Secret: "s"}, "keep one"},
		{ICEServer{URLs: turnURL, Username: "u", Credential: "c", TTL: time.Hour}, "a ttl is for"},
		{ICEServer{URLs: stunURL, Secret: "s"}, "STUN asks nobody"},
		{ICEServer{URLs: turnURL, Username: "u", Credential: "c\r\nSet-Cookie: x"}, "printable"},
		{ICEServer{URLs: turnURL, Username: "봉수", Credential: "c"}, "printable"},
	} {
		err := c.server.Check()
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%+v: %v, want %q", c.server, err, c.fault)
		}
	}
}

// TestSecretCredentials: as coturn checks them with use-auth-secret.
func TestSecretCredentials(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct{ ttl, want time.Duration }{{0, 24 * time.Hour}, {time.Hour, time.Hour}} {
		s := ICEServer{URLs: []string{"turn:example.org"}, Secret: "north", TTL: c.ttl}
		username, credential := s.Credentials(now)
		expiry, _, _ := strings.Cut(username, ":")
		if at, err := strconv.ParseInt(expiry, 10, 64); err != nil || at != now.Add(c.want).Unix() {
			t.Errorf("%s ends %d, %v", username, at, err)
		}
		mac := hmac.New(sha1.New, []byte("north"))
		mac.Write([]byte(username))
		if credential != base64.StdEncoding.EncodeToString(mac.Sum(nil)) || strings.ContainsAny(username+credential, ",; \"\\") {
			t.Errorf("%s %s", username, credential)
		}
		if other, _ := s.Credentials(now); other == username {
			t.Error("two clients have one name, and share a quota")
		}
	}
}

// pageRegexp reads links as the pages of MediaMTX do, which stop at any that it does not match.
func pageRegexp() *regexp.Regexp {
	return regexp.MustCompile(`^<(.+?)>; rel="ice-server"(; username="(.*?)"; credential="(.*?)"; credential-type="password")?`)
}

// TestLinks: who is told of which servers, and how (W-88..W-92, E-41).
func TestLinks(t *testing.T) {
	g := newGateway(t, Limits{}, func(e *Endpoint) {
		e.Authorize = func(r *Request) error {
			if r.Token != "key" {
				r.Reply.Set("WWW-Authenticate", "Bearer")
				return errNobody
			}
			return nil
		}
	})
	g.resources.ICEServers = []ICEServer{
		{URLs: []string{"stun:stun.example.org"}},
		{URLs: []string{"turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:5349"}, Username: "user", Credential: `a"b\c`},
	}
	open := []string{`<stun:stun.example.org>; rel="ice-server"`}
	rest := `; rel="ice-server"; username="user"; credential="a\"b\\c"; credential-type="password"`
	all := append(slices.Clone(open), `<turn:turn.example.org:3478?transport=udp>`+rest, `<turns:turn.example.org:5349>`+rest)
	for _, path := range roles {
		offer := offerText(t, map[string]string{"/whip/x": "whip-obs", "/whep/x": "whep-firefox"}[path])
		for _, c := range []struct {
			name, method string
			headers      []string
			status       int
			links        []string
		}{
			{"a session", "POST", []string{"Content-Type", mediaTypeSDP, "Authorization", "Bearer key"}, 201, all},
			{"no session", "POST", []string{"Content-Type", mediaTypeSDP}, 401, nil},
			{"a bad offer", "POST", []string{"Content-Type", "text/plain", "Authorization", "Bearer key"}, 415, nil},
			{"OPTIONS with the key", "OPTIONS", []string{"Authorization", "Bearer key"}, 200, all},
			{"OPTIONS without", "OPTIONS", nil, 200, open},
			{"OPTIONS with a wrong key", "OPTIONS", []string{"Authorization", "Bearer x"}, 200, open},
			{"a preflight", "OPTIONS", []string{"Origin", "https://example.org", "Access-Control-Request-Method", "POST", "Authorization", "Bearer key"}, 200, nil},
		} {
			r := g.do(t, c.method, path, offer, c.headers...)
			if r.StatusCode != c.status || !slices.Equal(r.Header.Values("Link"), c.links) {
				t.Errorf("%s %s: %d %q, want %q", path, c.name, r.StatusCode, r.Header.Values("Link"), c.links)
			}
			if c.method == "OPTIONS" && r.Header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s %s: %v", path, c.name, r.Header)
			}
			for _, l := range r.Header.Values("Link") {
				if !pageRegexp().MatchString(l) {
					t.Errorf("%s: a page stops at it", l)
				}
			}
		}
	}
}

// FuzzLink: a link says what it was made of, in one header line and with nothing after it.
func FuzzLink(f *testing.F) {
	f.Add("turn:turn.example.org:3478?transport=udp", "user", `a"b\c`)
	f.Add("turns:[2001:db8::1]", `\"`, `"; rel="evil", <x`)
	f.Add("stun:stun.example.org", "", "")
	f.Fuzz(func(t *testing.T, url, username, credential string) {
		if (ICEServer{URLs: []string{url}, Username: username, Credential: credential}).Check() != nil {
			return
		}
		link := iceLink(url, username, credential)
		if strings.ContainsFunc(link, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q is no header line", link)
		}
		rest, found := strings.CutPrefix(link, "<"+url+`>; rel="ice-server"`)
		if !found || strings.ContainsAny(url, "<>") {
			t.Fatalf("%q", link)
		}
		if username == "" {
			if rest != "" {
				t.Fatalf("%q", link)
			}
			return
		}
		for _, p := range []struct{ name, value string }{{"username", username}, {"credential", credential}, {"credential-type", "password"}} {
			var value string
			if value, rest = cutQuoted(t, rest, "; "+p.name+"="); value != p.value {
				t.Fatalf("%s is %q in %q, want %q", p.name, value, link, p.value)
			}
		}
		if rest != "" {
			t.Fatalf("%q ends with %q", link, rest)
		}
	})
}

// cutQuoted reads a quoted-string after a prefix (RFC 9110 section 5.6.4).
func cutQuoted(t *testing.T, text, prefix string) (value, rest string) {
	text, found := strings.CutPrefix(text, prefix+`"`)
	if !found {
		t.Fatalf("%q is not at the start of %q", prefix, text)
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return value, text[i+1:]
		case '\\':
			i++
			if i == len(text) {
				t.Fatal("it ends within an escape")
			}
		}
		value += text[i : i+1]
	}
	t.Fatal("it has no end")
	return "", ""
}
