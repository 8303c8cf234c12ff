package main

import (
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"bongsu/broadcast"
	"bongsu/ingest"
)

// recording writes one track: packets in order, whole pictures only, sound without holes.
type recording struct {
	path     string
	mimeType string
	rate     uint32
	video    bool
	writer   media.Writer
	order    reorder

	fresh   bool          // the next packet is the first of a connection
	offset  uint32        // added to its timestamps, so that those of the file go on
	last    uint32        // timestamp written last
	lastAt  time.Time     // when that arrived
	length  time.Duration // of the sound that the packet before had
	picture []*rtp.Packet // of one timestamp
	broken  bool          // a packet of it is lost
	dropped int           // pictures
	told    int
}

func newRecording(path string, codec webrtc.RTPCodecCapability, width, height int) (*recording, error) {
	writer, err := newWriter(path, codec, width, height)
	if err != nil {
		return nil, err
	}
	return &recording{path: path, mimeType: codec.MimeType, rate: codec.ClockRate, writer: writer, fresh: true,
		video: broadcast.Codec{MimeType: codec.MimeType}.Kind() == broadcast.Video,
		order: reorder{patience: codec.ClockRate / 2}}, nil
}

// resume ends what came by the connection before; the next packet begins another.
func (r *recording) resume() {
	_ = r.order.flush(r.inOrder)
	r.order = reorder{patience: r.order.patience}
	r.picture, r.broken, r.fresh = nil, false, true
}

func (r *recording) add(p *rtp.Packet, now time.Time) error {
	if r.fresh {
		r.fresh = false
		if !r.lastAt.IsZero() {
			r.offset = r.last + uint32(now.Sub(r.lastAt).Seconds()*float64(r.rate)) - p.Timestamp
		}
	}
	r.lastAt = now
	return r.order.push(p, r.inOrder)
}

// inOrder takes packets by their numbers; gap tells that some before this one are lost.
func (r *recording) inOrder(p *rtp.Packet, gap bool) error {
	p.Timestamp += r.offset
	if r.video {
		return r.addPicture(p, gap)
	}
	if err := r.fill(p); err != nil {
		return err
	}
	r.last, r.length = p.Timestamp, ingest.OpusDuration(p.Payload)
	if r.length == 0 {
		return nil // nothing that an Ogg file could hold
	}
	return r.writer.WriteRTP(p)
}

// fill writes silence for sound that is lost, since an Ogg file has no times but the lengths of its packets.
func (r *recording) fill(p *rtp.Packet) error {
	if r.length == 0 {
		return nil
	}
	const packet = 20 * time.Millisecond
	missing := time.Duration(int32(p.Timestamp-r.last))*time.Second/time.Duration(r.rate) - r.length
	if missing > time.Hour {
		return nil
	}
	for ; missing >= packet; missing -= packet {
		if err := r.writer.WriteRTP(&rtp.Packet{Payload: []byte{0xfc, 0xff, 0xfe}}); err != nil {
			return err
		}
	}
	return nil
}

// addPicture collects the packets of a picture and writes it when it is whole.
func (r *recording) addPicture(p *rtp.Packet, gap bool) error {
	if len(r.picture) > 0 && r.picture[0].Timestamp != p.Timestamp { // without its marker bit
		if err := r.endPicture(); err != nil {
			return err
		}
	}
	// What is lost may have been of this picture, unless it shows that it begins here.
	begins := len(r.picture) == 0 && broadcast.StartsKeyframe(r.mimeType, p.Payload)
	r.broken = r.broken || gap && !begins
	r.picture = append(r.picture, p)
	if p.Marker {
		return r.endPicture()
	}
	return nil
}

func (r *recording) endPicture() error {
	picture, broken := r.picture, r.broken
	r.picture, r.broken = nil, false
	if broken {
		r.dropped++
		return nil
	}
	for _, p := range picture {
		if err := r.writer.WriteRTP(p); err != nil {
			return err
		}
	}
	if len(picture) > 0 {
		r.last = picture[0].Timestamp
	}
	return nil
}

func (r *recording) close() error {
	err := r.order.flush(r.inOrder)
	if closed := r.writer.Close(); err == nil {
		err = closed
	}
	return err
}

// reorder puts packets back in the order of their numbers. It waits for a missing one until packets
// later by patience (timestamp units) have come: time enough for a retransmission.
type reorder struct {
	patience uint32
	started  bool
	next     uint16
	held     map[uint16]*rtp.Packet
}

const mostHeld = 4096 // packets; half of what sequence numbers can tell apart is 32768

func (o *reorder) push(p *rtp.Packet, emit func(p *rtp.Packet, gap bool) error) error {
	if !o.started {
		o.started, o.next, o.held = true, p.SequenceNumber, map[uint16]*rtp.Packet{}
	}
	if int16(p.SequenceNumber-o.next) < 0 {
		return nil // a duplicate, or too late
	}
	o.held[p.SequenceNumber] = p
	if err := o.run(emit, false); err != nil {
		return err
	}
	if oldest, ok := o.oldest(); ok && (len(o.held) > mostHeld || int32(p.Timestamp-oldest.Timestamp) > int32(o.patience)) {
		o.next = oldest.SequenceNumber
		return o.run(emit, true)
	}
	return nil
}

// run emits what has no gap before it.
func (o *reorder) run(emit func(*rtp.Packet, bool) error, gap bool) error {
	for p := o.held[o.next]; p != nil; p = o.held[o.next] {
		delete(o.held, o.next)
		o.next++
		if err := emit(p, gap); err != nil {
			return err
		}
		gap = false
	}
	return nil
}

func (o *reorder) oldest() (oldest *rtp.Packet, ok bool) {
	for _, p := range o.held {
		if oldest == nil || int16(p.SequenceNumber-oldest.SequenceNumber) < 0 {
			oldest = p
		}
	}
	return oldest, oldest != nil
}

// flush emits all that is held.
func (o *reorder) flush(emit func(*rtp.Packet, bool) error) error {
	for oldest, ok := o.oldest(); ok; oldest, ok = o.oldest() {
		o.next = oldest.SequenceNumber
		if err := o.run(emit, true); err != nil {
			return err
		}
	}
	return nil
}
