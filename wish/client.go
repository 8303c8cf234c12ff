package wish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxAnswerRead  = 64 << 10
	maxProblemRead = 16 << 10
	maxRedirects   = 10
)

// Client posts offers to a WHIP or a WHEP endpoint.
type Client struct {
	HTTP     *http.Client // nil means http.DefaultClient
	Endpoint string       // URL
	Token    string       // for "Authorization: Bearer", also after a redirect (RFC 9725 section 4.5); "" sends none
}

// Resource is a session that a Client has opened.
type Resource struct {
	URL  string // the session's, absolute; "" from a server that gave none
	ETag string // of the ICE session, with its quotes (RFC 9725 section 4.3.1); "" when the server gave none

	client *Client
}

// StatusError is an answer that is not a success.
type StatusError struct {
	Code       int           // HTTP status
	Detail     string        // what the server said, in plain text; may be empty
	RetryAfter time.Duration // 0: not said
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Post sends an offer and gives the answer with the session that it opened, whose Delete its caller owes. It follows 307
// and 308 with the offer and the token, but not from https to http. A *StatusError tells what the server refused.
func (c *Client) Post(ctx context.Context, offer string) (answer string, r *Resource, err error) {
	target := c.Endpoint
	for range maxRedirects {
		response, err := c.do(ctx, http.MethodPost, target, mediaTypeSDP, offer)
		if err != nil {
			return "", nil, err
		}
		if response.StatusCode != http.StatusTemporaryRedirect && response.StatusCode != http.StatusPermanentRedirect {
			return c.opened(ctx, response)
		}
		_ = response.Body.Close()
		next, err := response.Location()
		if err != nil {
			return "", nil, fmt.Errorf("redirected without a Location by %s", target)
		}
		if next.Scheme != "https" && response.Request.URL.Scheme == "https" {
			return "", nil, fmt.Errorf("not following a redirect from https to %s", next.Redacted())
		}
		target = next.String()
	}
	return "", nil, fmt.Errorf("more than %d redirects from %s", maxRedirects, c.Endpoint)
}

// Delete ends the session (RFC 9725 section 4.2). One that is already gone is no error.
func (r *Resource) Delete(ctx context.Context) error {
	if r.URL == "" {
		return nil
	}
	response, err := r.client.do(ctx, http.MethodDelete, r.URL, "", "")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone || response.StatusCode/100 == 2 {
		return nil
	}
	return statusError(response)
}

// do sends one request and follows no redirect.
func (c *Client) do(ctx context.Context, method, target, mediaType, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "Bongsu")
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
		request.Header.Set("Accept", mediaType)
	}
	if method == http.MethodPatch {
		request.Header.Set("If-Match", "*")
	}
	if c.Token != "" {
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

// opened reads a response to POST. A session that comes with an unusable answer is ended at once.
func (c *Client) opened(ctx context.Context, response *http.Response) (string, *Resource, error) {
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated && response.StatusCode != http.StatusOK {
		return "", nil, statusError(response)
	}
	r := &Resource{ETag: response.Header.Get("ETag"), client: c}
	location, err := response.Location() // against the URL that answered, after redirects
	if err == nil {
		r.URL = location.String()
	} else if !errors.Is(err, http.ErrNoLocation) {
		return "", nil, fmt.Errorf("unreadable Location of the session: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerRead+1))
	switch {
	case err != nil:
	case len(answer) > maxAnswerRead:
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswerRead)
	case !strings.HasPrefix(string(answer), "v="):
		err = fmt.Errorf("the server answered %d without an SDP answer", response.StatusCode)
	default:
		return string(answer), r, nil
	}
	return "", nil, errors.Join(err, r.Delete(context.WithoutCancel(ctx)))
}

// statusError reads what the server says of its refusal: a problem document (RFC 9457), JSON of older servers, or text.
func statusError(response *http.Response) error {
	e := &StatusError{Code: response.StatusCode, RetryAfter: retryAfter(response.Header.Get("Retry-After"))}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxProblemRead))
	var problem struct{ Detail, Title, Error, Message string }
	kind := response.Header.Get("Content-Type")
	switch {
	case json.Unmarshal(body, &problem) == nil:
		for _, text := range []string{problem.Detail, problem.Title, problem.Error, problem.Message} {
			if e.Detail == "" {
				e.Detail = text
			}
		}
	case strings.HasPrefix(kind, "text/plain"):
		e.Detail = strings.TrimSpace(strings.ToValidUTF8(string(body), "?"))
	}
	if location, err := url.Parse(response.Header.Get("Location")); err == nil && response.StatusCode/100 == 3 {
		e.Detail = strings.TrimSpace(fmt.Sprintf("it points to %s, but a POST is redirected with 307 or 308 only; use that URL. %s", location.Redacted(), e.Detail))
	}
	return e
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3).
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(header), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(0, time.Until(date))
}
