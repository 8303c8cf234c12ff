package broadcast

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrNoLayer is the error of a layer that the stream does not have.
var ErrNoLayer = errors.New("the stream has no such layer")

const (
	// asleepAfter is how long a layer has sent nothing, while others of its track go on, when it counts as paused.
	asleepAfter = int64(2 * time.Second)
	// maxRewind is how much of the pictures that a viewer has seen may come again with a keyframe of another layer.
	maxRewind = int64(100 * time.Millisecond)
)

// Selection is which simulcast layer a viewer wants. The zero value leaves it to the server: the layer with the largest
// picture that has media.
type Selection struct {
	RID                 string // this one (RFC 8853); the bounds then don't count
	MaxWidth, MaxHeight int    // the largest within these, in pixels, or else the smallest; 0: no bound
}

// Select asks for a layer. It comes with its next keyframe; until then the one before goes on. The choice outlives the source,
// and gives way while it can't be met. The error wraps ErrNoLayer if what feeds the stream now has no media of that rid.
func (s *Subscriber) Select(c Selection) error {
	if c.RID != "" {
		layers := s.stream.videoLayers()
		if l := layerOf(layers, c.RID); l == nil {
			return fmt.Errorf("%w: %.64q; %s", ErrNoLayer, c.RID, ridList(layers))
		} else if l.asleep.Load() {
			return fmt.Errorf("%w now: its publisher has paused %q; take another, or ask again later", ErrNoLayer, c.RID)
		}
	}
	s.post(func(w *writer) {
		s.selection = c
		s.shard(w).due = 0
	})
	return nil
}

func ridList(layers []*Layer) string {
	var rids []string
	for _, l := range layers {
		if l.rid != "" {
			rids = append(rids, l.rid)
		}
	}
	if len(rids) == 0 {
		return "it is not a simulcast now, so leave the choice to the server"
	}
	return "it has " + strings.Join(rids, ", ")
}

// wanted is the layer that the viewer should get now; nil for nothing.
func (s *Subscriber) wanted(k Kind) *Layer {
	if k == Video && s.selection != (Selection{}) {
		if l := s.selection.pick(s.stream.videoLayers()); l != nil {
			return l
		}
	}
	return s.stream.layer(k)
}

// pick gives the layer that the viewer's choice means; nil leaves it to the server.
func (c Selection) pick(layers []*Layer) (best *Layer) {
	if c.RID != "" {
		if l := layerOf(layers, c.RID); l != nil && !l.asleep.Load() {
			return l
		}
		return nil
	}
	for _, l := range layers {
		if l.area() > 0 && !l.asleep.Load() && (best == nil || c.better(l, best)) {
			best = l
		}
	}
	return best
}

// better tells whether l meets the bounds better than o.
func (c Selection) better(l, o *Layer) bool {
	fits := c.fits(l)
	if fits != c.fits(o) {
		return fits
	}
	return fits == (l.area() > o.area()) && l.area() != o.area()
}

func (c Selection) fits(l *Layer) bool {
	return (c.MaxWidth == 0 || int(l.stats.width.Load()) <= c.MaxWidth) && (c.MaxHeight == 0 || int(l.stats.height.Load()) <= c.MaxHeight)
}

// videoLayers are those of what feeds the stream now.
func (s *Stream) videoLayers() []*Layer {
	if src := s.active.Load(); src != nil {
		if t := src.tracks[Video].Load(); t != nil {
			return t.layers()
		}
	}
	return nil
}

func layerOf(layers []*Layer, rid string) *Layer {
	if i := slices.IndexFunc(layers, func(l *Layer) bool { return l.rid == rid }); i >= 0 {
		return layers[i]
	}
	return nil
}

// area is the picture's, in pixels; 0 when not known.
func (l *Layer) area() int64 { return int64(l.stats.width.Load()) * int64(l.stats.height.Load()) }

// elect makes the layer with the largest picture the current one, among those that have media.
func (t *Track) elect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	best := t.current.Load()
	for _, l := range t.layers() {
		if !l.asleep.Load() && (best.asleep.Load() || l.area() > best.area()) {
			best = l
		}
	}
	t.current.Store(best)
}

// review is called once a second of media by the layer that has just got some. The others are asleep if they have had none for
// long, but this one has: a slideshow lets all wait.
func (l *Layer) review(now, since int64) {
	layers := l.track.layers()
	if len(layers) == 1 {
		return
	}
	l.asleep.Store(false)
	for _, o := range layers {
		if o != l && now-since < asleepAfter && now-o.stats.lastPacket.Load() > asleepAfter {
			o.asleep.Store(true)
		}
	}
	l.track.elect()
}

// follows tells whether a viewer can go on with a layer's keyframe that came at arrival: at once if it is another track's, or
// if the viewer's own layer has nothing more to give; else the pictures must not go back noticeably.
func (f *feed) follows(l *Layer, arrival int64) bool {
	old := f.layer
	if old == nil || old == l || old.track != l.track || old.asleep.Load() {
		return true
	}
	return arrival+maxRewind >= f.seen
}
