package signal

import (
	"context"
	"fmt"
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
	// Sockets at a time, channels at a time, and members of one channel.
	Sockets  int `koanf:"sockets"`
	Channels int `koanf:"channels"`
	Members  int `koanf:"members"`
	// FrameBytes is the largest frame taken; Rate the frames per second from one socket beyond which it is read more slowly.
	FrameBytes int `koanf:"frame_bytes"`
	Rate       int `koanf:"rate"`
}

// DefaultRelayConfig has room for a few thousand calls.
func DefaultRelayConfig() RelayConfig {
	return RelayConfig{Enabled: true, Sockets: 10000, Channels: 10000, Members: 100, FrameBytes: 256 << 10, Rate: 200}
}

// maxOpened bounds the channels that one socket may be in.
const maxOpened = 64

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
	life   context.Context
	stop   context.CancelFunc

	mu       sync.Mutex
	running  sync.WaitGroup // added to with mu held while life goes on
	sockets  int
	channels map[string][]*RelayClient // in the order in which they came; none is empty
}

// RelayClient is one socket on the relay.
type RelayClient struct {
	*socket
	context echo.Context             // of the request that opened the socket
	opened  []string                 // its channels; relay.mu guards them
	live    map[string]*wish.Started // what it publishes, by its user id; for its own goroutine
}

// NewRelay makes a relay; pages of those origins may connect for which allow is true. Close ends it.
func NewRelay(c RelayConfig, allow func(*http.Request) bool, log *slog.Logger) *Relay {
	r := &Relay{config: c, allow: allow, log: log, channels: map[string][]*RelayClient{}}
	r.life, r.stop = context.WithCancel(context.Background())
	return r
}

// Handle serves one socket. What is not a WebSocket gets a line that says what this is.
func (r *Relay) Handle(c echo.Context) error { return r.serve(c, r.allow) }

// HandleAll is Handle for pages of all origins.
func (r *Relay) HandleAll(c echo.Context) error {
	return r.serve(c, func(*http.Request) bool { return true })
}

func (r *Relay) serve(c echo.Context, allow func(*http.Request) bool) error {
	if !websocket.IsWebSocketUpgrade(c.Request()) {
		return c.HTML(http.StatusOK, "<!doctype html><title>Bongsu relay</title><p>This is the signaling relay of Bongsu. It speaks WebSocket.")
	}
	if err := r.enter(); err != nil {
		c.Response().Header().Set(echo.HeaderRetryAfter, "10")
		return err
	}
	defer r.exit()
	upgrader := websocket.Upgrader{CheckOrigin: allow}
	conn, err := upgrader.Upgrade(c.Response(), c.Request(), nil)
	if err != nil {
		r.log.Debug("no relay socket", "error", err) // the client has been told
		return nil
	}
	pace := rate.NewLimiter(rate.Limit(r.config.Rate), 2*r.config.Rate)
	client := &RelayClient{socket: newSocket(r.life, conn, r.config.FrameBytes, pace), context: c}
	defer r.leave(client)
	client.run(func(frame []byte) { r.take(client, frame) })
	return nil
}

func (r *Relay) enter() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.life.Err() != nil:
		return fmt.Errorf("%w: the relay is shutting down", wish.ErrFull)
	case r.sockets >= r.config.Sockets:
		return fmt.Errorf("%w: the relay has as many clients as it takes", wish.ErrFull)
	}
	r.sockets++
	r.running.Add(1)
	return nil
}

func (r *Relay) exit() {
	r.mu.Lock()
	r.sockets--
	r.mu.Unlock()
	r.running.Done()
}

// Close ends every socket and waits. It may be called twice.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.stop()
	r.mu.Unlock()
	r.running.Wait()
	return nil
}

// present reports whether anybody is in a channel.
func (r *Relay) present(channel string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.channels[channel]) > 0
}

// open puts a client into a channel, once.
func (r *Relay) open(c *RelayClient, channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	members := r.channels[channel]
	switch {
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
func (r *Relay) relay(from *RelayClient, channel string, frame []byte) {
	r.mu.Lock() // so that all get the frames of several senders in one order
	defer r.mu.Unlock()
	for _, c := range r.channels[channel] {
		if c != from {
			c.send(frame)
		}
	}
}

// leave takes a client out of its channels. The others are not told; those who want to know say so among themselves.
func (r *Relay) leave(c *RelayClient) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, channel := range c.opened {
		rest := slices.DeleteFunc(r.channels[channel], func(o *RelayClient) bool { return o == c })
		if r.channels[channel] = rest; len(rest) == 0 {
			delete(r.channels, channel)
		}
	}
}
