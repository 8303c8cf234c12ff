// Package auth decides who may publish.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

// Errors of authorization: who are you, and you may not.
var (
	ErrUnauthorized = errors.New("a valid bearer token is needed")
	ErrForbidden    = errors.New("not permitted")
)

// Keys are the stream keys: a stream's name and the token that may publish it. Without any, everybody may publish anything.
type Keys map[string]string

// Publish decides whether a token may publish a stream, and gives the stream's name. Without a name the token has to say
// which is meant: as the key of one, or, on a server without keys, by being the name.
func (k Keys) Publish(stream, token string) (name string, err error) {
	switch {
	case len(k) == 0 && stream != "":
		return stream, nil
	case token == "" && stream == "":
		return "", fmt.Errorf("%w: it names the stream to publish", ErrUnauthorized)
	case len(k) == 0:
		return token, nil
	case token == "":
		return "", fmt.Errorf("%w: this server asks for a stream key", ErrUnauthorized)
	}
	for name, key := range k {
		if equal(key, token) && (stream == "" || stream == name) {
			return name, nil
		}
	}
	if _, ok := k[stream]; stream != "" && !ok {
		return "", fmt.Errorf("%w: nobody has a key for the stream %q", ErrForbidden, stream)
	}
	return "", fmt.Errorf("%w: the stream key is wrong", ErrUnauthorized)
}

// equal compares in a time that tells nothing of where or how the two differ.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// Challenge is the WWW-Authenticate header that goes with ErrUnauthorized (RFC 6750 section 3), for a request with this
// token or with none.
func Challenge(token string) string {
	if token == "" {
		return `Bearer realm="bongsu"`
	}
	return `Bearer realm="bongsu", error="invalid_token"`
}
