package signal

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"

	"github.com/labstack/echo/v4"

	"bongsu/wish"
)

// retrySocket is when who finds no room for a socket should come again, in seconds.
const retrySocket = "10"

// gate lets WebSockets in: so many at a time, and so many of one client network. Clients on this machine count only for the first.
type gate struct {
	sockets, perAddress int // at a time

	mu       sync.Mutex
	closed   bool
	open     int
	networks map[netip.Prefix]int // sockets of each
	running  sync.WaitGroup       // who has entered; added to with mu held while not closed
}

func newGate(sockets, perAddress int) *gate {
	return &gate{sockets: sockets, perAddress: perAddress, networks: map[netip.Prefix]int{}}
}

// enter counts a socket of a client network. The caller ends both leave, which may be called twice, and running. The error, of
// which reply says when to come again, wraps wish.ErrFull or wish.ErrTooManySessions.
func (g *gate) enter(n netip.Prefix, reply http.Header) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		err = fmt.Errorf("%w: the server is shutting down", wish.ErrFull)
	case g.open >= g.sockets:
		err = fmt.Errorf("%w: %d sockets are open", wish.ErrFull, g.open)
	case n.IsValid() && g.networks[n] >= g.perAddress:
		err = fmt.Errorf("%w: your address has %d sockets open; close one, or try again later", wish.ErrTooManySessions, g.networks[n])
	}
	if err != nil {
		reply.Set(echo.HeaderRetryAfter, retrySocket)
		return nil, err
	}
	g.open++
	g.networks[n]++
	g.running.Add(1)
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.open--
		if g.networks[n]--; g.networks[n] == 0 {
			delete(g.networks, n)
		}
	}), nil
}

// close lets nobody in any more.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// checkOrigin refuses a socket to pages for which allow is false. Nil allows all.
func checkOrigin(r *http.Request, allow func(*http.Request) bool) error {
	if allow == nil || allow(r) {
		return nil
	}
	return echo.NewHTTPError(http.StatusForbidden, "pages of this origin may not connect here; list it in the server's origins")
}
