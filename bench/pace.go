package bench

import (
	"context"
	"sync"
	"time"

	"github.com/pion/rtp"
)

// lateness is how much later than due the frames were sent, which is the tester's own fault.
type lateness struct {
	mu sync.Mutex
	histogram
}

func (l *lateness) note(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(d)
}

func (l *lateness) take() histogram {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.histogram
	l.histogram = histogram{}
	return h
}

// run sends until ctx ends.
func (p *publisher) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	if p.audio != nil {
		running.Go(func() { p.sound(ctx) })
	}
	gop := max(int64(p.media.GOP.Seconds()*float64(p.media.FPS)+0.5), 1)
	var lastKey int64
	pace(ctx, time.Second/time.Duration(p.media.FPS), func(n int64, late time.Duration) {
		p.late.note(late)
		key := n%gop == 0 || n-lastKey > int64(p.media.FPS)/2 && p.wanted.Swap(false)
		if key {
			lastKey = n
		}
		f := frame{number: uint32(n), keyframe: key}
		p.next.Store(n + 1)
		for _, l := range p.layers {
			l.send(p.codec, f, uint32(n*videoClock/int64(p.media.FPS)))
		}
	})
}

// pace calls f at even times, with the number of the call and how much later than due it is, until ctx ends.
func pace(ctx context.Context, every time.Duration, f func(n int64, late time.Duration)) {
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := int64(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		due := begin.Add(time.Duration(n) * every)
		f(n, time.Since(due))
		timer.Reset(time.Until(due.Add(every)))
	}
}

// send sends one frame of the layer.
func (l *layer) send(c *codec, f frame, timestamp uint32) {
	l.packet.Header.Version = 2
	l.packet.Header.Timestamp = timestamp
	if sets := c.parameterSets(); f.keyframe && sets != nil {
		l.write(sets, false)
	}
	for i := range l.n {
		payload := l.payload[:l.size]
		c.write(payload, f, i, l.n)
		putStamp(payload, f.number, time.Now().UnixNano())
		l.write(payload, i == l.n-1)
	}
}

func (l *layer) write(payload []byte, marker bool) {
	h := &l.packet.Header
	h.Marker = marker
	for i, value := range []string{l.mid, l.rid} {
		if l.ids[i] != 0 {
			_ = h.SetExtension(l.ids[i], []byte(value))
		}
	}
	l.packet.Payload = payload
	_ = l.track.WriteRTP(&l.packet) // a connection that is gone shows in what arrives
	h.SequenceNumber++
}

// sound sends Opus packets of 20 ms.
func (p *publisher) sound(ctx context.Context) {
	packet := rtp.Packet{Header: rtp.Header{Version: 2}}
	packet.Payload = make([]byte, audioBytes)
	packet.Payload[0] = 0xfc // CELT, full band, 20 ms, stereo, one frame (RFC 6716 section 3.1)
	pace(ctx, audioFrame, func(n int64, _ time.Duration) {
		putStamp(packet.Payload, uint32(n), time.Now().UnixNano())
		packet.Header.Marker = n == 0
		packet.Header.Timestamp = uint32(n * audioClock / 50)
		_ = p.audio.WriteRTP(&packet)
		packet.Header.SequenceNumber++
	})
}
