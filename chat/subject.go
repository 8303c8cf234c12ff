package chat

import (
	"encoding/base32"
	"strings"
)

// Subjects on the bus. A room's own are these with its token after a dot.
const (
	subjectLog   = "bongsu.chat.default"  // what makes the history; a JetStream stream listens
	subjectRoom  = "bongsu.room.default"  // what is of the moment: presence, reactions, nicknames
	subjectRules = "bongsu.rules.default" // rules of moderators
	subjectAudit = "bongsu.audit.chat"    // what moderators did; a JetStream stream listens
	streamLog    = "BONGSU_CHAT"          // of subjectLog
	streamAudit  = "BONGSU_AUDIT"         // of bongsu.audit.>
	bucketRules  = "bongsu_rules"         // the rules
)

// token gives a name as one token of a NATS subject or key: itself if it is made of 1 to 64 of A-Z a-z 0-9 _ and -, else
// "=" and its base32hex (RFC 4648 section 7). No two names have the same token.
func token(name string) string {
	plain := name != "" && len(name) <= 64
	for _, c := range []byte(name) {
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if plain {
		return name
	}
	return "=" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(name)))
}

// cutRoom parts the key of a rule into the room and the rest.
func cutRoom(key string) (room, rest string, ok bool) { return strings.Cut(key, ".") }
