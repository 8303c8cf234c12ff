package signal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"bongsu/auth"
	"bongsu/broadcast"
	"bongsu/chat"
	"bongsu/egress"
	"bongsu/wish"

	"github.com/labstack/echo/v4"
)

func TestStatus(t *testing.T) {
	const secret = "/etc/bongsu/key.pem"
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
		detail string // part of the detail
	}{
		{"name", fmt.Errorf("%w: a slash", broadcast.ErrName), 400, "bad-name", "a slash"},
		{"unknown stream", fmt.Errorf("lobby: %w", broadcast.ErrNotFound), 404, "no-stream", "lobby"},
		{"busy", broadcast.ErrBusy, 409, "busy", broadcast.ErrBusy.Error()},
		{"closed", fmt.Errorf("%s: %w", secret, broadcast.ErrClosed), 503, "closing", "shutting down"},
		{"unauthorized", fmt.Errorf("%w: this server asks for a stream key", auth.ErrUnauthorized), 401, "unauthorized", "stream key"},
		{"forbidden", auth.ErrForbidden, 403, "forbidden", ""},
		{"offline", egress.ErrOffline, 409, "offline", ""},
		{"no layer", fmt.Errorf("%w: it has q, h", broadcast.ErrNoLayer), 422, "no-layer", "q, h"},
		{"event list", egress.ErrEventList, 400, "bad-events", ""},
		{"no event stream", egress.ErrNoEvents, 404, "no-events", ""},
		{"many event streams", egress.ErrTooManyEvents, 429, "too-many-events", ""},
		{"layer request", egress.ErrLayerRequest, 400, "bad-layer", ""},
		{"no m-line", egress.ErrNoMedia, 404, "no-media", ""},
		{"malformed", fmt.Errorf("%w: m-line 2", wish.ErrMalformed), 400, "malformed", "m-line 2"},
		{"dead session", wish.ErrNoSession, 404, "no-session", ""},
		{"method", wish.ErrMethod, 405, "method", ""},
		{"stale", wish.ErrStale, 412, "stale", ""},
		{"no precondition", wish.ErrPrecondition, 428, "precondition", ""},
		{"too large", wish.ErrTooLarge, 413, "too-large", ""},
		{"media type", wish.ErrMediaType, 415, "media-type", ""},
		{"unprocessable", wish.ErrUnprocessable, 422, "unprocessable", ""},
		{"too many sessions", wish.ErrTooManySessions, 429, "too-many-sessions", ""},
		{"too fast", wish.ErrTooFast, 429, "too-fast", ""},
		{"not now", wish.ErrNotNow, 409, "not-now", ""},
		{"redirect", &wish.RedirectError{URL: "https://example.org/whip/x"}, 307, "redirect", "https://example.org/whip/x"},
		{"full", fmt.Errorf("%w: %s", wish.ErrFull, secret), 503, "full", "try again"},
		{"no request of the chat", &chat.RefusalError{Err: chat.ErrMalformed, Detail: "not JSON"}, 400, "malformed", "not JSON"},
		{"banned", &chat.RefusalError{Err: chat.ErrBanned, Detail: "spam"}, 403, "banned", "spam"},
		{"full room", &chat.RefusalError{Err: chat.ErrFull}, 503, "full", ""},
		{"no room", chat.ErrNotFound, 404, "not-found", ""},
		{"no chat any more", chat.ErrClosed, 503, "closing", "try again"},
		{"left the chat", fmt.Errorf("%w: %w", wish.ErrNoSession, chat.ErrBanned), 404, "no-session", "banned"},
		{"no message", fmt.Errorf("%w: \"id\" is missing", ErrMessage), 400, "bad-message", "missing"},
		{"taken id", ErrTaken, 409, "id-taken", ""},
		{"nothing to resume", ErrGone, 410, "not-resumable", ""},
		{"client gone", fmt.Errorf("open: %w", context.Canceled), 499, "canceled", "went away"},
		{"too slow", context.DeadlineExceeded, 503, "timeout", "too long"},
		{"body limit", &http.MaxBytesError{Limit: 10}, 413, "too-large", ""},
		{"echo not found", echo.ErrNotFound, 404, "", "nothing at this address"},
		{"echo method", echo.ErrMethodNotAllowed, 405, "", "Allow"},
		{"echo message", echo.NewHTTPError(400, "maxwidth must be a number"), 400, "", "maxwidth"},
		{"echo wrapped", fmt.Errorf("bind: %w", echo.NewHTTPError(415, "no")), 415, "", "no"},
		{"echo 501", echo.NewHTTPError(501, "only JSON here"), 501, "", "only JSON"},
		{"echo not an error", echo.NewHTTPError(200, "fine"), 500, "internal", "log"},
		{"echo's cause", echo.NewHTTPError(500).SetInternal(errors.New(secret)), 500, "", ""},
		{"sentinel inside echo's error", echo.NewHTTPError(500, "x").SetInternal(broadcast.ErrBusy), 409, "busy", ""},
		{"joined", errors.Join(errors.New("first"), broadcast.ErrBusy), 409, "busy", ""},
		{"unforeseen", errors.New("open " + secret), 500, "internal", "log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, p := Status(c.err)
			if status != c.status || p.Status != c.status || p.Code != c.code {
				t.Errorf("got %d, %+v; want %d %q", status, p, c.status, c.code)
			}
			if p.Type != "about:blank" || p.Title == "" {
				t.Errorf("type %q, title %q", p.Type, p.Title)
			}
			if !strings.Contains(p.Detail, c.detail) {
				t.Errorf("detail %q lacks %q", p.Detail, c.detail)
			}
			if strings.Contains(p.Detail, secret) {
				t.Errorf("detail %q tells a secret", p.Detail)
			}
		})
	}
}

// The members' names are those of RFC 9457 section 3.1, and empty ones are left out.
func TestProblemJSON(t *testing.T) {
	_, p := Status(broadcast.ErrBusy)
	p.Detail = ""
	got, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"about:blank","title":"Conflict","status":409,"code":"busy"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
