package cluster

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, data string) *Node {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	n, err := Open(ctx, Config{Data: data}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// TestRestart: what was stored is there after a restart; in memory it is not.
func TestRestart(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       error
	}{{"file", t.TempDir(), nil}, {"memory", "", jetstream.ErrBucketNotFound}} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			first := open(t, c.data)
			kv, err := first.JetStream().CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "b"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := kv.PutString(ctx, "k", "v"); err != nil {
				t.Fatal(err)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			if err := first.Close(); err != nil {
				t.Errorf("the second Close: %v", err)
			}
			select {
			case <-first.Done():
			default:
				t.Error("Done is open after Close")
			}
			second := open(t, c.data)
			kv, err = second.JetStream().KeyValue(ctx, "b")
			if !errors.Is(err, c.want) {
				t.Fatalf("the bucket after a restart: %v, want %v", err, c.want)
			}
			if err == nil {
				if e, err := kv.Get(ctx, "k"); err != nil || string(e.Value()) != "v" {
					t.Errorf("k after a restart: %v, %v", e, err)
				}
			}
		})
	}
}

// TestInUse: two nodes never share a store.
func TestInUse(t *testing.T) {
	data := t.TempDir()
	open(t, data)
	if n, err := Open(t.Context(), Config{Data: data}, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrInUse) {
		t.Errorf("the second node: %v, %v", n, err)
	}
}

// TestAlone: no port is open, and a connection without the node's key is refused.
func TestAlone(t *testing.T) {
	n := open(t, "")
	if addr := n.server.Addr(); addr != nil {
		t.Errorf("the server listens on %v", addr)
	}
	conn, err := n.server.InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	if info, err := in.ReadString('\n'); err != nil || !strings.Contains(info, `"auth_required":true`) {
		t.Errorf("%v: %s", err, info)
	}
	if _, err := conn.Write([]byte("CONNECT {}\r\n")); err != nil {
		t.Fatal(err)
	}
	if answer, err := in.ReadString('\n'); err != nil || !strings.Contains(answer, "Authorization Violation") {
		t.Errorf("a connection without the key: %q, %v", answer, err)
	}
}

// TestBadFolder: a data folder that can't be one is said so.
func TestBadFolder(t *testing.T) {
	if n, err := Open(t.Context(), Config{Data: "/dev/null/x"}, slog.New(slog.DiscardHandler)); err == nil {
		_ = n.Close()
		t.Error("Open took a data folder below a device")
	}
}

// TestCanceled: Open heeds its context and leaves nothing behind.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := Open(ctx, Config{}, slog.New(slog.DiscardHandler))
	if err == nil { // it was ready at once
		_ = n.Close()
	} else if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestMaxStore: the store never claims more than half of what the disk has for it, what it has already included.
func TestMaxStore(t *testing.T) {
	data := t.TempDir()
	if n := usedBytes(filepath.Join(data, "none")); n != 0 {
		t.Errorf("a folder that is not there has %d bytes", n)
	}
	dir := filepath.Join(data, "engine", "solo")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := usedBytes(data); n != 5000 {
		t.Errorf("%d bytes are used, want 5000", n)
	}
	for asked, want := range map[int64]func(int64) bool{
		0:       func(n int64) bool { return n > 0 && n <= defaultMaxStore },
		1 << 20: func(n int64) bool { return n == 1<<20 },
		1 << 62: func(n int64) bool { return n > 0 && n < 1<<62 },
	} {
		n := &Node{}
		o, err := n.options(Config{Data: data, MaxStore: asked})
		if err != nil {
			t.Fatal(err)
		}
		if !want(o.JetStreamMaxStore) {
			t.Errorf("asked for %d: %d", asked, o.JetStreamMaxStore)
		}
		_ = n.lock.Close()
	}
}
