package egress

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"bongsu/wish"
)

// Errors of event streams.
var (
	ErrEventList     = errors.New("not a list of events")   // 400
	ErrTooManyEvents = errors.New("too many event streams") // 429
	ErrNoEvents      = errors.New("no such event stream")   // 404
)

// maxStreams is how many event streams a session may have.
const maxStreams = 4

// pace is how event streams keep time.
type pace struct {
	period    time.Duration // between two looks at what is
	keepAlive time.Duration // of silence, then a comment is sent: proxies cut what is silent for longer
	write     time.Duration // for what is sent to leave the machine, else the reader is cut
	grace     time.Duration // between reconnect and the end
}

func defaultPace() pace {
	return pace{period: time.Second, keepAlive: 12 * time.Second, write: 10 * time.Second, grace: 2 * time.Second}
}

// eventStream is a list of events that a player has asked for, under a URL of its own. One GET at a time reads it.
type eventStream struct {
	*watch
	first   uint64        // watch.turns in the beginning
	reading chan struct{} // held by the one who reads

	mu   sync.Mutex
	gone bool
	stop context.CancelFunc // of the newest GET
}

// openEvents makes an event stream.
func openEvents(c echo.Context, r *wish.Request, v *Viewer) error {
	body, err := r.ReadJSON(c)
	if err != nil {
		return err
	}
	names, err := parseEventList(body)
	if err != nil {
		return err
	}
	e := &eventStream{watch: v.watch(names), reading: make(chan struct{}, 1)}
	e.first = e.turns
	id := strings.ToLower(rand.Text())
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.streams) >= maxStreams {
		return fmt.Errorf("%w: the session has %d; end one by DELETE, or use it", ErrTooManyEvents, maxStreams)
	}
	if v.streams == nil {
		v.streams = map[string]*eventStream{}
	}
	v.streams[id] = e
	r.Reply.Set(echo.HeaderLocation, strings.TrimSuffix(r.URL.EscapedPath(), "/")+"/"+id)
	return c.NoContent(http.StatusCreated)
}

// parseEventList reads the events that a player wants; an empty body stands for all. Names may be there twice.
func parseEventList(body []byte) ([]string, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return eventNames(), nil
	}
	var names []string
	if err := json.Unmarshal(body, &names); err != nil || names == nil {
		return nil, fmt.Errorf(`%w: send a JSON array of names like ["active","inactive"], or no body for all events`, ErrEventList)
	}
	for _, name := range names {
		if !slices.Contains(eventNames(), name) {
			return nil, fmt.Errorf("%w: there is no event %.64q; this server has %s", ErrEventList, name, strings.Join(eventNames(), ", "))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// readEvents gives an event stream to who GETs it, or ends it.
func readEvents(c echo.Context, r *wish.Request, v *Viewer) error {
	id := c.Param("channel")
	v.mu.Lock()
	e := v.streams[id]
	if r.Method == http.MethodDelete {
		delete(v.streams, id)
	}
	v.mu.Unlock()
	switch {
	case e == nil:
		return fmt.Errorf("%w: it has ended, or there never was one with this URL", ErrNoEvents)
	case r.Method == http.MethodDelete:
		e.end()
		return c.NoContent(http.StatusNoContent)
	}
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	if err := e.take(ctx, cancel); err != nil {
		return err
	}
	defer func() { <-e.reading }()
	defer context.AfterFunc(v.service.leaving, func() { time.AfterFunc(v.service.pace.grace, cancel) })()
	return e.send(ctx, c)
}

// end stops the reader, and lets none follow.
func (e *eventStream) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = true
	if e.stop != nil {
		e.stop()
	}
}

// take waits for the reader before, who is stopped: its connection may be one that the client has lost.
func (e *eventStream) take(ctx context.Context, cancel context.CancelFunc) error {
	e.mu.Lock()
	if e.gone {
		e.mu.Unlock()
		return fmt.Errorf("%w: it has just ended", ErrNoEvents)
	}
	if e.stop != nil {
		e.stop()
	}
	e.stop = cancel
	e.mu.Unlock()
	select {
	case e.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("another reader took the event stream: %w", ctx.Err())
	}
}

// send writes events until ctx, the session or the stream ends, or the client is too slow.
func (e *eventStream) send(ctx context.Context, c echo.Context) error {
	e.resume(c.Request().Header.Get("Last-Event-ID"))
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set(echo.HeaderCacheControl, "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	c.Response().WriteHeader(http.StatusOK)
	control := http.NewResponseController(c.Response().Writer)
	_ = control.SetReadDeadline(time.Time{}) // else net/http ends the request by it
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	pace := e.viewer.service.pace
	text, quiet := []byte(":\n\n"), time.Now()
	for news := range e.follow(ctx) {
		for _, event := range news {
			text = event.append(text)
		}
		if len(text) == 0 && time.Since(quiet) >= pace.keepAlive {
			text = append(text, ":\n\n"...)
		}
		if len(text) > 0 {
			quiet = time.Now()
			_ = control.SetWriteDeadline(quiet.Add(pace.write))
			if _, err := c.Response().Write(text); err != nil {
				return nil // the client has gone, or is too slow
			}
			if err := control.Flush(); err != nil {
				return nil
			}
			text = text[:0]
		}
	}
	return nil
}

// resume goes back to what the client has heard last of the stream's coming and going, if it says so. What else there is it
// hears anew.
func (e *eventStream) resume(last string) {
	if turn, err := strconv.ParseUint(last, 10, 64); err == nil && turn >= e.first && turn < e.turns {
		e.turns = turn
	}
	e.due, e.viewers, e.layers = time.Time{}, -1, nil
}

// append writes the event as an EventSource reads it (HTML section 9.2.6), with one line of data.
func (e Event) append(text []byte) []byte {
	if e.turn > 0 {
		text = fmt.Appendf(text, "id: %d\n", e.turn)
	}
	return fmt.Appendf(text, "event: %s\ndata: %s\n\n", e.Name, e.Data)
}
