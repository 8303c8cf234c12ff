package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/sctp"
	"golang.org/x/time/rate"

	"bongsu/broadcast"
)

// ErrTooFast is the error of a client that sends too much.
var ErrTooFast = errors.New("the client sends too much")

// limit is what a client may send on a channel "data".
type limit struct{ messages, bytes *rate.Limiter }

// newLimit is generous to the publisher: 1 MiB and 200 messages a second, for a moment twice that. A burst has room in the
// messages that a stream keeps, so that it alone puts no viewer behind.
func newLimit(publisher bool) limit {
	if publisher {
		return limit{rate.NewLimiter(200, 400), rate.NewLimiter(1<<20, 2<<20)}
	}
	return limit{rate.NewLimiter(10, 50), rate.NewLimiter(64<<10, 2*MaxMessage)}
}

func (l limit) check(size int) error {
	now := time.Now()
	switch {
	case !l.messages.AllowN(now, 1):
		return fmt.Errorf("%w: more than %v messages a second", ErrTooFast, l.messages.Limit())
	case !l.bytes.AllowN(now, size):
		return fmt.Errorf("%w: more than %v bytes a second", ErrTooFast, l.bytes.Limit())
	}
	return nil
}

// dataChannel is a channel "data" while it is served.
type dataChannel struct {
	conn      *Conn
	messenger *broadcast.Messenger
	limit     limit
	mute      bool // what comes is ignored
	lossy     bool // what can't be sent may be left out
	count     counts
}

// counts of messages.
type counts struct {
	Received int // and given to others
	Ignored  int // of a viewer where viewers may not send, or of a publisher whom viewers don't see
	Sent     int
	Skipped  int // of a lossy channel, whose client was too slow
	TooLarge int // for this client, by its a=max-message-size
}

// serve receives on this goroutine and sends on another, which it waits for. The error says which end came first.
func (d *dataChannel) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sending sync.WaitGroup
	sending.Go(func() {
		cancel(d.send(ctx))
		_ = d.conn.Close()
	})
	cancel(d.receive())
	_ = d.conn.Close()
	sending.Wait()
	return context.Cause(ctx)
}

// receive gives what the client sends to the others.
func (d *dataChannel) receive() error {
	for {
		data, text, err := d.conn.read()
		if err != nil {
			return err
		}
		if err := d.limit.check(len(data)); err != nil {
			return err
		}
		if d.mute || !d.messenger.Send(broadcast.Message{Text: text, Data: bytes.Clone(data)}) {
			d.count.Ignored++
			continue
		}
		d.count.Received++
	}
}

// send gives what the others send to the client. Of a lossy channel's messages it leaves out those that have become old while the
// client did not read.
func (d *dataChannel) send(ctx context.Context) error {
	for {
		if err := d.wait(ctx); err != nil {
			return err
		}
		m, missed, err := d.messenger.Next(ctx, d.lossy)
		if err != nil {
			return err
		}
		d.count.Skipped += missed
		switch _, err := d.conn.dc.WriteDataChannel(m.Data, m.Text); {
		case errors.Is(err, sctp.ErrOutboundPacketTooLarge):
			d.count.TooLarge++
		case err != nil:
			return err
		default:
			d.count.Sent++
		}
	}
}

// wait waits until the client can be sent something. That of a lossy channel may take as long as it likes: nothing is kept for it.
func (d *dataChannel) wait(ctx context.Context) error {
	for {
		err := d.conn.wait()
		if !d.lossy || !errors.Is(err, ErrSlow) || ctx.Err() != nil {
			return err
		}
	}
}
