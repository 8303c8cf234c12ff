// Package cluster is the bus and the store beside the media: a NATS server in this process, without a port. What uses it sees
// a *nats.Conn and JetStream alone, so that the same code works where the server is one of a cluster, or elsewhere.
//
// Nothing irreplaceable belongs in JetStream: it writes to the page cache at once and to the disk every few seconds, so that a
// killed process loses nothing of what was acknowledged, and a power failure the last seconds.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// Errors of Open.
var (
	ErrInUse = errors.New("another process uses this data folder")
	ErrStart = errors.New("the embedded NATS server did not start")
)

const (
	defaultMaxStore = 2 << 30
	maxMemory       = 256 << 20
	maxPayload      = 64 << 10
	syncInterval    = 5 * time.Second
	startTimeout    = 15 * time.Second
)

// Config says where a node keeps what has to outlive it.
type Config struct {
	// Data is the folder of the gateway's data; the store is in engine/solo below it. Empty: all is kept in memory, and gone
	// with the process.
	Data string `koanf:"-"`
	// MaxStore bounds the store, in bytes; 0: 2 GiB. It is never more than half of what the disk has for it.
	MaxStore int64 `koanf:"max_store"`
}

// Node is this process's place on the bus.
type Node struct {
	server    *server.Server
	conn      *nats.Conn
	js        jetstream.JetStream
	lock      *os.File // nil in memory
	scratch   string   // folder to remove at the end: JetStream wants one even for what is in memory
	done      chan struct{}
	closeOnce sync.Once
}

// Open starts the server and connects to it, within the time that ctx gives. A node outlives ctx: it ends with Close, as
// the last of all, or by itself when the server fails; then Done closes.
func Open(ctx context.Context, c Config, log *slog.Logger) (*Node, error) {
	n := &Node{done: make(chan struct{})}
	if err := n.open(ctx, c, log); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) open(ctx context.Context, c Config, log *slog.Logger) error {
	options, err := n.options(c)
	if err != nil {
		return err
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	public, err := user.PublicKey()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	options.Nkeys = []*server.NkeyUser{{Nkey: public}}
	if n.server, err = server.NewServer(options); err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	n.server.SetLoggerV2(&logger{log: log.With("in", "nats")}, false, false, false)
	if err := n.start(ctx); err != nil {
		return err
	}
	n.conn, err = nats.Connect("", nats.InProcessServer(n.server), nats.Nkey(public, user.Sign), nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond), nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			log.Warn("The bus reports an error", "subject", subject(s), "error", err)
		}))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	if n.js, err = jetstream.New(n.conn); err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	go func() { // Shutdown ends it
		defer close(n.done)
		n.server.WaitForShutdown()
	}()
	return nil
}

// options are those of a single node: no port, its own store folder, explicit limits.
func (n *Node) options(c Config) (*server.Options, error) {
	dir := filepath.Join(c.Data, "engine", "solo")
	if c.Data == "" {
		scratch, err := os.MkdirTemp("", "bongsu-engine-")
		if err != nil {
			return nil, err
		}
		dir, n.scratch = scratch, scratch
	} else {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("the data folder can't be used: %w", err)
		}
		lock, err := lockFile(dir + ".lock")
		if err != nil {
			return nil, fmt.Errorf("%w: %s (%w)", ErrInUse, c.Data, err)
		}
		n.lock = lock
	}
	if c.MaxStore <= 0 {
		c.MaxStore = defaultMaxStore
	}
	c.MaxStore = min(c.MaxStore, (usedBytes(dir)+freeBytes(dir))/2)
	return &server.Options{
		ServerName: "solo", DontListen: true, NoSigs: true, NoLog: true, MaxPayload: maxPayload,
		JetStream: true, StoreDir: dir, JetStreamMaxStore: c.MaxStore, JetStreamMaxMemory: maxMemory, SyncInterval: syncInterval,
	}, nil
}

// usedBytes is what a folder has already, as far as it can be read.
func usedBytes(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // the rest counts
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// start waits until the server takes connections.
func (n *Node) start(ctx context.Context) error {
	n.server.Start()
	deadline := time.Now().Add(startTimeout)
	for !n.server.ReadyForConnections(100 * time.Millisecond) { // waits so long itself
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w: %w", ErrStart, err)
		}
		if !n.server.Running() || time.Now().After(deadline) {
			return fmt.Errorf("%w within %v; its log says why", ErrStart, startTimeout)
		}
	}
	if !n.server.JetStreamEnabled() {
		return fmt.Errorf("%w: it runs without JetStream; its log says why", ErrStart)
	}
	return nil
}

// Conn is the connection to the bus. Close closes it.
func (n *Node) Conn() *nats.Conn { return n.conn }

// JetStream is the store on the same connection.
func (n *Node) JetStream() jetstream.JetStream { return n.js }

// Done closes when the server has ended.
func (n *Node) Done() <-chan struct{} { return n.done }

// Close ends the connection and the server, and returns when nothing of them is left running. A second call waits likewise.
func (n *Node) Close() error {
	var err error
	n.closeOnce.Do(func() { err = n.close() })
	return err
}

func (n *Node) close() error {
	if n.conn != nil {
		n.conn.Close()
	}
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
	if n.js != nil { // else nobody ever got this node
		<-n.done
	}
	var err error
	if n.lock != nil {
		err = n.lock.Close()
	}
	if n.scratch != "" {
		err = errors.Join(err, os.RemoveAll(n.scratch))
	}
	return err
}

func subject(s *nats.Subscription) string {
	if s == nil {
		return ""
	}
	return s.Subject
}
