package wish

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxLinks = 32

// RelICEServer is the relation of a STUN or TURN server (RFC 9725 section 4.6). Its Params are "username" and "credential".
const RelICEServer = "ice-server"

// Link is a web link (RFC 8288).
type Link struct {
	URL    string            // absolute
	Rel    string            // relation types, separated by blanks
	Params map[string]string // the other attributes, by name in lower case
}

// Is tells whether the link has a relation type.
func (l Link) Is(rel string) bool {
	return slices.ContainsFunc(strings.Fields(l.Rel), func(r string) bool { return strings.EqualFold(r, rel) })
}

// Options gives the links that the endpoint shows before an offer is made: ICE servers, for clients that can't take them from
// a Resource in time (RFC 9725 section 4.6).
func (c *Client) Options(ctx context.Context) ([]Link, error) {
	response, err := c.follow(ctx, http.MethodOptions, "")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return nil, statusError(response)
	}
	return linksOf(response), nil
}

// Discover tells whether the endpoint is one of WHEP (whep-03 section 4.2): then it says so, without an offer.
func (c *Client) Discover(ctx context.Context) (bool, error) {
	response, err := c.follow(ctx, http.MethodHead, "")
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return response.StatusCode/100 == 2 && kind == mediaTypeSDP, nil
}

func linksOf(response *http.Response) []Link {
	return parseLinks(response.Header.Values("Link"), response.Request.URL)
}

// parseLinks reads Link headers (RFC 8288 section 3 and appendix B.2): several in a line, several lines. What can't be read
// ends its line; a link without a relation is none.
func parseLinks(headers []string, base *url.URL) (links []Link) {
	for _, rest := range headers {
		for len(links) < maxLinks {
			rest = strings.TrimLeft(rest, " \t,")
			target, tail, ok := strings.Cut(strings.TrimPrefix(rest, "<"), ">")
			if !ok || !strings.HasPrefix(rest, "<") {
				break
			}
			params, tail := parseParams(tail)
			_, rest, _ = strings.Cut(tail, ",")
			rel := params["rel"]
			delete(params, "rel")
			if u, err := base.Parse(strings.TrimSpace(target)); err == nil && rel != "" {
				links = append(links, Link{URL: u.String(), Rel: rel, Params: params})
			}
		}
	}
	return links
}

// parseParams reads parameters, each after a semicolon, and gives what is left. Of one that is there twice the first counts.
func parseParams(text string) (params map[string]string, rest string) {
	params = map[string]string{}
	for {
		text = strings.TrimLeft(text, " \t")
		if !strings.HasPrefix(text, ";") {
			return params, text
		}
		text = strings.TrimLeft(text[1:], " \t")
		end := strings.IndexAny(text+";", "=;,")
		name := strings.ToLower(strings.TrimSpace(text[:end]))
		text = text[end:]
		value := ""
		if strings.HasPrefix(text, "=") {
			value, text = parseValue(strings.TrimLeft(text[1:], " \t"))
		}
		if _, twice := params[name]; name != "" && !twice {
			params[name] = value
		}
	}
}

// parseValue reads a token, or a quoted string with its escapes (RFC 9110 section 5.6.4). One that does not end ends with
// the line.
func parseValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text+";", ";,")
		return strings.TrimSpace(text[:end]), text[end:]
	}
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return out.String(), text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String(), ""
}
