package ingest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"bongsu/broadcast"
	"bongsu/rtc"
)

// turnPause is the least time between two changes of codec; what comes sooner in another codec is lost.
const turnPause = time.Second

// read takes one encoding's packets to the source until the track ends. A publisher may change the codec meanwhile, as Chromium does
// when an encoder fails it.
func (p *Publisher) read(t *rtc.RemoteTrack) {
	<-p.ready
	if p.source == nil {
		return
	}
	var layer atomic.Pointer[broadcast.Layer]
	turned := p.begin(t, &layer)
	var reports sync.WaitGroup
	defer reports.Wait()
	reports.Go(func() {
		t.ReadReports(func(rtpTime uint32, ntp time.Time) { layer.Load().SetClock(rtpTime, ntp) })
	})
	codec, order := t.Codec, bFrames{}
	look := canHaveBFrames(codec)
	var packet rtp.Packet
	for t.ReadRTP(&packet) == nil {
		if t.Codec != codec {
			if time.Since(turned) < turnPause {
				continue
			}
			turned = p.begin(t, &layer)
			codec, order, look = t.Codec, bFrames{}, canHaveBFrames(t.Codec)
		}
		layer.Load().Write(&packet)
		if look && order.found(&packet.Header) {
			p.log.Warn("the publisher sends B-frames, which browsers show jerkily: set them to 0 in the encoder (OBS: bframes=0)", "codec", codec.Name(), "rid", t.RID)
		}
	}
}

// begin has the source send in the track's codec from now on.
func (p *Publisher) begin(t *rtc.RemoteTrack, layer *atomic.Pointer[broadcast.Layer]) time.Time {
	layer.Store(p.source.AddLayer(t.Codec, t.RID, t.RequestKeyframe))
	p.log.Info("receiving", "codec", t.Codec.Name(), "rid", t.RID)
	return time.Now()
}
