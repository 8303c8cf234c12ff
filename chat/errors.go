package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// Errors of a room. What a member asked for and was refused wraps one of them in a [RefusalError]; the code in docs/chat.md is
// given by [Code].
var (
	ErrMalformed = errors.New("the frame is not a request")
	ErrUnknown   = errors.New("there is no such request")
	ErrEmpty     = errors.New("the message is empty")
	ErrTooLong   = errors.New("the message is too long")
	ErrTooFast   = errors.New("too many requests")
	ErrSlowMode  = errors.New("the room is in slow mode")
	ErrBusy      = errors.New("the room is too busy")
	ErrDuplicate = errors.New("the same message was just sent")
	ErrTimedOut  = errors.New("a moderator has asked for silence")
	ErrBanned    = errors.New("banned from this room")
	ErrFollowers = errors.New("only those who came by an invitation may write")
	ErrWord      = errors.New("the message has a word that is not welcome here")
	ErrForbidden = errors.New("not permitted")
	ErrNotFound  = errors.New("not found")
	ErrNickname  = errors.New("not a nickname")
	ErrTaken     = errors.New("the nickname is taken")
	ErrToken     = errors.New("the token is not valid")
	ErrFull      = errors.New("the room is full")
	ErrStorage   = errors.New("it could not be stored")

	ErrClosed = errors.New("the chat has ended")
	ErrSlow   = errors.New("the member does not read what is sent to it")
	ErrFlood  = errors.New("the member goes on in spite of refusals")
)

// Code is the short word for an error on the wire; "internal" for one that is not of this package.
func Code(err error) string {
	for _, c := range []struct {
		err  error
		code string
	}{
		{ErrMalformed, "malformed"}, {ErrUnknown, "unknown-type"}, {ErrEmpty, "empty"}, {ErrTooLong, "too-long"},
		{ErrTooFast, "too-fast"}, {ErrSlowMode, "slow-mode"}, {ErrBusy, "busy"}, {ErrDuplicate, "duplicate"},
		{ErrTimedOut, "timed-out"}, {ErrBanned, "banned"}, {ErrFollowers, "followers-only"}, {ErrWord, "word"},
		{ErrForbidden, "forbidden"}, {ErrNotFound, "not-found"}, {ErrNickname, "nickname"}, {ErrTaken, "nickname-taken"},
		{ErrToken, "token"}, {ErrFull, "full"}, {ErrStorage, "storage"}, {ErrClosed, "closed"}, {ErrSlow, "slow-reader"}, {ErrFlood, "flood"},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "internal"
}

// RefusalError says that and why a request was refused.
type RefusalError struct {
	Err        error         // a sentinel of this package
	Detail     string        // what was wrong and what to do; may be empty
	RetryAfter time.Duration // when to try again; 0 if that would not help
}

// Error gives the sentinel's text and the detail.
func (r *RefusalError) Error() string {
	if r.Detail == "" {
		return r.Err.Error()
	}
	return r.Err.Error() + ": " + r.Detail
}

// Unwrap gives the sentinel.
func (r *RefusalError) Unwrap() error { return r.Err }

func refuse(err error, format string, v ...any) *RefusalError {
	return &RefusalError{Err: err, Detail: fmt.Sprintf(format, v...)}
}

func refuseFor(err error, wait time.Duration, format string, v ...any) *RefusalError {
	return &RefusalError{Err: err, Detail: fmt.Sprintf(format, v...), RetryAfter: max(wait, time.Millisecond)}
}

// errorEvent is an error on the wire.
type errorEvent struct {
	Type       string `json:"type"`
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	Ref        string `json:"ref,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds, rounded up
	Merged     int    `json:"merged,omitempty"`      // how many more like this were refused and not told
}

func newErrorEvent(err error, ref string, merged int) errorEvent {
	e := errorEvent{Type: "error", Code: Code(err), Detail: err.Error(), Ref: ref, Merged: merged}
	if r := (*RefusalError)(nil); errors.As(err, &r) {
		e.RetryAfter = int(math.Ceil(r.RetryAfter.Seconds()))
	}
	return e
}

// ErrorFrame is the frame that tells an error to who could not join, or whose membership ended.
func ErrorFrame(err error) []byte { return frameOf(encode(newErrorEvent(err, "", 0))) }

// encode is for our own types, which always can be.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("chat: %T can't be encoded: %v", v, err))
	}
	return b
}
