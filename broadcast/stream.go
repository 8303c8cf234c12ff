package broadcast

import (
	"slices"
	"sync/atomic"
	"time"
)

// State of a stream.
type State string

// The states: somebody (or a file) is seen, or nobody.
const (
	Offline State = "offline"
	Live    State = "live"
)

// Stream is a name that people publish to and watch. It exists while it has a source, a subscriber or a place in the
// configuration, and outlives its publishers.
type Stream struct {
	name   string
	hub    *Hub
	active atomic.Pointer[Source] // what viewers see now; nil when offline
	shards []*shard               // one for each writer
	board  board                  // the messages beside the media

	// Guarded by hub.mu.
	sources []*Source
	viewers int
	pins    int
	since   time.Time // when it went live
	turns   uint64    // how often it went live or offline
	turn    chan struct{}
}

func newStream(h *Hub, name string) *Stream {
	s := &Stream{name: name, hub: h, shards: make([]*shard, len(h.writers)), turn: make(chan struct{})}
	for i, w := range h.writers {
		s.shards[i] = &shard{stream: s, writer: w}
	}
	return s
}

// wake tells the writers that there is something new for the stream's subscribers.
func (s *Stream) wake() {
	for _, sh := range s.shards {
		sh.wake()
	}
}

// heir is the source that has taken the active one over, if it is there and has no media yet. The caller holds hub.mu.
func (s *Stream) heir() *Source {
	heir := s.active.Load()
	for heir != nil && heir.heir != nil {
		heir = heir.heir
	}
	if heir == nil || heir.live.Load() || !slices.Contains(s.sources, heir) {
		return nil
	}
	return heir
}

// layer is what a viewer of the kind should get now; nil for nothing.
func (s *Stream) layer(k Kind) *Layer {
	src := s.active.Load()
	if src == nil {
		return nil
	}
	if t := src.tracks[k].Load(); t != nil {
		return t.current.Load()
	}
	return nil
}

// StreamInfo is a stream as operators and the pages see it.
type StreamInfo struct {
	Name    string
	State   State
	Viewers int
	Since   time.Time // when it went live; zero when offline
	Tracks  []TrackInfo
}

// TrackInfo tells what viewers get of a kind.
type TrackInfo struct {
	Kind             string
	Codec            string // encoding name: "H264"
	Width, Height    int    // pixels; 0 when not known
	FrameRate        float64
	Bitrate          int // bits per second of payload
	KeyframeInterval time.Duration
}

// info describes the stream. The caller holds hub.mu.
func (s *Stream) info() StreamInfo {
	i := StreamInfo{Name: s.name, State: Offline, Viewers: s.viewers, Tracks: []TrackInfo{}}
	if s.active.Load() == nil {
		return i
	}
	i.State, i.Since = Live, s.since
	for _, k := range []Kind{Video, Audio} {
		if l := s.layer(k); l != nil {
			i.Tracks = append(i.Tracks, l.info())
		}
	}
	return i
}

func (l *Layer) info() TrackInfo {
	i := TrackInfo{Kind: l.track.kind.String(), Codec: l.track.codec.Name(), Bitrate: int(l.stats.bitrate.Load())}
	if l.track.kind == Video {
		i.Width, i.Height = int(l.stats.width.Load()), int(l.stats.height.Load())
		i.FrameRate = float64(l.stats.frameRate.Load()) / 1000
		i.KeyframeInterval = time.Duration(l.stats.keyInterval.Load())
	}
	return i
}
