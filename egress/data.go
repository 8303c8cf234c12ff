package egress

import (
	"context"
	"strings"

	"github.com/pion/datachannel"

	"bongsu/broadcast"
	"bongsu/channel"
	"bongsu/wish"
)

// who is the viewer of a request.
func who(r *wish.Request) channel.Who {
	return channel.Who{Stream: r.Stream, Token: strings.Clone(r.Token), Address: r.Address, Loopback: r.Loopback}
}

// serveChannels serves the data channels of a viewer, who may have none.
func (s *Service) serveChannels(p peer, who channel.Who, subscriber *broadcast.Subscriber) {
	if !s.Channels.On() {
		return
	}
	p.Channels(func(ctx context.Context, c *datachannel.DataChannel) {
		s.Channels.Serve(ctx, c, who, subscriber.Messenger, s.log)
	})
	if label := s.Channels.Opens(); label != "" {
		p.AfterConnected(func() { p.OpenChannel(label) })
	}
}
