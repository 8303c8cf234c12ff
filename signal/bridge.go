package signal

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync/atomic"

	"golang.org/x/text/unicode/norm"

	"bongsu/broadcast"
	"bongsu/wish"
)

const (
	// gatewayName is how a client of the relay addresses the gateway, and how the gateway signs.
	gatewayName = "gateway"
	// maxBridged bounds what one client publishes at a time.
	maxBridged = 4
)

// bridgeMessage is what a client of the relay and the gateway say to each other: what clients say among themselves, with two
// words of ours, Stream and Token, and an error.
type bridgeMessage struct {
	To        string       `json:"to,omitempty"`
	UserID    string       `json:"userid"`
	SDP       *description `json:"sdp,omitempty"`
	Candidate *candidate   `json:"candidate,omitempty"`
	UserLeft  bool         `json:"userLeft,omitempty"`
	Stream    string       `json:"stream,omitempty"` // to publish; "" means the channel's name
	Token     string       `json:"token,omitempty"`  // that permits it
	Error     *Problem     `json:"error,omitempty"`
}

// description is W3C WebRTC's RTCSessionDescriptionInit.
type description struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// candidate is what the gateway needs of W3C WebRTC's RTCIceCandidateInit.
type candidate struct {
	Candidate string `json:"candidate"`
}

// bridged is a broadcast of a client of the relay.
type bridged struct {
	*wish.Started
	replaced atomic.Bool // by another with the same user id, so that its end is not told
}

func (b *bridged) over() bool {
	select {
	case <-b.Session.Done():
		return true
	default:
		return false
	}
}

// bridge does what a client asks of the gateway, on that client's goroutine.
func (r *Relay) bridge(c *relayClient, channel string, m bridgeMessage) {
	var err error
	switch s := c.live[m.UserID]; {
	case m.SDP != nil:
		err = r.goLive(c, channel, m)
	case s == nil: // of a broadcast that has ended, or never began
	case m.UserLeft:
		delete(c.live, m.UserID)
		s.End()
	case m.Candidate != nil && m.Candidate.Candidate != "":
		_, _, err = s.Patch(r.life, []byte("a="+m.Candidate.Candidate+"\r\n"), s.ETag)
	}
	if err != nil {
		_, p := Status(err)
		c.tell(bridgeMessage{UserID: gatewayName, To: m.UserID, Error: &p})
	}
}

// goLive publishes by the client's offer, in place of what it has published under the same user id.
func (r *Relay) goLive(c *relayClient, channel string, m bridgeMessage) error {
	name := m.Stream
	if name == "" {
		name = channel
	}
	name = norm.NFC.String(name)
	if err := broadcast.ValidName(name); err != nil {
		return err
	}
	if m.SDP.Type != "offer" {
		return fmt.Errorf("%w: the gateway takes an offer, not %.20q", wish.ErrMalformed, m.SDP.Type)
	}
	if old := c.live[m.UserID]; old != nil {
		old.replaced.Store(true)
		old.End()
	}
	maps.DeleteFunc(c.live, func(_ string, b *bridged) bool { return b.over() })
	if len(c.live) >= maxBridged {
		return fmt.Errorf("%w: this socket has %d", wish.ErrTooManySessions, len(c.live))
	}
	started, err := r.Publish(wish.NewRequest(c.context, name, m.Token), []byte(m.SDP.SDP))
	if err != nil {
		return err
	}
	if c.live == nil {
		c.live = map[string]*bridged{}
	}
	s := &bridged{Started: started}
	c.live[m.UserID] = s
	c.tell(bridgeMessage{UserID: gatewayName, To: m.UserID, SDP: &description{"answer", s.SDP}})
	s.Session.AfterDone(func() {
		if !s.replaced.Load() {
			c.tell(bridgeMessage{UserID: gatewayName, To: m.UserID, UserLeft: true})
		}
	})
	return nil
}

// tell sends a message to this client alone.
func (c *relayClient) tell(m bridgeMessage) {
	if frame, err := json.Marshal(m); err == nil {
		c.send(frame)
	}
}
