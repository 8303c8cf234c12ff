package ingest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"bongsu/broadcast"

	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
)

// maxFrame bounds what is held of a file that is not what it seems: a NAL unit, an access unit, an IVF frame.
const maxFrame = 16 << 20

var startCode = []byte{0, 0, 0, 1}

// annexB reads access units from an H.264 byte stream (Rec. ITU-T H.264 annex B).
type annexB struct {
	name    string
	in      *bounded
	nals    *h264reader.H264Reader
	pending []byte // the NAL unit that the next access unit begins with
	sps     broadcast.SPS
	fps     float64
	count   int
	ahead   []frame // the first pictures, which have been looked at
	warn    []string
}

// openAnnexB reads up to the first sequence parameter set, and the pictures after it that show their order. fps is for a stream that does not say its frame rate.
func openAnnexB(name string, r *bufio.Reader, fps float64) (reader, error) {
	for { // pion's reader takes no more zeros than a start code has
		if head, _ := r.Peek(4); !bytes.Equal(head, []byte{0, 0, 0, 0}) {
			break
		}
		_, _ = r.Discard(1) // has been peeked at
	}
	a := &annexB{name: name, in: &bounded{Reader: r}, fps: fps}
	nals, err := h264reader.NewReaderWithOptions(a.in, h264reader.WithIncludeSEI(true))
	if err != nil {
		return nil, err
	}
	a.nals = nals
	for skipped := 0; skipped < maxFrame; skipped += len(a.pending) {
		nal, err := a.nal()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		a.pending = nal
		if nal[0]&31 == nalSPS {
			if err := a.parse(nal); err != nil {
				return nil, err
			}
			a.look()
			return a, nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no sequence parameter set, so no picture of it can be decoded; encode it with: ffmpeg -i FILE %s",
		ErrMedia, name, encodeH264)
}

// parse reads the frame rate and picture order from the SPS (Rec. ITU-T H.264 annex E).
func (a *annexB) parse(nal []byte) (err error) {
	if a.sps, err = broadcast.ParseH264SPS(nal); err != nil {
		return fmt.Errorf("%w: %s has a sequence parameter set that cannot be read: %w", ErrMedia, a.name, err)
	}
	given, own := a.fps, a.sps.FrameRate
	switch {
	case own >= 1 && own <= 300:
		a.fps = own
		if given > 0 && given != own {
			a.note("says that it has %.5g frames a second; --fps %.5g is not used", own, given)
		}
	case given == 0:
		a.fps = 30
		a.note("does not say its frame rate; taken to be 30 frames a second (--fps sets another)")
	}
	return nil
}

// look reads the first pictures and notes B slices: such pictures are shown in another order than they are sent in, which
// the times here do not tell.
func (a *annexB) look() {
	const pictures = 4 // an encoder with B-frames has one among them
	for len(a.ahead) < pictures {
		f, err := a.read()
		if err != nil {
			return // and will again, in its turn
		}
		a.ahead = append(a.ahead, f)
		for nal := range bytes.SplitSeq(f.data, startCode) {
			if hasB(nal) {
				a.note("has B-frames, which browsers show jerkily; encode it without, with: ffmpeg -i FILE %s", encodeH264)
				return
			}
		}
	}
}

func (a *annexB) note(format string, args ...any) {
	a.warn = append(a.warn, a.name+" "+fmt.Sprintf(format, args...))
}

func (a *annexB) notes() []string        { return a.warn }
func (a *annexB) preSkip() time.Duration { return 0 }

func (a *annexB) codec() broadcast.Codec {
	return broadcast.Codec{MimeType: "video/H264", ClockRate: 90000, Fmtp: fmt.Sprintf(
		"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=%02x%02x%02x", a.sps.Profile, a.sps.Constraints, a.sps.Level)}
}

// next gives one access unit: a primary coded picture with all its slices, and the parameter sets and SEI before it.
func (a *annexB) next() (frame, error) {
	if len(a.ahead) > 0 {
		f := a.ahead[0]
		a.ahead = a.ahead[1:]
		return f, nil
	}
	return a.read()
}

func (a *annexB) read() (frame, error) {
	unit, err := a.accessUnit()
	if err != nil {
		return frame{}, err
	}
	at := func(n int) time.Duration { return time.Duration(float64(n) / a.fps * float64(time.Second)) }
	f := frame{data: unit, at: at(a.count), dur: at(a.count+1) - at(a.count)}
	a.count++
	return f, nil
}

func (a *annexB) accessUnit() ([]byte, error) {
	var unit []byte
	picture := false // a slice has been seen
	for {
		nal := a.pending
		a.pending = nil
		if nal == nil {
			var err error
			if nal, err = a.nal(); errors.Is(err, io.EOF) && picture {
				return unit, nil
			} else if err != nil {
				return nil, err // what comes after the last picture is not one
			}
		}
		if picture && startsAccessUnit(nal) {
			a.pending = nal
			return unit, nil
		}
		picture = picture || isSlice(nal)
		if len(unit)+len(nal) > maxFrame {
			return nil, damaged(a.name, a.count, "a picture of more than 16 MiB")
		}
		unit = append(append(unit, startCode...), nal...)
	}
}

// nal gives the next NAL unit, without those that only layered decoders understand (types 14, 15, 20 and 21).
func (a *annexB) nal() ([]byte, error) {
	for {
		a.in.n = 0
		unit, err := a.nals.NextNAL()
		if a.in.err != nil { // h264reader takes any error for the end
			return nil, fmt.Errorf("%w: %s: %w", ErrMedia, a.name, a.in.err)
		}
		if err != nil {
			return nil, io.EOF
		}
		data := bytes.TrimRight(unit.Data, "\x00") // trailing_zero_8bits; a NAL unit never ends with zero
		if len(data) == 0 {
			continue
		}
		switch data[0] & 31 {
		case 14, 15, 20, 21:
			continue
		}
		return data, nil
	}
}

const (
	nalSlice = 1
	nalIDR   = 5
	nalSEI   = 6
	nalSPS   = 7
	nalPPS   = 8
	nalAUD   = 9
)

// isSlice: coded slices and partitions (types 1 to 5).
func isSlice(nal []byte) bool { return nal[0]&31 >= nalSlice && nal[0]&31 <= nalIDR }

// startsAccessUnit tells, for a NAL unit after a slice, whether a new access unit begins with it (Rec. ITU-T H.264 section 7.4.1.2.3).
// Of a slice it asks only whether it is the first of its picture: first_mb_in_slice is 0, which is one bit, 1.
func startsAccessUnit(nal []byte) bool {
	switch t := nal[0] & 31; {
	case t >= nalSEI && t <= nalAUD, t >= 16 && t <= 18:
		return true
	case t == nalSlice, t == 2, t == nalIDR:
		return len(nal) > 1 && nal[1]&0x80 != 0
	}
	return false
}

// hasB tells whether a NAL unit is a B slice (Rec. ITU-T H.264 section 7.3.3: first_mb_in_slice, slice_type).
func hasB(nal []byte) bool {
	if len(nal) < 10 || nal[0]&31 != nalSlice {
		return false
	}
	word := binary.BigEndian.Uint64(nal[1:])
	ue := func() uint64 { // Exp-Golomb code (section 9.1)
		zeros := min(bits.LeadingZeros64(word), 31)
		value := word << zeros >> (63 - zeros)
		word <<= 2*zeros + 1
		return value - 1
	}
	ue()
	kind := ue()
	return kind == 1 || kind == 6
}

// h264Payloader is pion's, with each parameter set kept: it aggregates one SPS with one PPS, and would lose what is beyond that.
type h264Payloader struct{ codecs.H264Payloader }

func (p *h264Payloader) Payload(mtu uint16, unit []byte) [][]byte {
	var sps, pps, size int
	for nal := range bytes.SplitSeq(unit, startCode) {
		if len(nal) == 0 {
			continue
		}
		switch nal[0] & 31 {
		case nalSPS:
			sps, size = sps+1, size+len(nal)
		case nalPPS:
			pps, size = pps+1, size+len(nal)
		}
	}
	p.DisableStapA = sps != 1 || pps != 1 || size+5 > int(mtu)
	return p.H264Payloader.Payload(mtu, unit)
}

// bounded keeps the error that a read ended with, and ends one that finds no end.
type bounded struct {
	io.Reader
	n   int // since the caller set it to 0
	err error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.n > maxFrame {
		b.err = errors.New("more than 16 MiB without a start code: this is not H.264 Annex B, or it is damaged")
		return 0, b.err
	}
	n, err := b.Reader.Read(p)
	b.n += n
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
