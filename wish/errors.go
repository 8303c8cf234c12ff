package wish

import "errors"

// The errors of this package, each with the HTTP status that it stands for. They are wrapped with what was wrong and what
// to do about it. Allow, Accept-Post, Accept-Patch, Location and Retry-After are already set on the response when a handler
// returns one.
var (
	ErrMediaType       = errors.New("wrong media type")                 // 415, RFC 9725 section 4.2
	ErrTooLarge        = errors.New("body too large")                   // 413
	ErrMalformed       = errors.New("malformed SDP")                    // 400, RFC 9725 section 4.2
	ErrUnprocessable   = errors.New("this cannot be accepted")          // 422, RFC 9725 section 4.4.3
	ErrNoSession       = errors.New("no such session")                  // 404
	ErrMethod          = errors.New("method not allowed")               // 405
	ErrNotNow          = errors.New("the session does not wait for it") // 409
	ErrStale           = errors.New("not the current ICE session")      // 412, RFC 9725 section 4.3.1
	ErrPrecondition    = errors.New("which ICE session is not said")    // 428, RFC 9725 section 4.3.1
	ErrTooManySessions = errors.New("too many sessions")                // 429, RFC 9725 section 5
	ErrTooFast         = errors.New("too many requests")                // 429, RFC 9725 section 5
	ErrFull            = errors.New("no room for another session")      // 503, RFC 9725 section 4.5
	ErrRedirect        = errors.New("another server has this stream")   // 307, RFC 9725 section 4.5; by a *RedirectError
)
