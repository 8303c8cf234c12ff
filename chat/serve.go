package chat

import (
	"cmp"
	"context"
)

// Conn is what carries frames: a data channel, a WebSocket.
type Conn interface {
	// ReadFrame gives the next text frame from the client; it may be reused with the next call.
	ReadFrame() ([]byte, error)
	// WriteFrame sends one to it, or fails for a client that takes too long.
	WriteFrame([]byte) error
	// Close has both fail.
	Close() error
}

// Serve has whoever is at the other end of a connection take part in a room, until it leaves, ctx ends, or the room ends the
// membership. The first frame has to be a "join" request, which completes the entry. It closes the connection; the error says
// why it ended, and has been told to the client as far as possible.
func (r *Rooms) Serve(ctx context.Context, e Entry, conn Conn) error {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	hello, err := conn.ReadFrame()
	if err != nil {
		return err
	}
	if err := e.Read(hello); err != nil {
		return tellAndGo(conn, err)
	}
	m, err := r.Join(ctx, e)
	if err != nil {
		return tellAndGo(conn, err)
	}
	defer func() { _ = m.Close() }()
	return m.serve(ctx, conn)
}

// serve writes on this goroutine and reads on another, which it waits for.
func (m *Member) serve(outer context.Context, conn Conn) error {
	ctx, cancel := context.WithCancelCause(outer)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			data, err := conn.ReadFrame()
			if err == nil {
				err = m.Receive(data)
			}
			if err != nil {
				if m.ended() == nil { // else Next still has to say why
					cancel(err)
				}
				return
			}
		}
	}()
	defer func() {
		_ = conn.Close()
		<-read
		cancel(nil)
	}()
	for {
		data, err := m.Next(ctx)
		switch {
		case outer.Err() != nil:
			return outer.Err()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		if err != nil {
			return tellAndGo(conn, err)
		}
		if err := conn.WriteFrame(data); err != nil {
			return cmp.Or(outer.Err(), err)
		}
	}
}

func tellAndGo(conn Conn, err error) error {
	_ = conn.WriteFrame(ErrorFrame(err)) // the client may be gone
	return err
}
