package ingest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"bongsu/broadcast"

	"github.com/pion/rtp"
)

// ErrMedia says that a file cannot be played; the error that wraps it names the file, what is wrong and what to do.
var ErrMedia = errors.New("cannot play this file")

const (
	mtu        = 1200 // bytes of an RTP packet: fits every path after SRTP, UDP and IP have added theirs
	fileSlack  = time.Second
	inputSlack = 10 * time.Millisecond
	nearEnd    = time.Second
)

// Input is where the bytes of one elementary stream come from.
type Input struct {
	Name string                        // for messages: a path, or "standard input"
	Open func() (io.ReadCloser, error) // called once more for each loop
	Live bool                          // comes at its own pace and only once: a pipe
}

// Media is a video, an audio, or one of each, played in real time as RTP.
//
// Both tracks share one clock: a frame is due at the start of playing plus its time in the media, and is sent
// with the RTP timestamp of that moment, so that sound and picture keep together over any number of loops.
type Media struct {
	tracks []*track
	loop   bool
	slack  time.Duration // how late a frame may be before the clock waits for it
	notes  []string

	start time.Time     // when the first frame was played
	shift time.Duration // what the clock has waited since, for an input that came late and while Run did not run

	pass   int           // which loop the leading track is in
	begin  time.Duration // when that loop began, in media time
	length time.Duration // of the leading track; 0 until its end has been seen
	hurry  atomic.Bool
}

// OpenMediaFrom opens one or two inputs, one of video and one of audio at most, and finds out what they are.
// Of cfg it uses Loop and FPS. Close ends it.
func OpenMediaFrom(cfg FileConfig, inputs ...Input) (*Media, error) {
	if err := cfg.validate(inputs); err != nil {
		return nil, err
	}
	m := &Media{loop: cfg.Loop, slack: fileSlack}
	for _, in := range inputs {
		t, err := openTrack(in, cfg.FPS)
		if err != nil {
			m.Close()
			return nil, err
		}
		m.tracks = append(m.tracks, t)
		m.notes = append(m.notes, t.notes...)
		if in.Live {
			m.slack = inputSlack
		}
	}
	if len(m.tracks) == 2 {
		if m.tracks[0].codec.Kind() == m.tracks[1].codec.Kind() {
			m.Close()
			return nil, fmt.Errorf("%w: %s and %s are both %s; give one video and one audio file", ErrMedia,
				inputs[0].Name, inputs[1].Name, m.tracks[0].codec.Kind())
		}
		if m.tracks[0].codec.Kind() == broadcast.Audio { // the picture leads
			m.tracks[0], m.tracks[1] = m.tracks[1], m.tracks[0]
		}
	}
	return m, nil
}

// Codecs are those of the tracks, in the order of their numbers: video first.
func (m *Media) Codecs() []broadcast.Codec {
	codecs := make([]broadcast.Codec, len(m.tracks))
	for i, t := range m.tracks {
		codecs[i] = t.codec
	}
	return codecs
}

// Notes say what was assumed about the files, and what in them will not play well; a line each, for the log.
func (m *Media) Notes() []string { return m.notes }

// RequestKeyframe starts the next loop at once when less than a second of this one is left. A file has its keyframes
// where they are, so it does nothing otherwise.
func (m *Media) RequestKeyframe() { m.hurry.Store(true) }

// Close closes the inputs. Run must have ended, or be waiting for a live input.
func (m *Media) Close() error {
	var errs []error
	for _, t := range m.tracks {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}

// track is one input on its way to RTP.
type track struct {
	input  Input
	format *format
	codec  broadcast.Codec
	notes  []string

	payloader rtp.Payloader
	ssrc      uint32
	seq       uint16
	timestamp uint32 // at media time zero

	file   io.Closer
	frames reader
	pump   *pump // reads frames for a live input

	pass   int           // which loop of the media this track is in
	origin time.Duration // when that began, in media time
	next   frame         // in hand, when ready
	ready  bool
	end    time.Duration // of the frame sent last
}

// frame is one picture (in decoding order) or one packet of sound.
type frame struct {
	data    []byte
	at, dur time.Duration // since the first frame; once in a track's hand, in media time
}

// reader reads the frames of one file format.
type reader interface {
	// next gives the next frame, whose data the caller may keep. It ends with io.EOF.
	next() (frame, error)
	codec() broadcast.Codec
	// preSkip is how long before media time zero the first frame is: what an Opus decoder leaves out (RFC 7845 section 4.2).
	preSkip() time.Duration
	notes() []string
}

func openTrack(in Input, fps float64) (*track, error) {
	t := &track{input: in}
	var random [10]byte // RFC 3550 section 5.1
	_, _ = rand.Read(random[:])
	t.ssrc, t.timestamp, t.seq = binary.BigEndian.Uint32(random[:]), binary.BigEndian.Uint32(random[4:]), binary.BigEndian.Uint16(random[8:])
	file, err := in.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMedia, err)
	}
	buffered := bufio.NewReaderSize(file, 64<<10)
	t.file = file
	if t.format, err = sniff(in, buffered, fps); err == nil {
		err = t.read(buffered, 0)
	}
	if err == nil {
		t.next, err = t.frames.next() // a file without a single frame must not be looped
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: %s has no frames", ErrMedia, in.Name)
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	t.hold()
	t.end = t.origin
	t.codec = t.frames.codec()
	t.payloader = t.format.payloader()
	t.notes = t.frames.notes()
	if in.Live {
		t.pump = newPump(t.frames)
	}
	return t, nil
}

// read begins a pass over the file, at the given media time.
func (t *track) read(r *bufio.Reader, at time.Duration) error {
	frames, err := t.format.open(t.input.Name, r)
	if err != nil {
		return err
	}
	t.frames, t.origin, t.ready = frames, at-frames.preSkip(), false
	return nil
}

// rewind begins the next pass.
func (t *track) rewind(pass int, at time.Duration) error {
	t.file.Close()
	file, err := t.input.Open()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMedia, err)
	}
	t.file, t.pass = file, pass
	return t.read(bufio.NewReaderSize(file, 64<<10), at)
}

// fetch takes the next frame into the hand.
func (t *track) fetch(ctx context.Context) (err error) {
	if t.ready {
		return nil
	}
	if t.pump != nil {
		t.next, err = t.pump.next(ctx)
	} else {
		t.next, err = t.frames.next()
	}
	if err == nil {
		t.hold()
	}
	return err
}

func (t *track) hold() {
	t.next.at += t.origin
	t.ready = true
}

// send packetizes the frame in hand: one timestamp, and the marker bit on a picture's last packet (RFC 3550 section 5.1).
func (t *track) send(shift time.Duration, write func(*rtp.Packet)) {
	video := t.codec.Kind() == broadcast.Video
	payloads := t.payloader.Payload(mtu-12, t.next.data)
	timestamp := t.timestamp + ticks(t.next.at+shift, t.codec.ClockRate)
	for i, payload := range payloads {
		write(&rtp.Packet{Header: rtp.Header{
			Version: 2, Marker: video && i == len(payloads)-1, SequenceNumber: t.seq, Timestamp: timestamp, SSRC: t.ssrc,
		}, Payload: payload})
		t.seq++
	}
	t.end, t.ready = t.next.at+t.next.dur, false
}

func (t *track) close() error {
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	if t.pump != nil {
		t.pump.stop()
	}
	return err
}

// ticks is a duration in units of an RTP clock, rounded to the nearest, modulo 2^32.
func ticks(d time.Duration, rate uint32) uint32 {
	seconds, rest := int64(d/time.Second), int64(d%time.Second)
	if rest < 0 {
		seconds, rest = seconds-1, rest+int64(time.Second)
	}
	return uint32(seconds*int64(rate) + (rest*int64(rate)+int64(time.Second)/2)/int64(time.Second))
}
