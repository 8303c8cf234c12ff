package check

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// conventions are where servers have their endpoints, below the URL that people know of them.
func conventions() [][2]string {
	return [][2]string{
		{"/whip/" + streamMark, "/whep/" + streamMark},
		{"/" + streamMark + "/whip", "/" + streamMark + "/whep"},
		{"/api/whip", "/api/whep"},
		{"/whip", "/whep"},
	}
}

// Find gives c the endpoints behind a URL: it is one of a WHIP or a WHEP endpoint, whose other half is looked for beside it,
// or that of a server, whose endpoints are looked for where servers have them.
func Find(ctx context.Context, c *Config, address string) error {
	r, err := newRunner(Config{WHIP: address, Token: c.Token, Header: c.Header, Insecure: c.Insecure, Stream: c.Stream})
	if err != nil {
		return err
	}
	defer r.http.CloseIdleConnections()
	p := &probe{runner: r, ctx: ctx, check: &Check{ID: "W-00"}, stream: r.name("found")}
	u, _ := url.Parse(address)
	segments := strings.Split(u.Path, "/")
	for _, names := range [][2]string{{"whip", "whep"}, {"whep", "whip"}} {
		i := slices.Index(segments, names[0])
		if i < 0 {
			continue
		}
		segments[i] = names[1]
		other := strings.Replace(address, u.Path, strings.Join(segments, "/"), 1)
		if !p.isEndpoint(other) {
			other = ""
		}
		if c.WHIP, c.WHEP = address, other; names[0] == "whep" {
			c.WHIP, c.WHEP = other, address
		}
		return nil
	}
	base := strings.TrimSuffix(address, "/")
	for _, paths := range conventions() {
		whip, whep := p.isEndpoint(base+paths[0]), p.isEndpoint(base+paths[1])
		if whip {
			c.WHIP = base + paths[0]
		}
		if whep {
			c.WHEP = base + paths[1]
		}
		if whip || whep {
			return nil
		}
	}
	return fmt.Errorf("%w: no WHIP or WHEP endpoint was found below %s; give their own URLs", ErrConfig, address)
}

// isEndpoint asks whether something takes a POST of SDP there.
func (p *probe) isEndpoint(pattern string) bool {
	r, err := p.try(p.ctx, "OPTIONS", http.MethodOptions, p.at(pattern), "", "Origin", pageOrigin, "Access-Control-Request-Method", http.MethodPost)
	if err != nil || !r.success() {
		return false
	}
	takes := append(r.list("Allow"), r.list("Access-Control-Allow-Methods")...)
	return slices.Contains(r.list("Accept-Post"), mediaTypeSDP) || slices.Contains(takes, "post")
}
