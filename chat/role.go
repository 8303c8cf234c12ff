package chat

import (
	"encoding"
	"fmt"
)

// Role is what a member may do. A higher one may do all that a lower one may, and moderate those below it.
type Role int

// The roles, in their order.
const (
	Viewer Role = iota
	Moderator
	Broadcaster
	Administrator
)

var _ encoding.TextUnmarshaler = (*Role)(nil)

// String is the role on the wire.
func (r Role) String() string {
	switch r {
	case Moderator:
		return "moderator"
	case Broadcaster:
		return "broadcaster"
	case Administrator:
		return "administrator"
	default:
		return "viewer"
	}
}

// MarshalText gives String.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String gives.
func (r *Role) UnmarshalText(text []byte) error {
	for role := Viewer; role <= Administrator; role++ {
		if role.String() == string(text) {
			*r = role
			return nil
		}
	}
	return fmt.Errorf("%q is not a role: it may be viewer, moderator, broadcaster or administrator", text)
}

// Person is a member as others see it.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role Role   `json:"role"`
}
