package signal

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// AllowOrigins gives the check of a WebSocket's Origin (RFC 6455 section 10.2): pages of this server may connect, those of the
// listed origins, all if "*" is among them, and what is not a browser. Behind a proxy that is trusted, its X-Forwarded-Host is
// this server's name.
func AllowOrigins(origins []string, trustProxy bool) func(*http.Request) bool {
	return func(r *http.Request) bool {
		origin := r.Header.Get("Origin")
		if origin == "" || slices.Contains(origins, "*") || slices.Contains(origins, strings.ToLower(origin)) {
			return true
		}
		u, err := url.Parse(origin)
		if err != nil {
			return false
		}
		host := r.Host
		if forwarded := r.Header.Get("X-Forwarded-Host"); trustProxy && forwarded != "" {
			host = strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
		}
		return strings.EqualFold(u.Host, host)
	}
}
