package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"bongsu/broadcast"

	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
)

// ivf reads VP8, VP9 or AV1 frames, with the times that the file gives them. pion's ivfreader reads the file header;
// the frame headers are read here, since it gives no presentation time in seconds and believes any frame size.
type ivf struct {
	name  string
	in    io.Reader
	mime  string
	scale float64 // seconds of a time unit
	count int
	first uint64
	last  frame
}

func openIVF(name string, r *bufio.Reader) (reader, error) {
	_, header, err := ivfreader.NewWith(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %s has no valid IVF header (%w); make it with: ffmpeg -i FILE -c:v libvpx -f ivf clip.ivf", ErrMedia, name, err)
	}
	f := &ivf{name: name, in: r, scale: float64(header.TimebaseNumerator) / float64(header.TimebaseDenominator)}
	var ok bool
	if f.mime, ok = ivfCodec([]byte("12345678" + header.FourCC)); !ok {
		return nil, fmt.Errorf("%w: %s has the codec %q; IVF may have VP80, VP90 or AV01", ErrMedia, name, header.FourCC)
	}
	return f, nil
}

// ivfCodec reads the FourCC of an IVF header.
func ivfCodec(head []byte) (mimeType string, ok bool) {
	if len(head) < 12 {
		return "", false
	}
	switch string(head[8:12]) {
	case "VP80":
		return "video/VP8", true
	case "VP90":
		return "video/VP9", true
	case "AV01":
		return "video/AV1", true
	}
	return "", false
}

func (f *ivf) notes() []string        { return nil }
func (f *ivf) preSkip() time.Duration { return 0 }

func (f *ivf) codec() broadcast.Codec {
	c := broadcast.Codec{MimeType: f.mime, ClockRate: 90000}
	if f.mime == "video/VP9" {
		c.Fmtp = "profile-id=0"
	}
	return c
}

func (f *ivf) next() (frame, error) {
	var header [12]byte // size, presentation time
	size := uint32(0)
	for size == 0 { // a frame that the encoder dropped has no bytes
		if _, err := io.ReadFull(f.in, header[:]); err != nil {
			return frame{}, f.fail(err, true)
		}
		size = binary.LittleEndian.Uint32(header[:4])
	}
	if size > maxFrame {
		return frame{}, damaged(f.name, f.count, fmt.Sprintf("it claims to have %d bytes", size))
	}
	now := frame{data: make([]byte, size), dur: time.Second / 30}
	if _, err := io.ReadFull(f.in, now.data); err != nil {
		return frame{}, f.fail(err, false)
	}
	pts := binary.LittleEndian.Uint64(header[4:])
	if f.count == 0 {
		f.first = pts
	} else {
		seconds := float64(pts-f.first) * f.scale
		now.at = time.Duration(min(seconds, 1e9) * float64(time.Second))
		now.dur = now.at - f.last.at
		if pts < f.first || now.dur <= 0 || now.dur > time.Minute {
			return frame{}, damaged(f.name, f.count, "its time is not just after the frame before")
		}
	}
	f.count++
	f.last = frame{at: now.at}
	return now, nil
}

// fail gives the error of a read that ended: between frames a file may end.
func (f *ivf) fail(err error, between bool) error {
	switch {
	case errors.Is(err, io.EOF) && between:
		return io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return cut(f.name, f.count)
	}
	return fmt.Errorf("%w: %s: %w", ErrMedia, f.name, err)
}
