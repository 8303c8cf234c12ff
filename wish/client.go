package wish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxAnswerRead = 64 << 10
	maxRedirects  = 10
)

// Client posts offers to a WHIP or a WHEP endpoint. Its requests end with their contexts; how long a server may take
// otherwise is up to HTTP.
type Client struct {
	HTTP     *http.Client // nil means http.DefaultClient
	Endpoint string       // URL
	// Token goes out as "Authorization: Bearer" (RFC 6750 section 2.1); "" sends none. Where the server redirects to, or has
	// its sessions, gets it too if it is the same host, or if both are reached by https.
	Token string
	// Answer makes the answer to a server that wants to make the offer itself (whep-03 section 4.3.2). Nil refuses.
	Answer func(offer string) (answer string, err error)
}

// Resource is a session that a Client has opened. Call one of Trickle and Restart at a time; Delete at any time.
type Resource struct {
	URL   string // the session's, absolute; "" from a server that gave none
	ETag  string // of the ICE session, with its quotes (RFC 9725 section 4.3.1); "" when the server gave none
	Links []Link // ICE servers (RFC 9725 section 4.6) and extensions (section 4.9)

	client *Client
	ice    toldICE
}

// Post sends an offer and gives the answer with the session that it opened, whose Delete its caller owes. The offer may lack
// candidates, which Trickle adds. The answer is "" if the server has made an offer of its own, and Client.Answer the answer.
// Post follows 307 and 308 with the offer, but not from https to http (RFC 9725 section 4.5). A *StatusError tells what the
// server refused.
func (c *Client) Post(ctx context.Context, offer string) (answer string, r *Resource, err error) {
	response, err := c.follow(ctx, http.MethodPost, offer)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode == http.StatusCreated || response.StatusCode == http.StatusOK:
		answer, r, err = c.opened(response)
		if err == nil {
			r.ice.tell(offer)
		}
	case response.StatusCode == http.StatusNotAcceptable && kind == mediaTypeSDP:
		r, err = c.countered(ctx, response)
	default:
		return "", nil, statusError(response)
	}
	if err != nil && r != nil { // a session that is of no use
		return "", nil, errors.Join(err, r.Delete(context.WithoutCancel(ctx)))
	}
	return answer, r, err
}

// opened reads a response with a session and an SDP description, in which lines end with CRLF then. Next to an error the
// session is still open, if there is one.
func (c *Client) opened(response *http.Response) (description string, r *Resource, err error) {
	r = &Resource{ETag: response.Header.Get("ETag"), Links: linksOf(response), client: c}
	r.ice.patch = r.ETag != "" || acceptsFragments(response.Header)
	location, err := response.Location() // against the URL that answered, after redirects
	if err == nil {
		r.URL = location.String()
	} else if !errors.Is(err, http.ErrNoLocation) {
		return "", nil, fmt.Errorf("unreadable Location of the session: %w", err)
	}
	body, err := readAll(response)
	if err != nil {
		return "", r, err
	}
	if !strings.HasPrefix(body, "v=") {
		return "", r, fmt.Errorf("the server answered %d without SDP", response.StatusCode)
	}
	return strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n"), r, nil
}

// countered answers the server's own offer (whep-03 section 4.3.2).
func (c *Client) countered(ctx context.Context, response *http.Response) (*Resource, error) {
	offer, r, err := c.opened(response)
	if err != nil {
		return r, err
	}
	if c.Answer == nil || r.URL == "" {
		return r, &StatusError{Code: response.StatusCode, Detail: "it wants to make the offer itself, which can't be answered here"}
	}
	answer, err := c.Answer(offer)
	if err != nil {
		return r, fmt.Errorf("can't answer the server's own offer: %w", err)
	}
	patched, err := c.do(ctx, http.MethodPatch, r.URL, http.Header{"Content-Type": {mediaTypeSDP}}, answer)
	if err != nil {
		return r, err
	}
	defer patched.Body.Close()
	if patched.StatusCode/100 != 2 {
		return r, statusError(patched)
	}
	if tag := patched.Header.Get("ETag"); tag != "" {
		r.ETag = tag
	}
	r.ice.patch = r.ice.patch || r.ETag != "" || acceptsFragments(patched.Header)
	r.ice.tell(answer)
	return r, nil
}

// Delete ends the session (RFC 9725 section 4.2). One that is already gone is no error.
func (r *Resource) Delete(ctx context.Context) error {
	if r.URL == "" {
		return nil
	}
	response, err := r.client.do(ctx, http.MethodDelete, r.URL, nil, "")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone || response.StatusCode/100 == 2 {
		return nil
	}
	return statusError(response)
}

// follow sends a request to the endpoint and goes where it is redirected to.
func (c *Client) follow(ctx context.Context, method, body string) (*http.Response, error) {
	header := http.Header{"Accept": {mediaTypeSDP}}
	if body != "" {
		header.Set("Content-Type", mediaTypeSDP)
	}
	target := c.Endpoint
	for range maxRedirects {
		response, err := c.do(ctx, method, target, header, body)
		if err != nil || response.StatusCode != http.StatusTemporaryRedirect && response.StatusCode != http.StatusPermanentRedirect {
			return response, err
		}
		_ = response.Body.Close()
		next, err := response.Location()
		if err != nil {
			return nil, fmt.Errorf("redirected without a Location by %s", response.Request.URL.Redacted())
		}
		if next.Scheme != "https" && response.Request.URL.Scheme == "https" {
			return nil, fmt.Errorf("not following a redirect from https to %s", next.Redacted())
		}
		target = next.String()
	}
	return nil, fmt.Errorf("more than %d redirects from %s", maxRedirects, c.Endpoint)
}

// do sends one request and follows no redirect.
func (c *Client) do(ctx context.Context, method, target string, header http.Header, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		request.Header = header.Clone()
	}
	request.Header.Set("User-Agent", "Bongsu")
	if c.Token != "" && c.trusts(request.URL) {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := http.DefaultClient
	if c.HTTP != nil {
		client = c.HTTP
	}
	once := *client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return once.Do(request)
}

// trusts tells whether a URL may see the token.
func (c *Client) trusts(target *url.URL) bool {
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil || endpoint.Scheme == "https" && target.Scheme != "https" {
		return false
	}
	return endpoint.Scheme == "https" || strings.EqualFold(endpoint.Hostname(), target.Hostname())
}

// readAll reads the body of a success.
func readAll(response *http.Response) (string, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerRead+1))
	if err == nil && len(body) > maxAnswerRead {
		err = fmt.Errorf("the server's answer is larger than %d bytes", maxAnswerRead)
	}
	return string(body), err
}
