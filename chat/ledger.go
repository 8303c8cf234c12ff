package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ledgerFile is in the folder chat of the data.
const ledgerFile = "moderation.json"

// ledger keeps the rules of all rooms: in memory to be asked, in a file of this node, and in a bucket that all nodes share.
// Each of the two is enough to have them after a restart; where they differ the later entry holds.
type ledger struct {
	log  *slog.Logger
	dir  string // of the file; empty: none
	kv   jetstream.KeyValue
	nc   *nats.Conn
	news func(room string, r *rule) // called for each new rule, without the lock

	mu    sync.RWMutex
	rooms map[string]map[string]*rule // by room, and kind.id
	nets  map[string][]*rule          // bans and timeouts by room and network
	file  sync.Mutex
	sub   *nats.Subscription
}

func openLedger(ctx context.Context, nc *nats.Conn, kv jetstream.KeyValue, data string, log *slog.Logger, news func(string, *rule)) (*ledger, error) {
	l := &ledger{log: log, kv: kv, nc: nc, news: news, rooms: map[string]map[string]*rule{}, nets: map[string][]*rule{}}
	if data != "" {
		l.dir = filepath.Join(data, "chat")
	}
	var err error
	if l.sub, err = nc.Subscribe(subjectRules+".>", func(m *nats.Msg) { // before reading, to miss nothing
		r := &rule{}
		if err := json.Unmarshal(m.Data, r); err != nil {
			l.log.Error("A rule on the bus can't be read", "subject", m.Subject, "error", err)
			return
		}
		if l.apply(r) {
			l.save()
		}
	}); err != nil {
		return nil, err
	}
	if err := l.read(ctx); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *ledger) close() error { return ignoreClosed(l.sub.Unsubscribe()) }

// read brings file, bucket and memory together.
func (l *ledger) read(ctx context.Context) error {
	mine, err := l.readFile()
	if err != nil {
		return err
	}
	for _, r := range mine {
		l.apply(r)
	}
	stored := map[string]int64{}
	keys, err := l.kv.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("the moderators' decisions can't be read: %w", err)
	}
	for key := range keys.Keys() {
		entry, err := l.kv.Get(ctx, key)
		r := &rule{}
		if err == nil {
			err = json.Unmarshal(entry.Value(), r)
		}
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound): // deleted meanwhile
		case err != nil:
			l.log.Warn("A moderator's decision in the store can't be read; the copy on disk is used", "key", key, "error", err)
		case !r.remembered(time.Now()):
			if err := l.kv.Purge(ctx, key); err != nil {
				l.log.Warn("A rule that is over stays in the store", "key", key, "error", err)
			}
		default:
			stored[key] = r.At
			l.apply(r)
		}
	}
	for _, r := range l.all() {
		if stored[r.Key] < r.At {
			l.store(ctx, r)
		}
	}
	l.save()
	return nil
}

func (l *ledger) readFile() ([]*rule, error) {
	if l.dir == "" {
		return nil, nil
	}
	path := filepath.Join(l.dir, ledgerFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var rules []*rule
	if err == nil {
		err = json.Unmarshal(content, &rules)
	}
	if err != nil {
		return nil, fmt.Errorf("the moderators' decisions can't be read: %s: %w; mend it, or move it away to use the copy in the store", path, err)
	}
	return rules, nil
}

// apply takes a rule into memory; false if it knows a later one.
func (l *ledger) apply(r *rule) bool {
	room, key, ok := cutRoom(r.Key)
	if !ok {
		l.log.Error("A rule has a key that is none", "key", r.Key)
		return false
	}
	l.mu.Lock()
	rules := l.rooms[room]
	if rules == nil {
		rules = map[string]*rule{}
		l.rooms[room] = rules
	}
	known := rules[key]
	newer := known == nil || known.At < r.At
	if newer {
		rules[key] = r
		l.index(room, known, r)
	}
	l.mu.Unlock()
	if newer {
		l.news(room, r)
	}
	return newer
}

// index keeps nets in step with a rule that takes another's place. The caller holds mu.
func (l *ledger) index(room string, was, is *rule) {
	if was != nil && was.Address != "" {
		key := room + " " + was.Address
		l.nets[key] = slices.DeleteFunc(l.nets[key], func(r *rule) bool { return r == was })
		if len(l.nets[key]) == 0 {
			delete(l.nets, key)
		}
	}
	if is != nil && is.Address != "" {
		key := room + " " + is.Address
		l.nets[key] = append(l.nets[key], is)
	}
}

// put makes a rule hold: here at once, then on disk, at the other nodes, and in the store. The error wraps ErrStorage, and
// comes only where the rule is neither on disk nor in the store; it holds even then, until this process ends.
func (l *ledger) put(ctx context.Context, r *rule) error {
	room, key, _ := cutRoom(r.Key)
	r.At = time.Now().UnixNano()
	if known := l.get(room, key); known != nil {
		r.At = max(r.At, known.At+1)
	}
	if !l.apply(r) {
		return nil // somebody was faster
	}
	saved := l.save()
	if err := l.nc.Publish(subjectRules+"."+room, encode(r)); err != nil {
		l.log.Warn("The other nodes are not told of a rule", "key", r.Key, "error", err)
	}
	if !l.store(ctx, r) && !saved {
		return refuse(ErrStorage, "it holds until the server restarts; try again")
	}
	return nil
}

func (l *ledger) store(ctx context.Context, r *rule) bool {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	_, err := l.kv.Put(ctx, r.Key, encode(r))
	if err != nil {
		l.log.Error("A moderator's decision is not in the store", "key", r.Key, "error", err)
	}
	return err == nil
}

// save writes the file; false if there is none or it failed.
func (l *ledger) save() bool {
	if l.dir == "" {
		return false
	}
	l.file.Lock()
	defer l.file.Unlock()
	err := writeFile(l.dir, ledgerFile, encode(l.all()))
	if err != nil {
		l.log.Error("The moderators' decisions are not on disk", "folder", l.dir, "error", err)
	}
	return err == nil
}

// all gives the rules worth keeping, and forgets the others.
func (l *ledger) all() []*rule {
	l.mu.Lock()
	defer l.mu.Unlock()
	rules, now := []*rule{}, time.Now()
	for name, room := range l.rooms {
		for key, r := range room {
			if r.remembered(now) {
				rules = append(rules, r)
				continue
			}
			delete(room, key)
			l.index(name, r, nil)
		}
		if len(room) == 0 {
			delete(l.rooms, name)
		}
	}
	return rules
}

func (l *ledger) get(room, key string) *rule {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.rooms[room][key]
}

// holding gives the rule of a kind on a member, if one holds.
func (l *ledger) holding(room, kind, identity string) *rule {
	if r := l.get(room, kind+"."+token(identity)); r != nil && r.holds(time.Now()) {
		return r
	}
	return nil
}

// meeting gives the ban or the timeout that meets somebody, by identity or by address.
func (l *ledger) meeting(room, kind, identity, address string, role Role) *rule {
	if l.holding(room, kindModerator, identity) != nil {
		role = max(role, Moderator)
	}
	if r := l.holding(room, kind, identity); r != nil && r.meets(identity, address, role) {
		return r
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	now := time.Now()
	for _, r := range l.nets[room+" "+address] {
		if r.kind() == kind && r.holds(now) && r.meets(identity, address, role) {
			return r
		}
	}
	return nil
}

// holdingAll gives the rules of a kind that hold in a room.
func (l *ledger) holdingAll(room, kind string) []*rule {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found []*rule
	now := time.Now()
	for key, r := range l.rooms[room] {
		if strings.HasPrefix(key, kind+".") && r.holds(now) {
			found = append(found, r)
		}
	}
	return found
}

// settings gives a copy of a room's settings.
func (l *ledger) settings(room string) settings {
	r := l.get(room, kindSettings)
	if r == nil || r.Settings == nil {
		return settings{}
	}
	return *r.Settings
}

// network is what a ban of an address and its limits hold for: the address, or the /64 of an IPv6 address, which one
// subscriber has. Empty for what is no address.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, _ := a.Prefix(64) // fails for no IPv6 address
	return p.String()
}

func ignoreClosed(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
		return nil
	}
	return err
}
