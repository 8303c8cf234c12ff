// Package signal is signaling by WebSocket, and says how an error is told to a remote: with which status, and in which words.
package signal

import (
	"context"
	"errors"
	"net/http"

	"bongsu/auth"
	"bongsu/broadcast"
	"bongsu/chat"
	"bongsu/egress"
	"bongsu/wish"

	"github.com/labstack/echo/v4"
)

// ProblemType is the media type of a Problem (RFC 9457 section 6.1).
const ProblemType = "application/problem+json"

// StatusClientClosedRequest is for a client that no longer listens. It is not registered; access logs know it from nginx.
const StatusClientClosedRequest = 499

// Problem is a problem document (RFC 9457 section 3.1). Code is an extension member (section 3.2): a short, stable word that
// names the error for programs, since a Type of "about:blank" says no more than the status does.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Code     string `json:"code,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`
}

// known is an error that remotes are told about. Its detail is the error's own text unless given here.
type known struct {
	err    error
	status int
	code   string
	detail string
}

// table has the project's sentinels; the first that errors.Is finds in an error is the one that is told.
func table() []known {
	return []known{
		{broadcast.ErrName, http.StatusBadRequest, "bad-name", ""},
		{broadcast.ErrNoLayer, http.StatusUnprocessableEntity, "no-layer", ""},
		{broadcast.ErrNotFound, http.StatusNotFound, "no-stream", ""},
		{broadcast.ErrBusy, http.StatusConflict, "busy", ""},
		{auth.ErrUnauthorized, http.StatusUnauthorized, "unauthorized", ""},
		{auth.ErrForbidden, http.StatusForbidden, "forbidden", ""},
		{egress.ErrOffline, http.StatusConflict, "offline", ""},
		{egress.ErrEventList, http.StatusBadRequest, "bad-events", ""},
		{egress.ErrNoEvents, http.StatusNotFound, "no-events", ""},
		{egress.ErrTooManyEvents, http.StatusTooManyRequests, "too-many-events", ""},
		{egress.ErrLayerRequest, http.StatusBadRequest, "bad-layer", ""},
		{egress.ErrNoMedia, http.StatusNotFound, "no-media", ""},
		{wish.ErrMalformed, http.StatusBadRequest, "malformed", ""},
		{wish.ErrNoSession, http.StatusNotFound, "no-session", ""},
		{wish.ErrMethod, http.StatusMethodNotAllowed, "method", ""},
		{wish.ErrNotNow, http.StatusConflict, "not-now", ""},
		{wish.ErrStale, http.StatusPreconditionFailed, "stale", ""},
		{wish.ErrPrecondition, http.StatusPreconditionRequired, "precondition", ""},
		{wish.ErrTooLarge, http.StatusRequestEntityTooLarge, "too-large", ""},
		{wish.ErrMediaType, http.StatusUnsupportedMediaType, "media-type", ""},
		{wish.ErrUnprocessable, http.StatusUnprocessableEntity, "unprocessable", ""},
		{wish.ErrTooManySessions, http.StatusTooManyRequests, "too-many-sessions", ""},
		{wish.ErrTooFast, http.StatusTooManyRequests, "too-fast", ""},
		{wish.ErrRedirect, http.StatusTemporaryRedirect, "redirect", ""},
		{wish.ErrFull, http.StatusServiceUnavailable, "full", "this server has no room for another session; try again in a moment"},
		{broadcast.ErrClosed, http.StatusServiceUnavailable, "closing", "the server is shutting down; try again in a moment"},
		{chat.ErrMalformed, http.StatusBadRequest, "malformed", ""},
		{chat.ErrBanned, http.StatusForbidden, "banned", ""},
		{chat.ErrNotFound, http.StatusNotFound, "not-found", ""},
		{chat.ErrFull, http.StatusServiceUnavailable, "full", ""},
		{chat.ErrClosed, http.StatusServiceUnavailable, "closing", "the chat is shutting down; try again in a moment"},
		{ErrMessage, http.StatusBadRequest, "bad-message", ""},
		{ErrTaken, http.StatusConflict, "id-taken", ""},
		{ErrGone, http.StatusGone, "not-resumable", ""},
		{context.Canceled, StatusClientClosedRequest, "canceled", "the client went away before the answer was ready"},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, "timeout", "this took too long; try again in a moment"},
	}
}

// Status turns an error into an HTTP status and the problem document that tells it. What a request did wrong is told in the
// error's own words. What is wrong in the server is not: those words may hold what a stranger should not read.
func Status(err error) (status int, p Problem) {
	for _, k := range table() {
		if errors.Is(err, k.err) {
			detail := k.detail
			if detail == "" {
				detail = err.Error()
			}
			return k.status, problem(k.status, k.code, detail)
		}
	}
	if he := (*echo.HTTPError)(nil); errors.As(err, &he) && he.Code >= 400 && he.Code <= 599 {
		return he.Code, problem(he.Code, "", echoDetail(he))
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge, problem(http.StatusRequestEntityTooLarge, "too-large", err.Error())
	}
	return http.StatusInternalServerError,
		problem(http.StatusInternalServerError, "internal", "something went wrong inside the server; its log says what")
}

// problem fills in what follows from the status. Its phrase is the title, as RFC 9457 section 4.2.1 asks for "about:blank".
func problem(status int, code, detail string) Problem {
	title := http.StatusText(status)
	if status == StatusClientClosedRequest {
		title = "Client Closed Request"
	}
	return Problem{Type: "about:blank", Title: title, Status: status, Code: code, Detail: detail}
}

// echoDetail is the message of an echo.HTTPError, which is written for the client, unless it only repeats the status' phrase.
func echoDetail(he *echo.HTTPError) string {
	switch message, ok := he.Message.(string); {
	case he.Code == http.StatusNotFound && message == http.StatusText(he.Code):
		return "there is nothing at this address"
	case he.Code == http.StatusMethodNotAllowed && message == http.StatusText(he.Code):
		return "this address does not take that method; the Allow header lists those it takes"
	case !ok || message == http.StatusText(he.Code):
		return ""
	default:
		return message
	}
}
