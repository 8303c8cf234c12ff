package signal

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// relayMessage is what a client of the relay sends. Its fields are taken as JavaScript would: what is truthy counts.
type relayMessage struct {
	CheckPresence any             `json:"checkPresence"`
	Open          any             `json:"open"`
	Channel       any             `json:"channel"`
	Data          json.RawMessage `json:"data"`
}

// parseRelay reads a frame; ok is false for what the relay ignores.
func parseRelay(frame []byte) (m relayMessage, channel string, ok bool) {
	if !utf8.Valid(frame) || json.Unmarshal(frame, &m) != nil {
		return m, "", false
	}
	switch c := m.Channel.(type) {
	case string:
		channel = c
	case float64: // JavaScript makes a number a name
		channel = strconv.FormatFloat(c, 'g', -1, 64)
	}
	return m, channel, channel != "" && truthy(m.Channel)
}

// take does what a frame asks for, in the order in which the original looks.
func (r *Relay) take(c *relayClient, frame []byte) {
	m, channel, ok := parseRelay(frame)
	switch {
	case !ok:
	case truthy(m.CheckPresence):
		answer, _ := json.Marshal(map[string]bool{"isChannelPresent": r.present(channel)})
		c.send(answer)
	case truthy(m.Open):
		r.open(c, channel)
	default:
		r.takeData(c, channel, m.Data)
	}
}

// takeData relays data, unless it is for the gateway.
func (r *Relay) takeData(c *relayClient, channel string, data json.RawMessage) {
	var value any
	if json.Unmarshal(data, &value) != nil || !truthy(value) {
		return
	}
	var to bridgeMessage
	if _, object := value.(map[string]any); object && r.Publish != nil && json.Unmarshal(data, &to) == nil && to.To == gatewayName {
		r.bridge(c, channel, to)
		return
	}
	var compact bytes.Buffer
	_ = json.Compact(&compact, data) // it has just been read
	r.relay(c, channel, compact.Bytes())
}

// truthy is JavaScript's idea of true (ECMA-262 section 7.1.2).
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != ""
	}
	return true
}
