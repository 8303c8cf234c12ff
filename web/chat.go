package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"bongsu/chat"
	"bongsu/wish"

	"github.com/labstack/echo/v4"
)

// chatPace is how the chat keeps time with its guests.
type chatPace struct {
	absence   time.Duration // without a reader, then a guest has left
	keepAlive time.Duration // of silence, then a comment is sent: proxies cut what is silent for longer
	write     time.Duration // for what is sent to leave the machine, else the reader is cut
}

// Chat is the chat of a stream for clients without data channels: events come by Server-Sent Events, requests go by POST
// (docs/chat.md, "Without data channels").
type Chat struct {
	rooms      *chat.Rooms
	resources  *wish.Resources
	entry      func(*wish.Request) chat.Entry
	perAddress int // guests from one client network; 0: no limit
	pace       chatPace

	mu       sync.Mutex
	closed   bool
	guests   map[string]*guest // by the last part of their URL
	networks map[netip.Prefix]int
}

// NewChat makes the chat by HTTP. Requests are held back as those of sessions are, and entry says what is known of who asks.
// Of one client network perAddress may be here at a time; 0 is no limit. Close ends it.
func NewChat(rooms *chat.Rooms, resources *wish.Resources, entry func(*wish.Request) chat.Entry, perAddress int) *Chat {
	return &Chat{
		rooms: rooms, resources: resources, entry: entry, perAddress: perAddress,
		pace:   chatPace{absence: 15 * time.Second, keepAlive: 12 * time.Second, write: 10 * time.Second},
		guests: map[string]*guest{}, networks: map[netip.Prefix]int{},
	}
}

func (c *Chat) mount(e *echo.Echo) {
	e.Any("/chat/:stream", c.resources.Guard("OPTIONS, POST", c.join))
	e.Any("/chat/:stream/:guest", c.resources.Guard("DELETE, GET, OPTIONS, POST", func(e echo.Context, q *wish.Request) error {
		g := c.find(e.Param("guest"))
		if g == nil {
			return fmt.Errorf("%w: you are not in this room any more; join it again", wish.ErrNoSession)
		}
		switch q.Method {
		case http.MethodGet:
			return g.read(e)
		case http.MethodDelete:
			g.leave()
			return e.NoContent(http.StatusNoContent)
		}
		return g.ask(e, q)
	}))
}

// join makes a guest of who sends a join request.
func (c *Chat) join(e echo.Context, q *wish.Request) error {
	body, err := q.ReadJSON(e)
	if err != nil {
		return err
	}
	entry := c.entry(q)
	if err := entry.Read(body); err != nil {
		return err
	}
	free, err := c.reserve(q.Network())
	if err != nil {
		return err
	}
	m, err := c.rooms.Join(q.Context(), entry)
	if err != nil {
		free()
		if no := (*chat.RefusalError)(nil); errors.As(err, &no) && no.RetryAfter > 0 {
			q.Reply.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(no.RetryAfter.Seconds()))))
		}
		return err
	}
	g := &guest{Member: m, chat: c, id: strings.ToLower(rand.Text()), free: free, reading: make(chan struct{}, 1)}
	if !c.keep(g) {
		g.leave()
		return chat.ErrClosed
	}
	q.Reply.Set(echo.HeaderLocation, strings.TrimSuffix(q.URL.EscapedPath(), "/")+"/"+g.id)
	return e.NoContent(http.StatusCreated)
}

// reserve takes a place for a client network, which free gives back.
func (c *Chat) reserve(n netip.Prefix) (free func(), err error) {
	if !n.IsValid() || c.perAddress == 0 {
		return func() {}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.networks[n] >= c.perAddress {
		return nil, fmt.Errorf("%w: your address is in the chat %d times; leave it somewhere, or try again later", wish.ErrTooManySessions, c.perAddress)
	}
	c.networks[n]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.networks[n]--; c.networks[n] == 0 {
			delete(c.networks, n)
		}
	}, nil
}

// keep gives a guest its URL, and some time to come and read there.
func (c *Chat) keep(g *guest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.guests[g.id] = g
	g.patience = time.AfterFunc(c.pace.absence, g.leave)
	return true
}

func (c *Chat) find(id string) *guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.guests[id]
}

// Close has all guests leave; who reads is told, and its response ends. It may be called twice.
func (c *Chat) Close() error {
	c.mu.Lock()
	c.closed = true
	leaving := make([]*guest, 0, len(c.guests))
	for _, g := range c.guests {
		leaving = append(leaving, g)
	}
	c.mu.Unlock()
	for _, g := range leaving {
		g.leave()
	}
	return nil
}

// guest is a member of a room who comes by HTTP.
type guest struct {
	*chat.Member
	chat     *Chat
	id       string // 130 random bits: who knows it is this guest
	free     func()
	gone     sync.Once
	patience *time.Timer   // has it leave; stopped while it reads. Nil if it never had a URL
	reading  chan struct{} // held by the one who reads
	begun    bool          // somebody has read; for the reader

	mu   sync.Mutex
	stop context.CancelFunc // of the newest reader
}

// leave takes the guest out of the room. It may be called twice.
func (g *guest) leave() {
	g.gone.Do(func() {
		g.chat.mu.Lock()
		delete(g.chat.guests, g.id)
		if g.patience != nil {
			g.patience.Stop()
		}
		g.chat.mu.Unlock()
		_ = g.Member.Close() // never fails; a reader is told, and goes
		g.free()
	})
}

// ask takes a request of the guest. What comes of it, a refusal too, is among the events.
func (g *guest) ask(e echo.Context, q *wish.Request) error {
	body, err := q.ReadJSON(e)
	if err != nil {
		return err
	}
	if err := g.Receive(body); err != nil {
		return fmt.Errorf("%w: you are not in this room any more: %w", wish.ErrNoSession, err)
	}
	return e.NoContent(http.StatusAccepted)
}
