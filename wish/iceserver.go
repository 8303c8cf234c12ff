package wish

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // it is what coturn and draft-uberti-behave-turn-rest-00 know
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pion/stun/v4"
)

// defaultTTL is how long credentials by a secret are good, as draft-uberti-behave-turn-rest-00 section 2.2 advises.
const defaultTTL = 24 * time.Hour

// ICEServer is a STUN or TURN server, which clients are told of in Link headers (RFC 9725 section 4.6).
type ICEServer struct {
	URLs       []string `koanf:"urls"` // RFC 7064, RFC 7065
	Username   string   `koanf:"username"`
	Credential string   `koanf:"credential"`
	// Secret makes credentials that are good for TTL (24 hours if it is 0), as coturn's use-auth-secret takes them.
	Secret string        `koanf:"secret"`
	TTL    time.Duration `koanf:"ttl"`
}

// Check tells what is wrong with a server.
func (s ICEServer) Check() error {
	if len(s.URLs) == 0 {
		return errors.New("it has no urls; give it at least one")
	}
	turn := false
	for _, u := range s.URLs {
		if err := CheckICEURL(u); err != nil {
			return err
		}
		turn = turn || strings.HasPrefix(strings.ToLower(u), "turn")
	}
	switch fixed := s.Username != "" || s.Credential != ""; {
	case fixed && s.Secret != "":
		return errors.New("it has both a secret and a username or credential; keep one of the two")
	case fixed && (s.Username == "" || s.Credential == ""):
		return errors.New("a username and a credential go together; give it both")
	case turn && !fixed && s.Secret == "":
		return errors.New("TURN asks who is there; give it a secret, or a username and a credential")
	case !turn && (fixed || s.Secret != ""):
		return errors.New("STUN asks nobody who is there; remove the credentials")
	case s.TTL != 0 && s.Secret == "":
		return errors.New("a ttl is for credentials that a secret makes; add the secret or remove the ttl")
	}
	for _, text := range []string{s.Username, s.Credential} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			return errors.New("username and credential are printable ASCII")
		}
	}
	return nil
}

// CheckICEURL tells what is wrong with the URL of a STUN or TURN server (RFC 7064 section 3.1, RFC 7065 section 3.1).
func CheckICEURL(text string) error {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>\@#,;/`, r) }
	u, err := stun.ParseURI(text)
	if err != nil || strings.ContainsFunc(text, bad) || u.Port < 1 || u.Port > 65535 {
		return fmt.Errorf(`%q is no URL of a STUN or TURN server; it looks like "stun:stun.example.org" or "turn:turn.example.org:3478?transport=udp"`, text)
	}
	return nil
}

// Credentials gives those that hold now; with a secret they are new every time. A STUN server has none.
func (s ICEServer) Credentials(now time.Time) (username, credential string) {
	if s.Secret == "" {
		return s.Username, s.Credential
	}
	ttl := s.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	username = fmt.Sprintf("%d:%s", now.Add(ttl).Unix(), randomHex(4))
	mac := hmac.New(sha1.New, []byte(s.Secret))
	mac.Write([]byte(username))
	return username, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// addLinks adds a Link header line for each URL, since some clients read one link a line. Who is not known hears only of
// servers that ask for no credentials.
func (r *Resources) addLinks(h http.Header, known bool) {
	now := time.Now()
	for _, s := range r.ICEServers {
		username, credential := s.Credentials(now)
		if username != "" && !known {
			continue
		}
		for _, u := range s.URLs {
			h.Add("Link", iceLink(u, username, credential))
		}
	}
}

// iceLink writes a link (RFC 8288 section 3). RFC 9725 has no credential-type, but a page of wide use reads a link only
// with these parameters in this order.
func iceLink(url, username, credential string) string {
	link := fmt.Sprintf(`<%s>; rel="ice-server"`, url)
	if username == "" {
		return link
	}
	return fmt.Sprintf(`%s; username=%s; credential=%s; credential-type="password"`, link, quote(username), quote(credential))
}

// quote writes a quoted-string (RFC 9110 section 5.6.4).
func quote(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
