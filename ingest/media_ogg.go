package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"bongsu/broadcast"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// opusSilence is 20 ms of stereo silence (RFC 6716 section 3.1: CELT, full band, one frame).
var opusSilence = []byte{0xfc, 0xff, 0xfe}

// oggOpus reads Opus packets from an Ogg file (RFC 7845). pion's oggreader reads and checks pages; the packets in a page
// are told apart here, by the lacing values that a copy of the page has kept.
type oggOpus struct {
	name    string
	pages   *oggreader.OggReader
	page    bytes.Buffer
	serial  uint32
	header  *oggreader.OggHeader
	partial []byte   // of a packet that goes on in the next page
	packets [][]byte // of this page, not yet given
	samples int64
	count   int
}

func openOgg(name string, r *bufio.Reader) (reader, error) {
	o := &oggOpus{name: name}
	var err error
	if o.pages, err = oggreader.NewWithOptions(io.TeeReader(r, &o.page)); err != nil {
		return nil, err
	}
	payload, page, err := o.pages.ParseNextPage()
	if err == nil {
		if kind, ok := page.HeaderType(payload); !ok || kind != oggreader.HeaderOpusID {
			err = errors.New("its first page is not an Opus header")
		} else {
			o.header, err = oggreader.ParseOpusHead(payload)
		}
	}
	if err == nil && o.header.Channels != 1 && o.header.Channels != 2 {
		err = fmt.Errorf("it has %d channels, and WebRTC sends one or two", o.header.Channels)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not an Ogg file with Opus alone (%w); make it with: ffmpeg -i FILE -vn -ac 2 -c:a libopus clip.ogg",
			ErrMedia, name, err)
	}
	o.serial = page.Serial
	return o, nil
}

func (o *oggOpus) notes() []string        { return nil }
func (o *oggOpus) codec() broadcast.Codec { return opusCodec(o.header.Channels) }
func (o *oggOpus) preSkip() time.Duration { return samples(int64(o.header.PreSkip)) }

// next gives the next Opus packet; its time counts from the first, pre-skip included.
func (o *oggOpus) next() (frame, error) {
	for len(o.packets) == 0 {
		if err := o.nextPage(); err != nil {
			return frame{}, err
		}
	}
	packet := o.packets[0]
	o.packets = o.packets[1:]
	n := opusSamples(packet)
	if n == 0 {
		return frame{}, damaged(o.name, o.count, "not an Opus packet")
	}
	f := frame{data: packet, at: samples(o.samples), dur: samples(o.samples+n) - samples(o.samples)}
	o.samples += n
	o.count++
	return f, nil
}

func samples(n int64) time.Duration {
	return time.Duration(n/48000)*time.Second + time.Duration(n%48000)*time.Second/48000
}

// nextPage takes a page of our stream apart: a lacing value below 255 ends a packet (RFC 3533 section 5).
func (o *oggOpus) nextPage() error {
	o.page.Reset()
	payload, page, err := o.pages.ParseNextPage()
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return cut(o.name, o.count)
	case err != nil:
		return fmt.Errorf("%w: %s is damaged at packet %d: %w", ErrMedia, o.name, o.count+1, err)
	case page.Serial != o.serial:
		return nil // another stream's
	}
	raw := o.page.Bytes()
	const headerType, lacing = 5, 27
	if raw[headerType]&1 == 0 { // not continued
		o.partial = nil
	}
	for _, size := range raw[lacing : lacing+int(raw[lacing-1])] {
		o.partial = append(o.partial, payload[:size]...)
		payload = payload[size:]
		if size < 255 {
			if !opusHeader(o.partial) {
				o.packets = append(o.packets, o.partial)
			}
			o.partial = nil
		}
	}
	if len(o.partial) > maxFrame {
		return damaged(o.name, o.count, "a packet without end")
	}
	return nil
}

func opusHeader(packet []byte) bool {
	return len(packet) == 0 || bytes.HasPrefix(packet, []byte("OpusHead")) || bytes.HasPrefix(packet, []byte("OpusTags"))
}

// opusSamples is the duration of a packet in 48 kHz samples, from its TOC byte (RFC 6716 section 3.1); 0 if it is not valid.
func opusSamples(packet []byte) int64 {
	config := packet[0] >> 3
	var size int64
	switch {
	case config < 12: // SILK
		size = []int64{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid
		size = []int64{480, 960}[config&1]
	default: // CELT
		size = 120 << (config & 3)
	}
	switch count := packet[0] & 3; {
	case count == 0:
		return size
	case count < 3:
		return 2 * size
	case len(packet) < 2 || int64(packet[1]&63)*size > 5760: // 120 ms
		return 0
	default:
		return int64(packet[1]&63) * size
	}
}

// OpusDuration is how long the sound in an Opus packet is; 0 if it is not valid.
func OpusDuration(packet []byte) time.Duration {
	if len(packet) == 0 {
		return 0
	}
	return samples(opusSamples(packet))
}
