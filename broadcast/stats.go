package broadcast

import (
	"sync/atomic"
	"time"
)

// layerStats counts what a layer gets. Its writer is the layer's; anybody may read.
type layerStats struct {
	packets, bytes, late, duplicates atomic.Uint64
	width, height                    atomic.Int32
	bitrate                          atomic.Int64 // bits per second, of the last whole second
	average                          atomic.Int64 // of bitrate, over some seconds
	frameRate                        atomic.Int64 // thousandths of a frame per second
	lastPacket                       atomic.Int64
	keyInterval                      atomic.Int64 // nanoseconds between the last two keyframes

	// The running second, the writer's own.
	since           int64
	octets, markers int64
	lastKey         int64
}

// count adds a packet, and tells when it is the first after a whole second, and since when that one was counted.
func (s *layerStats) count(now int64, octets int, marker bool) (since int64, second bool) {
	s.packets.Add(1)
	s.bytes.Add(uint64(octets))
	s.lastPacket.Store(now)
	if s.since == 0 {
		s.since = now
	}
	since = s.since
	if d := now - since; d >= int64(time.Second) {
		second = true
		rate, average := s.octets*8*int64(time.Second)/d, s.average.Load()
		if average == 0 {
			average = rate
		}
		s.bitrate.Store(rate)
		s.average.Store(average + (rate-average)/4)
		s.frameRate.Store(s.markers * 1000 * int64(time.Second) / d)
		s.since, s.octets, s.markers = now, 0, 0
	}
	s.octets += int64(octets)
	if marker {
		s.markers++
	}
	return since, second
}

func (s *layerStats) keyframe(now int64) {
	if s.lastKey != 0 {
		s.keyInterval.Store(now - s.lastKey)
	}
	s.lastKey = now
}

// setSize notes the picture's size and tells whether it is a new one.
func (s *layerStats) setSize(width, height int) bool {
	w, h := s.width.Swap(int32(width)), s.height.Swap(int32(height))
	return w != int32(width) || h != int32(height)
}
