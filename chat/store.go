package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	busTimeout = 2 * time.Second // of what waits for the bus
	storeTries = 10              // so often an event is given to the store, for 20 s: it may have no leader for a while
	loadTries  = 3

	noStorage  = jetstream.ErrorCode(10047) // JSStorageResourcesExceededErr of the server
	leastBytes = 1 << 20                    // of history; with less there is no chat
)

// store is the history on JetStream: one stream for all rooms, bounded for each.
type store struct {
	js    jetstream.JetStream
	log   *slog.Logger
	chat  jetstream.Stream
	rules jetstream.KeyValue

	mu      sync.Mutex
	waiting map[string]*waiting // by id of the event
	closed  bool
	running sync.WaitGroup
}

// waiting is an event that the store has not acknowledged.
type waiting struct {
	stored func(seq uint64, err error)
	tries  int
}

func openStore(ctx context.Context, nc *nats.Conn, c Config, log *slog.Logger) (*store, error) {
	s := &store{log: log, waiting: map[string]*waiting{}}
	var err error
	if s.js, err = jetstream.New(nc, jetstream.WithPublishAsyncAckHandler(func(_ jetstream.JetStream, m *nats.Msg, ack *jetstream.PubAck) {
		s.answer(m.Header.Get(jetstream.MsgIDHeader), ack.Sequence, nil)
	}), jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *nats.Msg, err error) {
		s.later(func() { s.failed(m, err) }) // not here: the caller may hold the lock that publishing takes
	}), jetstream.WithPublishAsyncTimeout(busTimeout)); err != nil {
		return nil, err
	}
	for wanted := c.MaxBytes; ; c.MaxBytes /= 2 { // a small disk is no reason for having no chat
		err = s.openStreams(ctx, c)
		if isFull(err) && c.MaxBytes > leastBytes {
			continue
		}
		if err == nil && c.MaxBytes < wanted {
			log.Warn("There is little room on the disk: less of the chat is kept", "bytes", c.MaxBytes, "wanted", wanted)
		}
		return s, err
	}
}

// isFull tells whether the server has no room to reserve for a stream.
func isFull(err error) bool {
	e := (*jetstream.APIError)(nil)
	return errors.As(err, &e) && e.ErrorCode == noStorage
}

// openStreams makes the streams, or changes them to what the configuration says now.
func (s *store) openStreams(ctx context.Context, c Config) (err error) {
	kind := jetstream.FileStorage
	if c.Data == "" {
		kind = jetstream.MemoryStorage
	}
	if s.chat, err = s.openStream(ctx, jetstream.StreamConfig{
		Name: streamLog, Description: "The chat of all streams", Subjects: []string{subjectLog + ".*"}, Storage: kind,
		MaxMsgsPerSubject: logSize, MaxAge: c.Keep, MaxBytes: c.MaxBytes, MaxMsgSize: 2 * maxRequest,
		Discard: jetstream.DiscardOld, Duplicates: min(2*time.Minute, c.Keep), AllowDirect: true,
	}); err != nil {
		return fmt.Errorf("the history of the chat can't be kept: %w", err)
	}
	if _, err = s.openStream(ctx, jetstream.StreamConfig{
		Name: streamAudit, Description: "What moderators and administrators did", Subjects: []string{"bongsu.audit.>"}, Storage: kind,
		MaxAge: 30 * 24 * time.Hour, MaxBytes: c.MaxBytes / 4, Discard: jetstream.DiscardOld,
	}); err != nil {
		return fmt.Errorf("what moderators do can't be logged: %w", err)
	}
	s.rules, err = s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: bucketRules, Description: "What moderators decided", Storage: kind, MaxBytes: c.MaxBytes / 4, MaxValueSize: 60 << 10,
	})
	if isFull(err) {
		if was, e := s.js.KeyValue(ctx, bucketRules); e == nil {
			s.rules, err = was, nil
		}
	}
	if err != nil {
		return fmt.Errorf("the moderators' decisions can't be kept: %w", err)
	}
	return nil
}

// openStream makes a stream or changes it. On a disk that has become too small the server changes none: it stays as it was.
func (s *store) openStream(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, error) {
	stream, err := s.js.CreateOrUpdateStream(ctx, c)
	if isFull(err) {
		if was, e := s.js.Stream(ctx, c.Name); e == nil {
			s.log.Warn("There is little room on the disk: the store stays as it was", "stream", c.Name)
			return was, nil
		}
	}
	return stream, err
}

// publish brings an event to all nodes and into the history at once. Stored is called once it is there, or is known not to
// come there; the event has reached the members even then.
func (s *store) publish(subject, id string, raw []byte, stored func(seq uint64, err error)) error {
	s.mu.Lock()
	s.waiting[id] = &waiting{stored: stored, tries: 1}
	s.mu.Unlock()
	err := s.send(subject, id, raw)
	if err != nil {
		s.mu.Lock()
		delete(s.waiting, id)
		s.mu.Unlock()
		s.log.Warn("The bus does not take an event of the chat", "id", id, "error", err)
		return refuse(ErrStorage, "try again in a moment")
	}
	return nil
}

func (s *store) send(subject, id string, raw []byte) error {
	_, err := s.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: raw}, jetstream.WithMsgID(id))
	return err
}

// later runs something that close waits for; not after close.
func (s *store) later(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Go(do)
	}
}

// failed sends an event again that the store has not answered; its id keeps it from being stored or shown twice.
func (s *store) failed(m *nats.Msg, err error) {
	id := m.Header.Get(jetstream.MsgIDHeader)
	s.mu.Lock()
	w := s.waiting[id]
	again := w != nil && w.tries < storeTries && (errors.Is(err, jetstream.ErrAsyncPublishTimeout) || errors.Is(err, nats.ErrDisconnected))
	if again {
		w.tries++
	}
	s.mu.Unlock()
	if again {
		if err = s.send(m.Subject, id, m.Data); err == nil {
			return
		}
	}
	s.answer(id, 0, err)
}

func (s *store) answer(id string, seq uint64, err error) {
	s.mu.Lock()
	w := s.waiting[id]
	delete(s.waiting, id)
	s.mu.Unlock()
	if err != nil {
		s.log.Warn("An event of the chat is not in the history", "id", id, "error", err)
	}
	if w != nil {
		w.stored(seq, err)
	}
}

// load reads the history of a room.
func (s *store) load(ctx context.Context, subject string, each func(raw []byte, seq uint64)) error {
	ctx, cancel := context.WithTimeout(ctx, loadTries*busTimeout)
	defer cancel()
	var err error
	for range loadTries { // a new consumer of a cluster's stream may come back with nothing
		var left uint64
		if left, err = s.loadOnce(ctx, subject, each); err == nil && left == 0 {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("the history of the chat can't be read: %w", errors.Join(err, ctx.Err()))
}

func (s *store) loadOnce(ctx context.Context, subject string, each func(raw []byte, seq uint64)) (left uint64, err error) {
	info, err := s.chat.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, err
	}
	if left = info.State.Subjects[subject]; left == 0 {
		return 0, nil
	}
	consumer, err := s.chat.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverAllPolicy, InactiveThreshold: 10 * time.Second,
	})
	if err != nil {
		return left, err
	}
	batch, err := consumer.Fetch(int(left), jetstream.FetchMaxWait(busTimeout))
	if err != nil {
		return left, err
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return left, err
		}
		each(m.Data(), meta.Sequence.Stream)
		left--
		if meta.NumPending == 0 {
			left = 0
		}
	}
	return left, batch.Error()
}

// erase overwrites an event in the store; the log's other copies are the members' own.
func (s *store) erase(ctx context.Context, seq uint64) {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	if err := s.chat.SecureDeleteMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		s.log.Warn("A deleted message is still in the store; it is not shown any more", "sequence", seq, "error", err)
	}
}

// clear empties the history of a room.
func (s *store) clear(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	if err := s.chat.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
		s.log.Warn("The history of a room could not be cleared", "subject", subject, "error", err)
		return refuse(ErrStorage, "the history could not be cleared; try again in a moment")
	}
	return nil
}

// audit logs what a moderator did.
func (s *store) audit(subject string, entry []byte) {
	if _, err := s.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: entry}); err != nil {
		s.log.Warn("An action of a moderator is not in the audit log", "error", err)
	}
}

// close waits until what was published is stored. The publisher's one goroutine and subscription end with the connection, not
// before: nats.go's CleanupPublisher leaves the goroutine behind for good if it comes right after the first message.
func (s *store) close() {
	timeout := time.NewTimer(busTimeout)
	defer timeout.Stop()
	select {
	case <-s.js.PublishAsyncComplete():
	case <-timeout.C:
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
}
