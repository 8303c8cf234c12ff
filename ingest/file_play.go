package ingest

import (
	"context"
	"log/slog"
	"time"

	"bongsu/broadcast"

	"github.com/pion/rtp"
)

// PlayMedia publishes m as a stream until ctx ends, the media is over (nil), or the hub takes the stream away. It has less
// priority than a live publisher: it is what viewers see while nobody else publishes under that name.
func PlayMedia(ctx context.Context, hub *broadcast.Hub, stream string, m *Media, log *slog.Logger) error {
	for _, note := range m.Notes() {
		log.Warn(note, "stream", stream)
	}
	source, err := hub.Publish(stream, broadcast.Publication{Credential: "file", Priority: -1, Agent: "file"})
	if err != nil {
		return err
	}
	defer source.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-source.Done():
			cancel(source.Err())
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(nil); <-watched }()

	layers := make([]*broadcast.Layer, len(m.tracks))
	clocks := make([]time.Time, len(m.tracks)) // when each layer's clock was last set
	for i, codec := range m.Codecs() {
		var keyframe func()
		if codec.Kind() == broadcast.Video {
			keyframe = m.RequestKeyframe
		}
		layers[i] = source.AddLayer(codec, "", keyframe)
	}
	return m.Run(ctx, func(track int, p *rtp.Packet, at time.Time) {
		if at.Sub(clocks[track]) >= time.Second {
			clocks[track] = at
			layers[track].SetClock(p.Timestamp, at)
		}
		layers[track].Write(p)
	})
}
