package ingest

import (
	"context"
	"strings"

	"github.com/pion/datachannel"

	"bongsu/broadcast"
	"bongsu/channel"
	"bongsu/rtc"
	"bongsu/wish"
)

// serveChannels serves the data channels of a publisher, who may have none.
func (s *Service) serveChannels(p *rtc.Peer, r *wish.Request, source *broadcast.Source) {
	if !s.Channels.On() {
		return
	}
	who := channel.Who{Stream: r.Stream, Publisher: true, Token: strings.Clone(r.Token), Address: r.Address, Loopback: r.Loopback}
	p.Channels(func(ctx context.Context, c *datachannel.DataChannel) {
		s.Channels.Serve(ctx, c, who, source.Messenger, s.log)
	})
	if label := s.Channels.Opens(); label != "" {
		p.AfterConnected(func() { p.OpenChannel(label) })
	}
}
