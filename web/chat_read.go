package web

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"bongsu/chat"

	"github.com/labstack/echo/v4"
)

// How long an EventSource waits before it connects again, in milliseconds. Its clients are not to come all at once.
const (
	retryLeast  = 1000
	retrySpread = 3000
)

// read gives the guest its events until it leaves, goes away, or another reader comes in its place.
func (g *guest) read(e echo.Context) error {
	ctx, cancel := context.WithCancel(e.Request().Context())
	defer cancel()
	if err := g.take(ctx, cancel); err != nil {
		return err
	}
	defer func() {
		g.patience.Reset(g.chat.pace.absence)
		<-g.reading
	}()
	g.patience.Stop()
	if g.begun {
		g.Rewind(since(e))
	}
	g.begun = true
	return g.send(ctx, e)
}

// since is the last event that the reader has got, as an EventSource that comes back says it, or a new one.
func since(e echo.Context) string {
	if last := e.Request().Header.Get("Last-Event-ID"); last != "" {
		return last
	}
	return e.QueryParam("since")
}

// take waits for the reader before, who is stopped: its connection may be one that the client has lost.
func (g *guest) take(ctx context.Context, cancel context.CancelFunc) error {
	g.mu.Lock()
	if g.stop != nil {
		g.stop()
	}
	g.stop = cancel
	g.mu.Unlock()
	select {
	case g.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("another reader took the place: %w", ctx.Err())
	}
}

// send writes frames as events (HTML section 9.2.6), and a comment where there are none for a while.
func (g *guest) send(ctx context.Context, e echo.Context) error {
	h := e.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set(echo.HeaderCacheControl, "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	e.Response().WriteHeader(http.StatusOK)
	control := http.NewResponseController(e.Response().Writer)
	_ = control.SetReadDeadline(time.Time{}) // else net/http ends the request by it
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	retry := retryLeast + rand.IntN(retrySpread) //nolint:gosec // nobody gains by guessing it
	text, last := fmt.Appendf(nil, "retry: %d\n\n", retry), false
	for ctx.Err() == nil {
		_ = control.SetWriteDeadline(time.Now().Add(g.chat.pace.write))
		_, err := e.Response().Write(text)
		if errors.Join(err, control.Flush()) != nil || last { // the client has gone, or is too slow
			return nil
		}
		text, last = g.next(ctx, text[:0])
	}
	return nil
}

// next waits for what is to be sent next. It is the last if the membership has ended.
func (g *guest) next(ctx context.Context, text []byte) (more []byte, last bool) {
	quiet, cancel := context.WithTimeout(ctx, g.chat.pace.keepAlive)
	defer cancel()
	frame, err := g.Next(quiet)
	switch {
	case err == nil:
		if id := g.LastID(); id != "" {
			text = fmt.Appendf(text, "id: %s\n", id)
		}
		return fmt.Appendf(text, "data: %s\n\n", frame), false
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return append(text, ":\n\n"...), false
	}
	g.leave()
	return fmt.Appendf(text, "data: %s\n\n", chat.ErrorFrame(err)), true
}
