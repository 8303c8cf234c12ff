package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// chatEvent is what the tests look at of an event.
type chatEvent struct {
	Type, ID, Text, Code, Token, Target string
	RetryAfter                          int `json:"retry_after"`
	Resumed                             bool
	You, From                           struct{ ID, Name, Role string }
}

// talker is a client of the chat, whatever carries its frames. All that comes is checked against the schema.
type talker struct {
	t      testing.TB
	ctx    context.Context
	schema *jsonschema.Schema
	events chan chatEvent
	say    func(request string)
	ended  chan struct{} // closes with what carries the frames
	once   sync.Once
	last   string // id of the last message that next gave
}

func newTalker(t testing.TB, ctx context.Context) *talker {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../docs/chat.schema.json#/$defs/frame")
	must(t, schema, err)
	return &talker{t: t, ctx: ctx, schema: schema, events: make(chan chatEvent, 10_000), ended: make(chan struct{})}
}

// take takes a frame of the server.
func (c *talker) take(frame []byte) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(frame))
	if err == nil {
		err = c.schema.Validate(v)
	}
	var events []chatEvent
	if err == nil {
		err = json.Unmarshal(frame, &events)
	}
	if err != nil {
		c.t.Errorf("%s: %v", frame, err)
	}
	for _, e := range events {
		c.events <- e
	}
}

func (c *talker) end() { c.once.Do(func() { close(c.ended) }) }

// next waits for an event of a type.
func (c *talker) next(kind string) chatEvent {
	c.t.Helper()
	for {
		if e := wait(c.ctx, c.t, kind, c.events); e.Type == kind {
			if kind == "message" {
				c.last = e.ID
			}
			return e
		}
	}
}

func (c *talker) join(request string) (welcome chatEvent) {
	c.t.Helper()
	c.say(request)
	return c.next("welcome")
}

func (c *talker) message(text string) { c.say(fmt.Sprintf(`{"type":"message","text":%q}`, text)) }

// messages gives the ids of the next messages.
func (c *talker) messages(n int) (ids []string) {
	c.t.Helper()
	for range n {
		ids = append(ids, c.next("message").ID)
	}
	return ids
}

// talkByChannel has a peer connection open the channel, which has to come before the offer if it is the first.
func talkByChannel(t testing.TB, ctx context.Context, p *signalPeer) *talker {
	t.Helper()
	d, err := p.CreateDataChannel("chat", nil)
	must(t, d, err)
	return talkOn(t, ctx, d)
}

func talkOn(t testing.TB, ctx context.Context, d *webrtc.DataChannel) *talker {
	t.Helper()
	c, open := newTalker(t, ctx), make(chan struct{})
	d.OnOpen(func() { close(open) })
	d.OnMessage(func(m webrtc.DataChannelMessage) { c.take(m.Data) })
	d.OnClose(c.end)
	c.say = func(request string) {
		select {
		case <-open:
		case <-ctx.Done():
		}
		if err := d.SendText(request); err != nil {
			t.Log(err) // who waits for the answer fails
		}
	}
	return c
}

// connect opens a session by HTTP.
func (p *signalPeer) connect(t testing.TB, ctx context.Context, url, token string, change func(sdp string) string) {
	t.Helper()
	offer := p.offer(t, ctx, nil)
	if change != nil {
		offer = change(offer)
	}
	status, _, answer, err := fetch(ctx, http.MethodPost, url, offer, "Content-Type: application/sdp", "Authorization: Bearer "+token)
	if err != nil || status != http.StatusCreated {
		t.Fatalf("%s: %d %s %v", url, status, answer, err)
	}
	p.accept(t, webrtc.SDPTypeAnswer, answer)
}

// fetch sends a request, with headers given as "Name: value".
func fetch(ctx context.Context, method, url, body string, headers ...string) (status int, header http.Header, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(all), err
}

// talkBySocket joins over /signal. The session's id may be that of a session that is there.
func talkBySocket(t testing.TB, ctx context.Context, s *signalClient, id, stream string) *talker {
	t.Helper()
	c := newTalker(t, ctx)
	c.say = func(request string) {
		m := map[string]any{"type": "chat", "id": id, "frame": json.RawMessage(request)}
		if stream != "" {
			m["stream"] = stream
		}
		frame, err := json.Marshal(m)
		must(t, frame, err)
		s.check("client", frame)
		s.sending.Lock()
		defer s.sending.Unlock()
		if err := s.conn.WriteMessage(websocket.TextMessage, frame); err != nil {
			t.Log(err)
		}
	}
	done, cancel := context.WithCancel(ctx)
	go func() {
		defer c.end()
		for {
			select {
			case m := <-s.heard:
				if m.Type == "chat" && m.ID == id {
					c.take(m.Frame)
				} else if m.ID == id {
					return
				}
			case <-done.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-c.ended })
	return c
}

// talkByHTTP joins by POST to /chat/:stream, and reads what comes by Server-Sent Events.
func talkByHTTP(t testing.TB, ctx context.Context, url, stream, join string, headers ...string) *talker {
	t.Helper()
	c := newTalker(t, ctx)
	status, header, text, err := fetch(ctx, http.MethodPost, url+"/chat/"+stream, join, headers...)
	if err != nil || status != http.StatusCreated {
		t.Fatalf("joined with %d %s %v", status, text, err)
	}
	me := url + header.Get("Location")
	c.say = func(request string) {
		if status, _, text, err := fetch(ctx, http.MethodPost, me, request); err != nil || status != http.StatusAccepted {
			t.Errorf("%s: %d %s %v", request, status, text, err)
		}
	}
	reading, cancel := context.WithCancel(ctx)
	r, err := http.NewRequestWithContext(reading, http.MethodGet, me, nil)
	must(t, r, err)
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	must(t, response, err)
	go func() {
		defer c.end()
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		for lines.Buffer(nil, 1<<17); lines.Scan(); {
			if frame, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				c.take([]byte(frame))
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-c.ended })
	return c
}
