package broadcast

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// publishes makes a source that viewers see.
func publishes(t *testing.T, h *Hub, name string) *Source {
	t.Helper()
	src, err := h.Publish(name, Publication{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	src.ready()
	return src
}

func watches(t *testing.T, h *Hub, name string) *Subscriber {
	t.Helper()
	s, err := h.Subscribe(name, Subscription{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func place(t *testing.T, m *Messenger) *Messenger {
	t.Helper()
	t.Cleanup(m.Close)
	return m
}

func newDataHub(t *testing.T) *Hub {
	t.Helper()
	h := New(Config{Writers: 1})
	t.Cleanup(h.Close)
	return h
}

func reads(t *testing.T, m *Messenger, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, text := range want {
		if got, missed, err := m.Next(ctx, false); err != nil || missed != 0 || string(got.Data) != text {
			t.Fatalf("%q, %d missed, %v; want %q", got.Data, missed, err, text)
		}
	}
}

// nothing wants no message to wait.
func nothing(t *testing.T, m *Messenger) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, _, err := m.Next(ctx, false); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", got.Data, err)
	}
}

func text(format string, args ...any) Message {
	return Message{Text: true, Data: fmt.Appendf(nil, format, args...)}
}

// TestMessages go from each to all others, in their order, and nothing old to who comes late.
func TestMessages(t *testing.T) {
	h := newDataHub(t)
	src := publishes(t, h, "film")
	p := place(t, src.Messenger())
	if !p.Send(text("to nobody")) || p.board.bytes != 0 {
		t.Error("kept for nobody, or not sent")
	}
	s := watches(t, h, "film")
	a, again, b := place(t, s.Messenger()), place(t, s.Messenger()), place(t, watches(t, h, "film").Messenger())
	p.Send(text("one"))
	p.Send(text("two"))
	late := place(t, watches(t, h, "film").Messenger())
	a.Send(text("three"))
	other := place(t, watches(t, h, "another").Messenger())
	reads(t, a, "one", "two")
	reads(t, again, "one", "two")
	reads(t, b, "one", "two", "three")
	reads(t, p, "three")
	reads(t, late, "three")
	for _, m := range []*Messenger{a, again, b, p, late, other} {
		nothing(t, m)
	}
	got := make(chan Message)
	go func() {
		m, _, _ := b.Next(t.Context(), false)
		got <- m
	}()
	p.Send(Message{Data: []byte{1}})
	select {
	case m := <-got:
		if m.Text || len(m.Data) != 1 {
			t.Errorf("%+v", m)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("who waits is not woken")
	}
	for _, m := range []*Messenger{p, a, again, b, late} {
		m.Close()
		m.Close()
	}
	if p.board.readers != 0 || p.board.notes != nil || p.board.bytes != 0 {
		t.Errorf("left over: %+v", p.board)
	}
}

// TestMessagesOfTakeover: only the source that viewers see is heard.
func TestMessagesOfTakeover(t *testing.T) {
	h := newDataHub(t)
	v := place(t, watches(t, h, "film").Messenger())
	old := publishes(t, h, "film")
	was := place(t, old.Messenger())
	was.Send(text("from the old one"))
	next, err := h.Publish("film", Publication{})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	is := place(t, next.Messenger())
	if is.Send(text("too early")) {
		t.Error("a source without media is heard")
	}
	next.ready()
	if was.Send(text("too late")) {
		t.Error("a source that was taken over is heard")
	}
	is.Send(text("from the new one"))
	reads(t, v, "from the old one", "from the new one")
	nothing(t, v)
}

// TestSlowReaders of messages lose their place, or skip to the newest; nobody keeps more than the bound.
func TestSlowReaders(t *testing.T) {
	h := newDataHub(t)
	p := place(t, publishes(t, h, "film").Messenger())
	slow, lossy, quick := place(t, watches(t, h, "film").Messenger()), place(t, watches(t, h, "film").Messenger()), place(t, watches(t, h, "film").Messenger())
	const size, n = 256 << 10, 40
	for i := range n {
		m := Message{Data: make([]byte, size)}
		m.Data[0] = byte(i)
		p.Send(m)
		if got, missed, err := quick.Next(t.Context(), false); err != nil || missed != 0 || got.Data[0] != byte(i) || &got.Data[0] != &m.Data[0] {
			t.Fatalf("message %d: %d missed, %v", i, missed, err)
		}
		if p.board.bytes > dataBytes {
			t.Fatalf("%d bytes are kept", p.board.bytes)
		}
	}
	if _, _, err := slow.Next(t.Context(), false); !errors.Is(err, ErrBehind) {
		t.Error(err)
	}
	if m, missed, err := lossy.Next(t.Context(), true); err != nil || missed != n-1 || m.Data[0] != n-1 {
		t.Errorf("%d missed, %v", missed, err)
	}
	p.Send(text("next"))
	if m, missed, err := lossy.Next(t.Context(), true); err != nil || missed != 0 || string(m.Data) != "next" {
		t.Errorf("%q, %d missed, %v", m.Data, missed, err)
	}
	for i := range 1 << 17 {
		p.Send(text("%d", i))
	}
	if len(p.board.notes) > dataBytes/noteBytes {
		t.Errorf("%d small messages are kept", len(p.board.notes))
	}
}
