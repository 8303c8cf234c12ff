package signal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"bongsu/rtc"
	"bongsu/wish"
)

// TestRelayPerAddress: one address does not take the room of all.
func TestRelayPerAddress(t *testing.T) {
	r := startRelay(t, func(c *RelayConfig) { c.PerAddress = 2 }, nil)
	there := http.Header{"X-Forwarded-For": {"192.0.2.1"}}
	a := r.dial(t, "/", there)
	r.dial(t, "/", there)
	_, response, err := websocket.DefaultDialer.DialContext(t.Context(), r.url, there)
	if err == nil || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
		t.Fatalf("the third socket: %v", err)
	}
	_ = response.Body.Close()
	r.dial(t, "/", http.Header{"X-Forwarded-For": {"192.0.2.2"}}).settle()
	a.settle()
}

// TestRelayChannelName: names are kept, so that they may not be of any length.
func TestRelayChannelName(t *testing.T) {
	r := startRelay(t, nil, nil)
	a, b := r.dial(t, "/", nil), r.dial(t, "/", nil)
	long := strings.Repeat("x", maxChannel)
	a.send(`{"open":true,"channel":"` + long + `"}`)
	b.awaitPresence(long, true)
	a.send(`{"open":true,"channel":"` + long + `x"}`)
	a.expectClose(websocket.ClosePolicyViolation)
	b.awaitPresence(long+"x", false)
}

// TestRelayBroadcasts: only those that go on count, and the end of one that another has replaced is not told.
func TestRelayBroadcasts(t *testing.T) {
	opened := make(chan *testSession, 100)
	resources := wish.NewResources(wish.Limits{})
	publish := wish.Endpoint{Role: wish.Publish, Resources: resources, Open: func(*wish.Request) (string, wish.Session, error) {
		s := newTestSession()
		opened <- s
		return testAnswer, s, nil
	}}
	r := startRelay(t, nil, nil)
	r.Publish = publish.Start
	t.Cleanup(resources.Close)
	c := r.dial(t, "/", nil)
	live := func(user string) {
		t.Helper()
		frame, _ := json.Marshal(map[string]any{"channel": "c", "data": map[string]any{
			"to": "gateway", "userid": user, "sdp": map[string]string{"type": "offer", "sdp": offerText(t, "whip-firefox")}}})
		c.send(string(frame))
	}
	hear := func() (m bridgeMessage) {
		t.Helper()
		if err := c.conn.ReadJSON(&m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for i := range 2 * maxBridged {
		live(fmt.Sprint(i))
		if m := hear(); m.SDP == nil {
			t.Fatalf("broadcast %d: %+v", i, m)
		}
		(<-opened).end(rtc.ErrLost)
		if m := hear(); !m.UserLeft || m.To != fmt.Sprint(i) {
			t.Fatalf("the end of broadcast %d: %+v", i, m)
		}
	}
	for range 3 {
		live("me")
		if m := hear(); m.SDP == nil {
			t.Fatalf("in place of another: %+v", m)
		}
	}
	c.settle()
	for i := range maxBridged - 1 {
		live(fmt.Sprint(i))
		hear()
	}
	live("one too many")
	if m := hear(); m.Error == nil || m.Error.Code != "too-many-sessions" {
		t.Fatalf("%+v", m)
	}
}
