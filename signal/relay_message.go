package signal

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// gatewayName is how a relay client addresses the gateway.
const gatewayName = "gateway"

var errRelayClosing = errors.New("the relay is shutting down")

// relayMessage is what a client of the relay sends. Its fields are taken as JavaScript would: what is truthy counts.
type relayMessage struct {
	CheckPresence any             `json:"checkPresence"`
	Open          any             `json:"open"`
	Channel       any             `json:"channel"`
	Data          json.RawMessage `json:"data"`
}

// GatewayMessage is the data of a message to the gateway. Its fields are those that clients of the relay exchange with each
// other, and two of ours: Stream and Token.
type GatewayMessage struct {
	To        string       `json:"to"`
	UserID    any          `json:"userid"`
	SDP       *Description `json:"sdp"`
	Candidate *Candidate   `json:"candidate"`
	UserLeft  bool         `json:"userLeft"`
	Stream    string       `json:"stream"` // to publish; "" means the channel's name
	Token     string       `json:"token"`  // that permits it
}

// Description is W3C WebRTC's RTCSessionDescriptionInit.
type Description struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// Candidate is W3C WebRTC's RTCIceCandidateInit.
type Candidate struct {
	Candidate     string  `json:"candidate"`
	SDPMid        *string `json:"sdpMid,omitempty"`
	SDPMLineIndex *int    `json:"sdpMLineIndex,omitempty"`
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
func (r *Relay) take(c *RelayClient, frame []byte) {
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
func (r *Relay) takeData(c *RelayClient, channel string, data json.RawMessage) {
	var value any
	if json.Unmarshal(data, &value) != nil || !truthy(value) {
		return
	}
	var to GatewayMessage
	if _, object := value.(map[string]any); object && r.Gateway != nil && json.Unmarshal(data, &to) == nil && to.To == gatewayName {
		r.Gateway(c, channel, to)
		return
	}
	var compact bytes.Buffer
	_ = json.Compact(&compact, data) // it has just been read
	r.relay(c, channel, compact.Bytes())
}

// Reply sends a message to this client alone.
func (c *RelayClient) Reply(message any) error {
	frame, err := json.Marshal(message)
	if err == nil {
		c.send(frame)
	}
	return err
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
