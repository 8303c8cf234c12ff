package chat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

var errGone = errors.New("the client has gone")

// pipeConn is one end of a connection of frames.
type pipeConn struct {
	net.Conn

	in *json.Decoder
}

func pipe(t *testing.T) (server, client pipeConn) {
	a, b := net.Pipe()
	deadline := time.Now().Add(20 * time.Second)
	_, _ = a.SetDeadline(deadline), b.SetDeadline(deadline)
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return pipeConn{a, json.NewDecoder(a)}, pipeConn{b, json.NewDecoder(b)}
}

func (p pipeConn) ReadFrame() ([]byte, error) {
	var raw json.RawMessage
	err := p.in.Decode(&raw)
	return raw, err
}

func (p pipeConn) WriteFrame(data []byte) error {
	_, err := p.Write(data)
	return err
}

// readUntil reads frames until one has a text in it.
func readUntil(t *testing.T, c pipeConn, part string) {
	t.Helper()
	for {
		data, err := c.ReadFrame()
		if err != nil {
			t.Fatalf("reading for %s: %v", part, err)
		}
		conforms(t, "frame", data)
		if strings.Contains(string(data), part) {
			return
		}
	}
}

// TestServe: a connection from its first frame to its end, however that comes.
func TestServe(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	for _, c := range []struct {
		name  string
		first string
		end   func(context.CancelFunc, pipeConn)
		last  string
		want  error
	}{
		{"the client leaves", `{"type":"join","name":"은하","last":0}`, func(_ context.CancelFunc, c pipeConn) { _ = c.Close() }, "", errGone},
		{"the server ends it", `{"type":"join"}`, func(cancel context.CancelFunc, _ pipeConn) { cancel() }, "", context.Canceled},
		{"the first frame is another", `{"type":"message","text":"x"}`, nil, `"malformed"`, ErrMalformed},
		{"the first frame is none", `[1]`, nil, `"malformed"`, ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, client := pipe(t)
			ctx, cancel := context.WithCancel(limited(t))
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- r.Serve(ctx, Entry{Stream: "s"}, server) }()
			if err := client.WriteFrame([]byte(c.first)); err != nil {
				t.Fatal(err)
			}
			if c.end != nil {
				readUntil(t, client, `"welcome"`)
				if err := client.WriteFrame([]byte(`{"type":"message","text":"hello","ref":"1"}`)); err != nil {
					t.Fatal(err)
				}
				readUntil(t, client, `"hello"`)
				c.end(cancel, client)
			} else {
				readUntil(t, client, c.last)
			}
			err := <-ended
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) { // seen by the reader, or by the writer
				err = errGone
			}
			if !errors.Is(err, c.want) {
				t.Errorf("Serve: %v, want %v", err, c.want)
			}
		})
	}
}

// TestServeBan: who is banned is told why before the connection ends, and when coming back.
func TestServeBan(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	mod := join(t, r, Entry{Stream: "s", Role: Moderator})
	bad := join(t, r, Entry{Stream: "s"})
	for _, ban := range []bool{true, false} {
		server, client := pipe(t)
		ended := make(chan error, 1)
		go func() { ended <- r.Serve(limited(t), Entry{Stream: "s", Token: bad.welcome.Token}, server) }()
		if err := client.WriteFrame([]byte(`{"type":"join","token":"` + bad.welcome.Token + `"}`)); err != nil {
			t.Fatal(err)
		}
		if ban {
			readUntil(t, client, `"welcome"`)
			mod.ask("ban", "member", bad.ID(), "reason", "enough")
		}
		readUntil(t, client, "enough")
		if err := <-ended; !errors.Is(err, ErrBanned) {
			t.Errorf("Serve: %v", err)
		}
	}
}

// TestClose: memberships end with the rooms, and nobody joins any more.
func TestClose(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a := join(t, r, Entry{})
	a.ask("message", "text", "last words")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.ends(); !errors.Is(err, ErrClosed) {
		t.Errorf("Next: %v", err)
	}
	if err := a.Receive([]byte(`{}`)); !errors.Is(err, ErrClosed) {
		t.Errorf("Receive: %v", err)
	}
	if _, err := tryJoin(t, r, Entry{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Join: %v", err)
	}
	select {
	case <-r.Done():
	default:
		t.Error("Done is open")
	}
}

// TestConnections: the oldest window of a person gives way, and a full room says so.
func TestConnections(t *testing.T) {
	c := quick()
	c.Connections, c.Members = 2, 3
	r := rooms(t, bus(t, ""), c)
	a := join(t, r, Entry{})
	join(t, r, Entry{Token: a.welcome.Token})
	join(t, r, Entry{Token: a.welcome.Token})
	if err := a.ends(); !errors.Is(err, ErrFull) {
		t.Errorf("the oldest ends with %v", err)
	}
	if _, err := tryJoin(t, r, Entry{}); !errors.Is(err, ErrFull) {
		t.Errorf("joining a full room: %v", err)
	}
	_ = a.Close()
	join(t, r, Entry{})
}
