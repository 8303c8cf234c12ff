package chat

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"
)

// room is the chat of one stream at this node.
type room struct {
	rooms     *Rooms
	stream    string
	token     string
	holders   int         // members, and who is about to be one; under Rooms.mu
	lingering *time.Timer // under Rooms.mu

	loading  sync.Mutex // one reads the history, others wait
	loaded   bool       // under loading and mu
	changing sync.Mutex // one changes the settings, others wait

	mu       sync.Mutex
	log      *history
	early    [][]byte // events that came before the history was read
	chain    *chain
	pending  []json.RawMessage // events for the next frame
	upTo     []uint64          // position in the log behind each of these
	sent     uint64            // position in the log up to which events are in frames
	flushed  time.Time         // when the newest frame was made
	flushing bool              // a timer will make the next
	members  map[*Member]struct{}
	speakers map[string]*speaker // by identity
	present  int                 // of them with members
	owners   map[string]string   // identity that has a nickname, by skeleton
	limit    *rate.Limiter
	words    []string // folded
	presence presence
	subs     []*nats.Subscription
	timers   []*time.Timer // flush and tick
	ending   bool          // nobody joins any more
	closed   bool
}

func newRoom(rooms *Rooms, stream, token string) (*room, error) {
	c := rooms.config
	r := &room{
		rooms: rooms, stream: stream, token: token, log: newHistory(), chain: newChain(0), members: map[*Member]struct{}{},
		speakers: map[string]*speaker{}, owners: map[string]string{}, limit: rate.NewLimiter(rate.Limit(c.RoomRate), c.RoomBurst), presence: newPresence(),
	}
	r.foldWords(rooms.ledger.settings(token))
	r.timers = []*time.Timer{time.AfterFunc(time.Hour, r.flushLater), time.AfterFunc(time.Hour, r.tick)}
	for _, t := range r.timers {
		t.Stop()
	}
	for subject, take := range map[string]nats.MsgHandler{
		subjectLog + "." + token:  func(m *nats.Msg) { r.takeEvent(m.Data) },
		subjectRoom + "." + token: func(m *nats.Msg) { r.takeMoment(m.Data) },
	} {
		sub, err := rooms.nc.Subscribe(subject, take)
		if err != nil {
			return nil, errors.Join(ErrClosed, err, r.close())
		}
		r.subs = append(r.subs, sub)
	}
	return r, nil
}

func (r *room) subject() string { return subjectLog + "." + r.token }

// load reads the history, once. A room without it is a room still; it is tried again when all have left it for a while.
func (r *room) load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	if r.loaded {
		return ctx.Err()
	}
	var events [][]byte
	var seqs []uint64
	err := r.rooms.store.load(ctx, r.subject(), func(raw []byte, seq uint64) {
		events, seqs = append(events, raw), append(seqs, seq)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.rooms.log.Warn("A room begins without its history", "stream", r.stream, "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, raw := range events {
		r.note(r.log.add(raw, seqs[i]))
	}
	for _, raw := range r.early {
		r.note(r.log.add(raw, 0))
	}
	r.early, r.loaded, r.sent = nil, true, r.log.head()
	r.chain = newChain(r.sent)
	return nil
}

func (r *room) note(_ *record, err error) {
	if err != nil {
		r.rooms.log.Error("An event of the chat is left out", "stream", r.stream, "error", err)
	}
}

// takeEvent takes an event of the log from the bus.
func (r *room) takeEvent(raw []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
	case !r.loaded:
		r.early = append(r.early, raw)
	default:
		added, err := r.log.add(raw, 0)
		r.note(added, err)
		if added != nil && added.raw != nil {
			r.push(added.raw)
		}
	}
}

// push puts an event into the next frame, and makes that at once or, where many would wake for it, a little later. The
// caller holds mu.
func (r *room) push(raw json.RawMessage) {
	r.pending, r.upTo = append(r.pending, raw), append(r.upTo, r.log.head())
	if r.flushing {
		return
	}
	if len(r.members) >= r.rooms.config.BatchFrom {
		if wait := r.rooms.config.Batch - time.Since(r.flushed); wait > 0 {
			r.flushing = true
			r.timers[0].Reset(wait)
			return
		}
	}
	r.flush()
}

func (r *room) flushLater() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flushing = false
	if !r.closed {
		r.flush()
	}
}

// flush makes frames of what is pending. The caller holds mu.
func (r *room) flush() {
	for len(r.pending) > 0 {
		n := fitting(r.pending)
		r.sent = r.upTo[n-1]
		r.chain.add(r.sent, r.log.before(r.sent), frameOf(r.pending[:n]...))
		r.pending, r.upTo = r.pending[n:], r.upTo[n:]
	}
	r.pending, r.upTo, r.flushed = nil, nil, time.Now()
}

// endAll ends all memberships; nobody joins any more.
func (r *room) endAll() {
	r.mu.Lock()
	r.ending = true
	members := slices.Collect(maps.Keys(r.members))
	r.mu.Unlock()
	for _, m := range members {
		_ = m.Close() // never fails
	}
}

// close takes the room off the bus; it has no members any more.
func (r *room) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	var errs []error
	for _, t := range r.timers {
		t.Stop()
	}
	for _, sub := range r.subs {
		errs = append(errs, ignoreClosed(sub.Unsubscribe()))
	}
	return errors.Join(errs...)
}
