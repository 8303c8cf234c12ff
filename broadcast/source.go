package broadcast

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of publishing and of a publication's end.
var (
	ErrBusy     = errors.New("somebody else is publishing this stream")
	ErrReplaced = errors.New("replaced by a newer publisher with the same credential")
	ErrStopped  = errors.New("the publication has ended")
)

// Publication is what a source says of itself.
type Publication struct {
	// Credential tells publishers apart: a second one with the same credential takes the stream over at once, another is
	// refused with ErrBusy. On a server without keys it is empty for all.
	Credential string
	// Priority decides which of a stream's sources is seen: the highest that has media. Publishers have 0; a file that
	// plays while nobody publishes has less.
	Priority int
	// Agent is the client software's own name, for operators.
	Agent string
}

// Source feeds a stream: a publisher, a file.
type Source struct {
	Publication
	stream *Stream
	tracks [kinds]atomic.Pointer[Track]
	live   atomic.Bool // has media
	offset atomic.Pointer[time.Duration]
	adding sync.Mutex // held to change tracks
	ended  bool       // no track is to come; guarded by adding
	heir   *Source    // who took it over; guarded by hub.mu

	end  sync.Once
	done chan struct{}
	err  error // set before done closes
}

func newSource(s *Stream, p Publication) *Source {
	return &Source{Publication: p, stream: s, done: make(chan struct{})}
}

// AddLayer declares an encoding that the source sends: a new track, or, if it has a rid (RFC 8853), a further layer of the
// track with the same codec. A new track takes the place of the one before; after the source's end nothing is kept of it.
// requestKeyframe, which may be nil, asks the source for a keyframe; it must not block.
func (s *Source) AddLayer(c Codec, rid string, requestKeyframe func()) *Layer {
	s.adding.Lock()
	defer s.adding.Unlock()
	t := s.tracks[c.Kind()].Load()
	if t == nil || rid == "" || t.codec != c {
		old := t
		t = newTrack(s, c)
		s.tracks[t.kind].Store(t)
		if old != nil {
			old.close()
		}
	}
	l := t.add(rid, requestKeyframe)
	if s.ended {
		l.close()
	}
	return l
}

// ready makes the source a candidate for the stream's active one, on its first packet.
func (s *Source) ready() {
	if !s.live.Load() && s.live.CompareAndSwap(false, true) {
		s.stream.hub.elect(s.stream)
	}
}

// clockOffset is what to add to the source's clock to have the hub's. The first report of any track sets it for all of them,
// so that sound and picture keep the relation that the source gave them.
func (s *Source) clockOffset(ntp time.Time) time.Duration {
	d := time.Since(ntp)
	s.offset.CompareAndSwap(nil, &d)
	return *s.offset.Load()
}

// Done closes when the source has been closed or taken over; Err then says which.
func (s *Source) Done() <-chan struct{} { return s.done }

// Err is nil until Done closes, then ErrReplaced or ErrStopped.
func (s *Source) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close ends the publication. The stream's viewers stay, for the next source. It may be called twice.
func (s *Source) Close() { s.stop(ErrStopped) }

func (s *Source) stop(reason error) {
	s.end.Do(func() {
		s.stream.hub.remove(s)
		s.closeTracks()
		s.err = reason
		close(s.done)
	})
	<-s.done
}

func (s *Source) closeTracks() {
	s.adding.Lock()
	defer s.adding.Unlock()
	s.ended = true
	for k := range s.tracks {
		if t := s.tracks[k].Load(); t != nil {
			t.close()
		}
	}
}

// Track is the audio or the video of a source: one codec, one or more layers.
type Track struct {
	source  *Source
	kind    Kind
	codec   Codec
	current atomic.Pointer[Layer] // the layer that viewers get

	numbered bool // its pictures have ids of their own

	mu  sync.Mutex // held to change all or current
	all atomic.Pointer[[]*Layer]
}

// layers are the track's, in the order in which they came. The list is never changed, but replaced.
func (t *Track) layers() []*Layer {
	if all := t.all.Load(); all != nil {
		return *all
	}
	return nil
}

func newTrack(s *Source, c Codec) *Track {
	numbered := strings.EqualFold(c.MimeType, mimeVP8) || strings.EqualFold(c.MimeType, mimeVP9)
	return &Track{source: s, kind: c.Kind(), codec: c, numbered: numbered}
}

func (t *Track) add(rid string, requestKeyframe func()) *Layer {
	l := newLayer(t, rid, requestKeyframe)
	t.mu.Lock()
	all := append(slices.Clone(t.layers()), l)
	t.all.Store(&all)
	t.mu.Unlock()
	t.current.CompareAndSwap(nil, l)
	t.source.stream.wake()
	return l
}

// pictureIDs reads the ids of the picture that a payload belongs to.
func (t *Track) pictureIDs(payload []byte) (pictureIDs, bool) {
	if !t.numbered {
		return pictureIDs{}, false
	}
	return readPictureIDs(t.codec.MimeType, payload)
}

func (t *Track) close() {
	for _, l := range t.layers() {
		l.close()
	}
}
