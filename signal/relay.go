package signal

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"bongsu/wish"
)

// RelayConfig bounds the channel relay. It is open to everybody who may open a WebSocket: what passes through it is only
// bounded, never read.
type RelayConfig struct {
	// Enabled serves the relay at /relay.
	Enabled bool `koanf:"enabled"`
	// Listen is the TCP address of a listener of the relay's own, where every path is the relay and pages of every origin may
	// connect, as clients of the original expect: ":9449". "" opens none.
	Listen string `koanf:"listen"`
	// Sockets at a time, and of one client address; clients on this machine count only for the first.
	Sockets    int `koanf:"sockets"`
	PerAddress int `koanf:"sockets_per_address"`
	// Channels at a time, and members of one channel.
	Channels int `koanf:"channels"`
	Members  int `koanf:"members"`
	// FrameBytes is the largest frame taken; Rate the frames per second from one socket beyond which it is read more slowly.
	FrameBytes int `koanf:"frame_bytes"`
	Rate       int `koanf:"rate"`
}

// DefaultRelayConfig has room for a few thousand calls.
func DefaultRelayConfig() RelayConfig {
	return RelayConfig{Enabled: true, Sockets: 10000, PerAddress: 200, Channels: 10000, Members: 100, FrameBytes: 256 << 10, Rate: 200}
}

const (
	// maxOpened bounds the channels that one socket may be in.
	maxOpened = 64
	// maxChannel is the length of a channel's name in bytes; some clients take the address of their page for it.
	maxChannel = 4096
)

// Relay passes messages between the sockets of a channel: the signaling server of the WebRTC experiments that Bongsu grew
// from, whose clients can use it unchanged. A client opens a channel, and what it then sends there reaches all others in it
// as it is. Who is there can be asked without joining. Nothing is kept.
type Relay struct {
	// Publish starts a broadcast for an offer that a client addresses to the gateway itself ("to": "gateway"). Nil: nobody is
	// there by that name. Set it before the first request.
	Publish func(r *wish.Request, offer []byte) (*wish.Started, error)

	config RelayConfig
	allow  func(*http.Request) bool
	log    *slog.Logger
	gate   *gate
	life   context.Context
	stop   context.CancelFunc

	mu       sync.Mutex
	channels map[string][]*relayClient // in the order in which they came; none is empty
}

// relayClient is one socket on the relay.
type relayClient struct {
	*socket
	context echo.Context        // of the request that opened the socket
	opened  []string            // its channels; relay.mu guards them
	live    map[string]*bridged // what it publishes, by its user id; for its own goroutine
}

// NewRelay makes a relay; pages of those origins may connect for which allow is true. Close ends it.
func NewRelay(c RelayConfig, allow func(*http.Request) bool, log *slog.Logger) *Relay {
	r := &Relay{config: c, allow: allow, log: log, gate: newGate(c.Sockets, c.PerAddress),
		channels: map[string][]*relayClient{}}
	r.life, r.stop = context.WithCancel(context.Background())
	return r
}

// Handle serves one socket. What is not a WebSocket gets a line that says what this is.
func (r *Relay) Handle(c echo.Context) error { return r.serve(c, r.allow) }

// HandleAll is Handle for pages of all origins.
func (r *Relay) HandleAll(c echo.Context) error {
	return r.serve(c, nil)
}

func (r *Relay) serve(c echo.Context, allow func(*http.Request) bool) error {
	if !websocket.IsWebSocketUpgrade(c.Request()) {
		return c.HTML(http.StatusOK, "<!doctype html><title>Bongsu relay</title><p>This is the signaling relay of Bongsu. It speaks WebSocket.")
	}
	if err := checkOrigin(c.Request(), allow); err != nil {
		return err
	}
	leave, err := r.gate.enter(wish.NewRequest(c, "", "").Network(), c.Response().Header())
	if err != nil {
		return err
	}
	defer r.gate.running.Done()
	defer leave()
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(c.Response(), c.Request(), nil)
	if err != nil {
		r.log.Debug("no relay socket", "error", err) // the client has been told
		return nil
	}
	pace := rate.NewLimiter(rate.Limit(r.config.Rate), 2*r.config.Rate)
	client := &relayClient{socket: newSocket(r.life, conn, r.config.FrameBytes, pace), context: c}
	defer r.leave(client)
	client.run(func(frame []byte) { r.take(client, frame) })
	return nil
}

// Close ends every socket and waits. It may be called twice.
func (r *Relay) Close() error {
	r.gate.close()
	r.stop()
	r.gate.running.Wait()
	return nil
}

// present reports whether anybody is in a channel.
func (r *Relay) present(channel string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.channels[channel]) > 0
}

// open puts a client into a channel, once.
func (r *Relay) open(c *relayClient, channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	members := r.channels[channel]
	switch {
	case len(channel) > maxChannel:
		c.close(websocket.ClosePolicyViolation, "the channel's name is too long")
	case slices.Contains(members, c):
	case len(members) >= r.config.Members:
		c.close(websocket.CloseTryAgainLater, "this channel is full")
	case len(members) == 0 && len(r.channels) >= r.config.Channels:
		c.close(websocket.CloseTryAgainLater, "there are too many channels; try again later")
	case len(c.opened) >= maxOpened:
		c.close(websocket.ClosePolicyViolation, "you have opened too many channels")
	case c.life.Err() == nil:
		r.channels[channel] = append(members, c)
		c.opened = append(c.opened, channel)
	}
}

// relay sends a frame to all in a channel but its sender, who need not be in it.
func (r *Relay) relay(from *relayClient, channel string, frame []byte) {
	r.mu.Lock() // so that all get the frames of several senders in one order
	defer r.mu.Unlock()
	for _, c := range r.channels[channel] {
		if c != from {
			c.send(frame)
		}
	}
}

// leave takes a client out of its channels. The others are not told; those who want to know say so among themselves.
func (r *Relay) leave(c *relayClient) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, channel := range c.opened {
		rest := slices.DeleteFunc(r.channels[channel], func(o *relayClient) bool { return o == c })
		if r.channels[channel] = rest; len(rest) == 0 {
			delete(r.channels, channel)
		}
	}
}
