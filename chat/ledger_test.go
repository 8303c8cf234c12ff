package chat

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func testLedger(t *testing.T, dir string) *ledger {
	t.Helper()
	nc := bus(t, "")
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.CreateOrUpdateKeyValue(limited(t), jetstream.KeyValueConfig{Bucket: bucketRules, Storage: jetstream.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	l, err := openLedger(limited(t), nc, kv, dir, slog.New(slog.DiscardHandler), func(string, *rule) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestLedgerOrder: of two rules with one key the later holds, in whatever order they come; a lifted one stays lifted.
func TestLedgerOrder(t *testing.T) {
	now := time.Now().UnixNano()
	ban := func(at int64, off bool) *rule {
		r := &rule{Key: "s.ban.x", At: now + at, Off: off, Member: Person{ID: "x"}}
		if !off {
			r.Address = "192.0.2.1"
		}
		return r
	}
	for name, c := range map[string]struct {
		rules []*rule
		want  bool
	}{
		"banned":                {[]*rule{ban(1, false)}, true},
		"lifted":                {[]*rule{ban(1, false), ban(2, true)}, false},
		"lifted, old ban later": {[]*rule{ban(2, true), ban(1, false)}, false},
		"banned again":          {[]*rule{ban(1, false), ban(2, true), ban(3, false)}, true},
		"over":                  {[]*rule{{Key: "s.ban.x", At: now, Until: now - 1, Address: "192.0.2.1"}}, false},
		"another room":          {[]*rule{{Key: "r.ban.x", At: now, Address: "192.0.2.1"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := testLedger(t, "")
			for _, r := range c.rules {
				l.apply(r)
			}
			for range 2 {
				if got := l.meeting("s", kindBan, "x", "", Viewer); (got != nil) != c.want {
					t.Errorf("by identity: %+v", got)
				}
				if got := l.meeting("s", kindBan, "y", "192.0.2.1", Viewer); (got != nil) != c.want {
					t.Errorf("by address: %+v", got)
				}
				l.all() // forgets what is over
			}
		})
	}
}

// TestLedgerFile: a file that can't be read is not overwritten.
func TestLedgerFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/chat", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/chat/"+ledgerFile, []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := quick()
	c.Data = dir
	r, err := Open(limited(t), bus(t, ""), c, slog.New(slog.DiscardHandler))
	if err == nil {
		_ = r.Close()
	}
	if err == nil || !strings.Contains(err.Error(), ledgerFile) {
		t.Errorf("Open: %v", err)
	}
	if content, _ := os.ReadFile(dir + "/chat/" + ledgerFile); string(content) != "[{" {
		t.Errorf("the file is %q now", content)
	}
}

// TestWithoutStore: while the store is away the chat goes on, and what is sent again for its sake comes once.
func TestWithoutStore(t *testing.T) {
	nc := bus(t, "")
	r := rooms(t, nc, quick())
	a, b := join(t, r, Entry{Role: Moderator}), join(t, r, Entry{})
	if err := r.store.js.DeleteStream(limited(t), streamLog); err != nil {
		t.Fatal(err)
	}
	if err := r.store.js.DeleteKeyValue(limited(t), bucketRules); err != nil {
		t.Fatal(err)
	}
	sub, err := nc.SubscribeSync(a.room.subject())
	if err != nil {
		t.Fatal(err)
	}
	a.ask("message", "text", "one")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 2 { // the second is the store's
		if _, err := sub.NextMsgWithContext(ctx); err != nil {
			t.Fatal(err)
		}
	}
	a.ask("message", "text", "two")
	if first, second := b.await("message"), b.await("message"); first.Text != "one" || second.Text != "two" {
		t.Errorf("heard %q and %q", first.Text, second.Text)
	}
	a.refused("storage", "ban", "member", b.ID()) // without a data folder nothing keeps it
	if err := b.ends(); Code(err) != "banned" {
		t.Errorf("the ban holds all the same: %v", err)
	}
}

// TestSmallDisk: a store that has become too small for what is configured keeps less, rather than nothing.
func TestSmallDisk(t *testing.T) {
	dir := t.TempDir()
	c := quick()
	c.Data, c.MaxBytes = dir, 64<<20
	for _, size := range []int64{1 << 30, 40 << 20, 40 << 20} {
		nc, stop, err := startBus(dir+"/engine", size)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(limited(t), nc, c, slog.New(slog.DiscardHandler))
		if err != nil {
			stop()
			t.Fatalf("with %d bytes: %v", size, err)
		}
		a := join(t, r, Entry{})
		if done := a.done("message", "text", "kept"); !done.Stored {
			t.Errorf("with %d bytes: %+v", size, done)
		}
		if got := len(a.past); size < 1<<30 && got == 0 {
			t.Errorf("with %d bytes: the history is lost", size)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		stop()
	}
	for _, size := range []int64{70 << 20, 40 << 20, 33 << 20, 2 << 20} {
		nc, stop, err := startBus(t.TempDir(), size)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(limited(t), nc, c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("begun with %d bytes: %v", size, err)
		} else if err := r.Close(); err != nil {
			t.Error(err)
		}
		stop()
	}
	nc, stop, err := startBus(t.TempDir(), 1<<19)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if r, err := Open(limited(t), nc, c, slog.New(slog.DiscardHandler)); err == nil {
		_ = r.Close()
		t.Error("a chat without any room for it")
	}
}
