package chat

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"
)

const (
	linger    = time.Minute // a room stays open so long without members
	maxStream = 256         // bytes of a stream's name
)

// Rooms are the rooms of all streams, as far as they have members at this node.
type Rooms struct {
	config Config
	log    *slog.Logger
	nc     *nats.Conn
	store  *store
	keys   *keys
	ledger *ledger
	names  *nicknames
	limits *addressLimits
	node   string
	ctx    context.Context // ends with Close
	stop   context.CancelFunc

	mu     sync.Mutex
	rooms  map[string]*room // by token
	closed bool
	done   chan struct{}
	active sync.WaitGroup // holders of rooms
}

// Open reads the decisions of moderators and makes sure that there is a place for the history, within the time that ctx
// gives. The connection stays the caller's, and has to outlive the rooms.
func Open(ctx context.Context, nc *nats.Conn, config Config, log *slog.Logger) (*Rooms, error) {
	config = config.filled()
	keys, err := openKeys(config.Data)
	if err != nil {
		return nil, err
	}
	r := &Rooms{
		config: config, log: log, nc: nc, keys: keys, names: newNicknames(config.NicknameLength),
		limits: newAddressLimits(config.AddressRate, config.AddressBurst), node: strings.ToLower(ulid.Make().String()),
		rooms: map[string]*room{}, done: make(chan struct{}),
	}
	r.ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	if r.store, err = openStore(ctx, nc, config, log); err != nil {
		r.stop()
		return nil, err
	}
	if r.ledger, err = openLedger(ctx, nc, r.store.rules, config.Data, log, r.rule); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// Done closes when the rooms have closed.
func (r *Rooms) Done() <-chan struct{} { return r.done }

// Close ends all memberships with ErrClosed, and waits until who is about to join has given up and what was said is stored.
// A second call waits likewise.
func (r *Rooms) Close() error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	open := make([]*room, 0, len(r.rooms))
	for _, room := range r.rooms {
		open = append(open, room)
		if room.lingering != nil {
			room.lingering.Stop()
		}
	}
	r.mu.Unlock()
	if !first {
		<-r.done
		return nil
	}
	for _, room := range open {
		room.endAll()
	}
	r.active.Wait()
	var errs []error
	for _, room := range open {
		errs = append(errs, room.close())
	}
	r.store.close()
	r.stop()
	errs = append(errs, r.ledger.close())
	close(r.done)
	return errors.Join(errs...)
}

// Join makes a member of a room. The error is a RefusalError (banned, full, malformed) or of the bus or the context; ErrorFrame
// says it to who wanted to join. The caller has to Close the member.
func (r *Rooms) Join(ctx context.Context, e Entry) (*Member, error) {
	if e.Stream == "" || len(e.Stream) > maxStream {
		return nil, refuse(ErrNotFound, "the stream's name has to have 1 to %d bytes", maxStream)
	}
	m := r.newMember(e)
	room, err := r.enter(e.Stream)
	if err != nil {
		return nil, err
	}
	if ban := r.ledger.meeting(room.token, kindBan, m.identity, m.address, m.entryRole); ban != nil { // before any work for it
		err = banRefusal(ban)
	} else if err = room.load(ctx); err == nil {
		err = room.join(m, e)
	}
	if err != nil {
		r.leave(room)
		return nil, err
	}
	return m, nil
}

// newMember finds out who it is.
func (r *Rooms) newMember(e Entry) *Member {
	m := &Member{rooms: r, identity: e.Identity, address: network(e.Address), entryRole: e.Role, invited: -1, wake: make(chan struct{}, 1), requests: newRequestLimit()}
	if m.identity == "" && e.Token != "" {
		if identity, err := r.keys.identity(e.Token); err == nil {
			m.identity, m.token = identity, e.Token
		}
	}
	if m.identity == "" {
		m.identity, m.token = r.keys.issue()
	}
	if secretEqual(r.config.Administrator, e.Credential) {
		m.entryRole = Administrator
	} else if e.Credential != "" && r.config.Broadcaster != nil && r.config.Broadcaster(e.Stream, e.Credential) {
		m.entryRole = max(m.entryRole, Broadcaster)
	}
	if e.Invitation != "" {
		if epoch, err := r.keys.invited(e.Stream, e.Invitation, time.Now()); err == nil {
			m.invited = epoch
		}
	}
	return m
}

// enter gives the room of a stream and holds it; leave lets it go.
func (r *Rooms) enter(stream string) (*room, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	key := token(stream)
	found := r.rooms[key]
	if found == nil {
		if len(r.rooms) >= r.config.Rooms && !r.closeIdle() {
			return nil, refuseFor(ErrFull, time.Minute, "the server has %d rooms already", len(r.rooms))
		}
		var err error
		if found, err = newRoom(r, stream, key); err != nil {
			return nil, err
		}
		r.rooms[key] = found
	}
	found.holders++
	r.active.Add(1)
	return found, nil
}

// closeIdle closes a room without members, before its time; false if there is none. The caller holds mu.
func (r *Rooms) closeIdle() bool {
	for key, room := range r.rooms {
		if room.holders > 0 {
			continue
		}
		delete(r.rooms, key)
		if room.lingering != nil {
			room.lingering.Stop()
		}
		r.closeRoom(room)
		return true
	}
	return false
}

func (r *Rooms) closeRoom(left *room) {
	if err := left.close(); err != nil {
		r.log.Warn("A room did not close well", "stream", left.stream, "error", err)
	}
}

// leave closes the room some time after the last has left it.
func (r *Rooms) leave(left *room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left.holders--
	r.active.Done()
	if left.holders > 0 || r.closed {
		return
	}
	if left.lingering != nil {
		left.lingering.Stop()
	}
	left.lingering = time.AfterFunc(linger, func() {
		r.mu.Lock()
		gone := left.holders == 0 && !r.closed && r.rooms[left.token] == left
		if gone {
			delete(r.rooms, left.token)
		}
		r.mu.Unlock()
		if gone {
			r.closeRoom(left)
		}
	})
}

// rule brings a moderators' decision to the room, if it is open.
func (r *Rooms) rule(key string, rule *rule) {
	r.mu.Lock()
	room := r.rooms[key]
	r.mu.Unlock()
	if room != nil {
		room.rule(rule)
	}
}

func banRefusal(ban *rule) *RefusalError {
	text := "a moderator has banned you"
	if ban.Reason != "" {
		text += ": " + ban.Reason
	}
	if ban.Until == 0 {
		return refuse(ErrBanned, "%s", text)
	}
	return refuseFor(ErrBanned, time.Until(time.Unix(0, ban.Until)), "%s", text)
}

func secretEqual(secret, given string) bool {
	x, y := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(given))
	return secret != "" && subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
