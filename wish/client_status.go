package wish

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const maxProblemRead = 16 << 10

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

// Temporary tells whether the same request may have another answer later.
func (e *StatusError) Temporary() bool {
	switch e.Code {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return e.Code >= 500
}

// statusError reads what the server says of its refusal: a problem document (RFC 9457), JSON of older servers, or text.
func statusError(response *http.Response) error {
	e := &StatusError{Code: response.StatusCode, RetryAfter: retryAfter(response.Header.Get("Retry-After"))}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxProblemRead))
	var problem struct{ Detail, Title, Error, Message string }
	switch {
	case json.Unmarshal(body, &problem) == nil:
		for _, text := range []string{problem.Detail, problem.Title, problem.Error, problem.Message} {
			if e.Detail == "" {
				e.Detail = plain(text)
			}
		}
	case strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain"):
		e.Detail = plain(string(body))
	}
	location, err := url.Parse(response.Header.Get("Location"))
	switch {
	case err == nil && e.Code/100 == 3:
		e.Detail = strings.TrimSpace(fmt.Sprintf("it points to %s, but a POST is redirected with 307 or 308 only; use that URL. %s", location.Redacted(), e.Detail))
	case e.Code == http.StatusUnauthorized && response.Request.Header.Get("Authorization") == "":
		e.Detail = strings.TrimSpace(fmt.Sprintf("no token was sent to %s. %s", response.Request.URL.Host, e.Detail))
	}
	return e
}

// plain is text from a stranger that is safe to print on a terminal.
func plain(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
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
