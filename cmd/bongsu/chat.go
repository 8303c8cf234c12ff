package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bongsu/channel"
	"bongsu/chat"
	"bongsu/cluster"
	"bongsu/egress"
	"bongsu/ingest"
	"bongsu/signal"
	"bongsu/web"
	"bongsu/wish"
)

const (
	// chatStart is how long the chat may take to read what it keeps.
	chatStart = 30 * time.Second
	// leastStore is what the bus may keep, in bytes. Where the chat's messages may take more than half of it, it is twice that.
	leastStore = 2 << 30
)

// Who opens the data channel of the chat.
const (
	channelClient = "client" // those clients that have a chat: all others have no SCTP
	channelServer = "server"
)

// ChatConfig says whether there is a chat, and what it allows.
type ChatConfig struct {
	// Enabled has a chat room beside each stream.
	Enabled bool `koanf:"enabled"`
	// Channel says who opens the data channel: channelClient or channelServer.
	Channel string      `koanf:"channel"`
	Rooms   chat.Config `koanf:",squash"`
}

func defaultChatConfig() ChatConfig {
	rooms := chat.DefaultConfig()
	rooms.MaxBytes = 256 << 20 // since there is a disk
	return ChatConfig{Enabled: true, Channel: channelClient, Rooms: rooms}
}

// chatRooms are the rooms, and the bus below them.
type chatRooms struct {
	node  *cluster.Node
	rooms *chat.Rooms
}

// openChat opens both, in the data folder; nil if there is to be no chat.
func openChat(ctx context.Context, cfg *Config, log *slog.Logger) (_ *chatRooms, err error) {
	if !cfg.Chat.Enabled {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, chatStart)
	defer cancel()
	c := &chatRooms{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("the chat can't keep its messages in %s (choose another folder with --data, or have no chat by chat.enabled: false): %w",
				cfg.Data, errors.Join(err, c.Close()))
		}
	}()
	if c.node, err = cluster.Open(ctx, cluster.Config{Data: cfg.Data, MaxStore: max(leastStore, 2*cfg.Chat.Rooms.MaxBytes)}, log); err != nil {
		return nil, err
	}
	rooms := cfg.Chat.Rooms
	rooms.Data = cfg.Data
	rooms.Broadcaster = func(stream, credential string) bool {
		_, err := cfg.Keys.Publish(stream, credential)
		return len(cfg.Keys) > 0 && err == nil
	}
	if c.rooms, err = chat.Open(ctx, c.node.Conn(), rooms, log); err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends what is open of both. It may be called twice, and on nil.
func (c *chatRooms) Close() error {
	var errs []error
	if c != nil && c.rooms != nil {
		errs = append(errs, c.rooms.Close())
	}
	if c != nil && c.node != nil {
		errs = append(errs, c.node.Close())
	}
	return errors.Join(errs...)
}

// watch tells all members of the end when ctx ends, while their connections are still there.
func (c *chatRooms) watch(ctx context.Context, log *slog.Logger) {
	if c == nil {
		return
	}
	select {
	case <-c.node.Done():
		log.Error("the chat's storage has failed and nothing more can be said; sound and picture go on. Start the server anew")
		<-ctx.Done()
	case <-ctx.Done():
	}
	if err := c.rooms.Close(); err != nil {
		log.Warn("the chat did not close well", "error", err)
	}
}

// serve has a client with a connection of its own take part.
func (c *chatRooms) serve(ctx context.Context, conn chat.Conn, who channel.Who) {
	_ = c.rooms.Serve(ctx, entry(who), conn) // the client has been told
}

// wire opens the ways into the rooms: data channels, /signal, and /chat.
func (c *chatRooms) wire(cfg *Config, whip *ingest.Service, whep *egress.Service, signaling *signal.Server, resources *wish.Resources) *web.Chat {
	channels := channel.Channels{OpenChat: cfg.Chat.Channel == channelServer, Data: cfg.DataChannel}
	if c != nil {
		channels.Chat = func(ctx context.Context, conn *channel.Conn, who channel.Who) { c.serve(ctx, conn, who) }
	}
	whip.Channels, whep.Channels = channels, channels
	if c == nil {
		return nil
	}
	signaling.Chat = func(ctx context.Context, conn *signal.ChatConn) {
		c.serve(ctx, conn, whoIs(conn.Request, conn.Publishes))
	}
	return web.NewChat(c.rooms, resources, func(r *wish.Request) chat.Entry { return entry(whoIs(r, false)) }, cfg.Limits.PerAddress)
}

func whoIs(r *wish.Request, publishes bool) channel.Who {
	return channel.Who{Stream: r.Stream, Publisher: publishes, Token: r.Token, Address: r.Address, Loopback: r.Loopback}
}

// entry is what the gateway knows of who joins. Clients on this machine have no address: nothing is counted of them together.
func entry(who channel.Who) chat.Entry {
	e := chat.Entry{Stream: who.Stream, Credential: who.Token}
	if who.Publisher {
		e.Role = chat.Broadcaster
	}
	if !who.Loopback && who.Address.IsValid() {
		e.Address = who.Address.String()
	}
	return e
}
