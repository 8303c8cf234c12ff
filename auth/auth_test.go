package auth

import (
	"errors"
	"testing"
)

func TestPublish(t *testing.T) {
	keys := Keys{"lobby": "k1", "봉수": "k2"}
	for _, c := range []struct {
		name          string
		keys          Keys
		stream, token string
		wantStream    string
		want          error
	}{
		{"open, by path", nil, "a", "", "a", nil},
		{"open, by path, with a token of one's own", nil, "a", "t", "a", nil},
		{"open, by token", nil, "", "a", "a", nil},
		{"open, nothing said", nil, "", "", "", ErrUnauthorized},
		{"key of the stream", keys, "lobby", "k1", "lobby", nil},
		{"key names the stream", keys, "", "k2", "봉수", nil},
		{"key of another stream", keys, "lobby", "k2", "", ErrUnauthorized},
		{"wrong key", keys, "lobby", "x", "", ErrUnauthorized},
		{"no key", keys, "lobby", "", "", ErrUnauthorized},
		{"unknown stream", keys, "other", "k1", "", ErrForbidden},
		{"a name is no key", keys, "", "lobby", "", ErrUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			stream, err := c.keys.Publish(c.stream, c.token)
			if stream != c.wantStream || !errors.Is(err, c.want) || (err != nil) != (c.want != nil) {
				t.Errorf("Publish(%q, %q) = %q, %v", c.stream, c.token, stream, err)
			}
		})
	}
}
