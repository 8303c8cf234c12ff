package wish

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// redirected marks the query of a URL that this server's like has sent a client to, with the scheme of that URL: "https" or
// "http". Behind a proxy a server would not know it.
const redirected = "redirected"

// RedirectError sends the client to another endpoint, by 307 (RFC 9725 section 4.5). Authorize, Ready and Open may return it.
type RedirectError struct {
	URL string // of the endpoint there, absolute
}

func (e *RedirectError) Error() string { return fmt.Sprintf("%s: %s", ErrRedirect, e.URL) }

// Unwrap gives ErrRedirect.
func (e *RedirectError) Unwrap() error { return ErrRedirect }

// location is where a request is sent: its query goes with it, in which there may be a token.
func (e *RedirectError) location(r *http.Request) (string, error) {
	target, err := url.Parse(e.URL)
	if err != nil {
		return "", fmt.Errorf("redirect: %w", err)
	}
	if target.Host == "" || target.Scheme != "https" && target.Scheme != "http" {
		return "", fmt.Errorf("redirect to %q, which is not an absolute URL of HTTP", e.URL)
	}
	var query []string
	for pair := range strings.SplitSeq(target.RawQuery+"&"+r.URL.RawQuery, "&") {
		if pair != "" && !strings.HasPrefix(pair, redirected+"=") {
			query = append(query, pair)
		}
	}
	target.RawQuery = strings.Join(append(query, redirected+"="+target.Scheme), "&")
	return target.String(), nil
}

// locate gives the Location of a session. It is a path, as simple clients want it; but after a redirect it is absolute, for
// some take it relative to the URL that they began with.
func locate(r *http.Request, id string) string {
	path := sessionPath + id
	scheme := r.URL.Query().Get(redirected)
	if scheme != "https" && scheme != "http" || r.Host == "" {
		return path
	}
	return scheme + "://" + r.Host + path
}
