package egress

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"bongsu/broadcast"
	"bongsu/channel"
	"bongsu/rtc"
	"bongsu/wish"
)

// codecs are those that the server offers by itself, under payload types that browsers have for them too. Of H.264, whose
// profiles browsers compare, there are the usual ones; what a stream really has is not known before it comes.
func codecs() []broadcast.Format {
	video := func(pt uint8, name, fmtp string) broadcast.Format {
		return broadcast.Format{Codec: broadcast.Codec{MimeType: "video/" + name, ClockRate: 90000, Fmtp: fmtp}, PayloadType: pt}
	}
	h264 := func(pt uint8, profile string) broadcast.Format {
		return video(pt, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="+profile)
	}
	return []broadcast.Format{
		{Codec: broadcast.Codec{MimeType: "audio/opus", ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"}, PayloadType: 111},
		{Codec: broadcast.Codec{MimeType: "audio/G722", ClockRate: 8000}, PayloadType: 9},
		{Codec: broadcast.Codec{MimeType: "audio/PCMU", ClockRate: 8000}, PayloadType: 0},
		{Codec: broadcast.Codec{MimeType: "audio/PCMA", ClockRate: 8000}, PayloadType: 8},
		h264(106, "42e01f"), h264(102, "42001f"), h264(112, "4d001f"), h264(114, "64001f"),
		video(96, "VP8", ""), video(98, "VP9", "profile-id=0"), video(45, "AV1", "profile=0"), video(49, "H265", "profile-id=1"),
	}
}

// offered are the server's codecs, those that the stream has now first.
func (s *Service) offered(stream string) []broadcast.Format {
	info, _ := s.hub.Info(stream)
	later := func(f broadcast.Format) int {
		if slices.ContainsFunc(info.Tracks, func(t broadcast.TrackInfo) bool { return strings.EqualFold(t.Codec, f.Name()) }) {
			return 0
		}
		return 1
	}
	all := codecs()
	slices.SortStableFunc(all, func(a, b broadcast.Format) int { return later(a) - later(b) })
	return all
}

// counterOffer is a WHEP session that the server made the offer of (whep-03 section 4.3.2). It becomes a viewer with the
// client's answer.
type counterOffer struct {
	*rtc.Viewer
	service *Service
	who     channel.Who

	mu     sync.Mutex
	joined *Viewer // once it was answered
}

// counter makes the server's own offer.
func (s *Service) counter(r *wish.Request) (string, wish.Answerer, error) {
	offer, v, err := s.api.Offer(r.Context(), s.offered(r.Stream), s.Channels.On())
	if err != nil {
		return "", nil, err
	}
	return offer, &counterOffer{Viewer: v, service: s, who: who(r)}, nil
}

// Answer lets the client see the stream, in the codecs that it accepts. An answer that does not fit changes nothing.
func (c *counterOffer) Answer(ctx context.Context, a *wish.Answer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	formats := a.Formats()
	if err := c.service.decodable(c.who.Stream, formats); err != nil {
		return err
	}
	if err := c.Viewer.Answer(ctx, a.SDP, formats); errors.Is(err, rtc.ErrAnswer) {
		return fmt.Errorf("%w: %w", wish.ErrUnprocessable, err)
	} else if err != nil {
		return err
	}
	v, err := c.service.join(c.who, c.Viewer, a.Media)
	c.joined = v
	return err
}

// Close hangs up and waits for the end. It may be called twice.
func (c *counterOffer) Close() error {
	_ = c.Viewer.Close()
	c.mu.Lock()
	v := c.joined
	c.mu.Unlock()
	if v != nil {
		<-v.ended
	}
	return nil
}
