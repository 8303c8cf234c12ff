// Package channel serves the data channels (RFC 8831) beside a session's media: "chat", which carries the frames of the chat
// room, and "data", on which the publisher sends captions, scores or cue points to all viewers. It knows neither the transport
// that a channel comes by nor the room.
package channel

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"github.com/pion/datachannel"

	"bongsu/broadcast"
)

// Labels of the channels. Others are refused by closing them.
const (
	LabelChat = "chat"
	LabelData = "data"
)

// MaxMessage is the largest message on a channel, in bytes: a=max-message-size (RFC 8841 section 6).
const MaxMessage = 256 << 10

// Data is the configuration of the channels "data".
type Data struct {
	// Enabled has what the publisher sends on its channel reach every viewer who has one.
	Enabled bool `koanf:"enabled"`
	// Viewers lets viewers send, too: to the publisher and all others. Else what they send is ignored.
	Viewers bool `koanf:"viewers"`
}

// Who is at the other end of a channel.
type Who struct {
	Stream    string
	Publisher bool       // it publishes the stream; else it watches
	Token     string     // that it came with, or ""
	Address   netip.Addr // the client's
	Loopback  bool       // it is on this machine and came without a proxy
}

// Channels say what is done with data channels. The zero value has none: they are refused in the answer to an offer.
type Channels struct {
	// Chat, if set, serves a channel "chat" until it returns, which it has to do when ctx ends.
	Chat func(ctx context.Context, conn *Conn, who Who)
	// OpenChat has the server open the channel "chat" to each client that can have one, instead of waiting for the client to.
	OpenChat bool
	// Data says what happens on channels "data".
	Data Data
}

// On tells whether there is any use for data channels.
func (c *Channels) On() bool { return c.Chat != nil || c.Data.Enabled }

// Opens is the label of the channel that the server opens by itself; "" for none.
func (c *Channels) Opens() string {
	if c.Chat != nil && c.OpenChat {
		return LabelChat
	}
	return ""
}

// Serve serves one channel until it or ctx ends. It is closed then. Join gives the client's place among the stream's messages.
func (c *Channels) Serve(ctx context.Context, dc *datachannel.DataChannel, who Who, join func() *broadcast.Messenger, log *slog.Logger) {
	conn := newConn(dc)
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	log = log.With("stream", who.Stream, "from", who.Address)
	switch {
	case dc.Label == LabelChat && c.Chat != nil && dc.ChannelType == datachannel.ChannelTypeReliable:
		c.Chat(ctx, conn, who)
	case dc.Label == LabelChat && c.Chat != nil:
		log.Debug("data channel refused: the chat needs one that is ordered and reliable", "label", dc.Label)
	case dc.Label == LabelData && c.Data.Enabled:
		m := join()
		defer m.Close()
		d := &dataChannel{conn: conn, messenger: m, limit: newLimit(who.Publisher), mute: !who.Publisher && !c.Data.Viewers, lossy: isLossy(dc)}
		err := d.serve(ctx)
		log.Log(ctx, level(err, who), "data channel ended", "publisher", who.Publisher, "reason", err, "counts", d.count)
	default:
		log.Debug("data channel refused: it is neither for the chat nor for data", "label", dc.Label)
	}
}

// level is where a publisher learns why its channel was closed: a data channel has no words for it.
func level(err error, who Who) slog.Level {
	for _, ours := range []error{ErrTooFast, ErrTooLarge, ErrSlow, broadcast.ErrBehind} {
		if who.Publisher && errors.Is(err, ours) {
			return slog.LevelWarn
		}
	}
	return slog.LevelDebug
}

// isLossy tells channels whose messages may be lost (RFC 8832 section 5.1): the next one is better than an old one.
func isLossy(c *datachannel.DataChannel) bool {
	return c.ChannelType != datachannel.ChannelTypeReliable && c.ChannelType != datachannel.ChannelTypeReliableUnordered
}
