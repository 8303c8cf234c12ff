package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

// bus starts a NATS server in this process, as the gateway does; dir is its store, empty for one that is not kept.
func bus(t testing.TB, dir string) *nats.Conn {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	nc, stop, err := startBus(dir, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return nc
}

func startBus(dir string, size int64) (*nats.Conn, func(), error) {
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir, JetStreamMaxStore: size, JetStreamMaxMemory: 256 << 20})
	if err != nil {
		return nil, nil, err
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		return nil, nil, fmt.Errorf("NATS did not start")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	return nc, func() { nc.Close(); s.Shutdown(); s.WaitForShutdown() }, err
}

func rooms(t testing.TB, nc *nats.Conn, c Config) *Rooms {
	t.Helper()
	r, err := Open(limited(t), nc, c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// quick is a configuration in which nobody is too fast.
func quick() Config {
	return Config{Rate: 1e6, Burst: 1e6, AddressRate: 1e6, AddressBurst: 1e6, RoomRate: 1e6, RoomBurst: 1e6, Administrator: "root"}
}

func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	found := map[string]*jsonschema.Schema{}
	for _, name := range []string{"request", "frame"} {
		s, err := jsonschema.NewCompiler().Compile("../docs/chat.schema.json#/$defs/" + name)
		if err != nil {
			return nil, err
		}
		found[name] = s
	}
	return found, nil
})

// conforms checks a frame against the schema.
func conforms(t testing.TB, name string, data []byte) {
	t.Helper()
	s, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if err := s[name].Validate(v); err != nil {
		t.Errorf("%s\nis no %s: %v", data, name, err)
	}
}

// got is any event, as a client reads it.
type got struct {
	Type       string
	ID         string
	Time       int64
	Ref        string
	Code       string
	Detail     string
	Text       string
	Token      string
	Target     string
	Was        string
	Invitation string
	Reason     string
	Stream     string
	RetryAfter int `json:"retry_after"`
	Merged     int
	Seconds    int
	Viewers    int
	History    int
	Slow       int
	Resumed    bool
	Invited    bool
	Followers  bool
	Stored     bool
	You        Person
	From       Person
	Member     Person
	By         Person
	Reply      *quote
	Counts     map[string]int
	Joined     []Person
	Left       []Person
	Members    []Person
	Bans       []ban
	Words      []string
	Pinned     *event
	Settings   struct {
		Slow      int
		Followers bool
		Pinned    *event
	}
}

// client is a member as a site or a bot sees it: it checks every frame in and out against the schema.
type client struct {
	*Member

	t       testing.TB
	ctx     context.Context
	welcome got
	past    []got // the history that came with the welcome
	queue   []got
}

func join(t testing.TB, r *Rooms, e Entry) *client {
	t.Helper()
	c, err := tryJoin(t, r, e)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryJoin(t testing.TB, r *Rooms, e Entry) (*client, error) {
	t.Helper()
	if e.Stream == "" {
		e.Stream = "봉수"
	}
	m, err := r.Join(limited(t), e)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = m.Close() })
	c := &client{Member: m, t: t, ctx: limited(t)}
	c.greeted()
	return c, nil
}

// greeted reads a welcome and its history.
func (c *client) greeted() {
	c.t.Helper()
	c.welcome, c.past = c.await("welcome"), nil
	for range c.welcome.History {
		c.past = append(c.past, c.next())
	}
}

// next gives the next event.
func (c *client) next() got {
	c.t.Helper()
	for len(c.queue) == 0 {
		data, err := c.Member.Next(c.ctx)
		if err != nil {
			c.t.Fatalf("Next: %v", err)
		}
		conforms(c.t, "frame", data)
		if err := json.Unmarshal(data, &c.queue); err != nil {
			c.t.Fatal(err)
		}
	}
	e := c.queue[0]
	c.queue = c.queue[1:]
	return e
}

// await gives the next event of a type, and passes over the others.
func (c *client) await(kind string) got {
	c.t.Helper()
	for {
		if e := c.next(); e.Type == kind {
			return e
		} else if e.Type == "error" {
			c.t.Fatalf("awaiting %s: %s: %s", kind, e.Code, e.Detail)
		}
	}
}

// hear gives the next message with a text.
func (c *client) hear(text string) got {
	c.t.Helper()
	for {
		if e := c.await("message"); e.Text == text {
			return e
		}
	}
}

// ask sends a request, given as its type and pairs of name and value.
func (c *client) ask(kind string, pairs ...any) {
	c.t.Helper()
	data := requestOf(kind, pairs)
	conforms(c.t, "request", data)
	c.receive(data)
}

func requestOf(kind string, pairs []any) []byte {
	q := map[string]any{"type": kind}
	for i := 0; i < len(pairs); i += 2 {
		q[pairs[i].(string)] = pairs[i+1]
	}
	return encode(q)
}

func (c *client) receive(data []byte) {
	c.t.Helper()
	if err := c.Receive(data); err != nil {
		c.t.Fatalf("Receive(%s): %v", data, err)
	}
}

// done sends a request and gives its "done".
func (c *client) done(kind string, pairs ...any) got {
	c.t.Helper()
	c.ask(kind, append(pairs, "ref", "r")...)
	return c.await("done")
}

// refused sends a request, which may be against the schema, and expects an error.
func (c *client) refused(code, kind string, pairs ...any) got {
	c.t.Helper()
	c.receive(requestOf(kind, append(pairs, "ref", "r")))
	for {
		e := c.next()
		switch {
		case e.Type == "done":
			c.t.Fatalf("%s %v was done, want the error %s", kind, pairs, code)
		case e.Type == "error" && e.Code != code:
			c.t.Fatalf("%s %v: error %s (%s), want %s", kind, pairs, e.Code, e.Detail, code)
		case e.Type == "error":
			if e.Ref != "r" || e.Detail == "" {
				c.t.Errorf("an error without ref or detail: %+v", e)
			}
			return e
		}
	}
}

// ends reads until the membership ends.
func (c *client) ends() error {
	c.t.Helper()
	for {
		data, err := c.Member.Next(c.ctx)
		if err != nil {
			return err
		}
		conforms(c.t, "frame", data)
	}
}

func texts(events []got) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Text)
	}
	return strings.Join(all, " ")
}
