package signal

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"
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
	// Gateway is given what a client addresses to the gateway itself ("to": "gateway"); reply sends to that client alone. It
	// must not block. Nil: nobody is there by that name. Set it before the first request.
	Gateway func(c *RelayClient, channel string, message GatewayMessage)

	config   RelayConfig
	upgrader websocket.Upgrader
	log      *slog.Logger
	life     context.Context
	stop     context.CancelFunc

	mu       sync.Mutex
	running  sync.WaitGroup // added to with mu held while life goes on
	sockets  int
	channels map[string][]*RelayClient // in the order in which they came; none is empty
}

// RelayClient is one socket on the relay.
type RelayClient struct {
	*socket
	Request *http.Request // that opened the socket
	opened  []string      // its channels; relay.mu guards them
}

// NewRelay makes a relay; pages of those origins may connect for which allow is true, nil allows all. Close ends it.
func NewRelay(c RelayConfig, allow func(*http.Request) bool, log *slog.Logger) *Relay {
	if allow == nil {
		allow = func(*http.Request) bool { return true }
	}
	r := &Relay{config: c, upgrader: websocket.Upgrader{CheckOrigin: allow}, log: log, channels: map[string][]*RelayClient{}}
	r.life, r.stop = context.WithCancel(context.Background())
	return r
}

// ServeHTTP serves one socket. What is not a WebSocket gets a line that says what this is.
func (r *Relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if !websocket.IsWebSocketUpgrade(request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>Bongsu relay</title><p>This is the signaling relay of Bongsu. It speaks WebSocket.")
		return
	}
	if err := r.enter(); err != nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer r.exit()
	conn, err := r.upgrader.Upgrade(w, request, nil)
	if err != nil {
		r.log.Debug("no relay socket", "error", err) // the client has been told
		return
	}
	c := &RelayClient{
		socket:  newSocket(r.life, conn, r.config.FrameBytes, rate.NewLimiter(rate.Limit(r.config.Rate), 2*r.config.Rate)),
		Request: request,
	}
	defer r.leave(c)
	c.run(func(frame []byte) { r.take(c, frame) })
}

func (r *Relay) enter() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.life.Err() != nil:
		return errRelayClosing
	case r.sockets >= r.config.Sockets:
		return fmt.Errorf("the relay has %d clients, as many as it takes; try again later", r.sockets)
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
