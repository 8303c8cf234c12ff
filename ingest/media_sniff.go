package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"bongsu/broadcast"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// format is how to read a file, and how to packetize what is in it.
type format struct {
	open      func(name string, r *bufio.Reader) (reader, error)
	payloader func() rtp.Payloader
}

// sniff tells the format of an input from its first bytes.
func sniff(in Input, r *bufio.Reader, fps float64) (*format, error) {
	name := in.Name
	head, err := r.Peek(512)
	if len(head) == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: %s is empty", ErrMedia, name)
		}
		return nil, fmt.Errorf("%w: %s: %w", ErrMedia, name, err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("DKIF")):
		return ivfFormat(head), nil
	case bytes.HasPrefix(head, []byte("OggS")):
		return &format{openOgg, func() rtp.Payloader { return &codecs.OpusPayloader{} }}, nil
	case annexBStart(head) > 0 && string(head[4:min(8, len(head))]) != "ftyp": // an MP4 box of 256 bytes looks the same
		if problem := notH264(head[annexBStart(head):]); problem != "" {
			return nil, fmt.Errorf("%w: %s %s", ErrMedia, name, problem)
		}
		open := func(name string, r *bufio.Reader) (reader, error) { return openAnnexB(name, r, fps) }
		return &format{open, func() rtp.Payloader { return &h264Payloader{} }}, nil
	}
	return nil, fmt.Errorf("%w: %s %s", ErrMedia, name, guess(in, head))
}

func ivfFormat(head []byte) *format {
	payloader := func() rtp.Payloader { return &codecs.VP8Payloader{} }
	switch mimeType, _ := ivfCodec(head); mimeType {
	case "video/VP9":
		payloader = func() rtp.Payloader { return &codecs.VP9Payloader{} }
	case "video/AV1":
		payloader = func() rtp.Payloader { return &codecs.AV1Payloader{} }
	}
	return &format{openIVF, payloader}
}

// annexBStart is the offset behind the first start code (H.264 annex B.1: zero bytes may precede it), or 0.
func annexBStart(head []byte) int {
	zeros := 0
	for zeros < len(head) && head[zeros] == 0 {
		zeros++
	}
	if zeros >= 2 && zeros+1 < len(head) && head[zeros] == 1 {
		return zeros + 1
	}
	return 0
}

// notH264 looks at the first NAL unit for what also begins with a start code.
func notH264(nal []byte) string {
	switch {
	case nal[0]&0x80 != 0:
		return "is not H.264 but an MPEG-1, -2 or -4 stream; encode it with: ffmpeg -i FILE " + encodeH264
	case len(nal) > 1 && nal[1] == 1 && (nal[0] == 0x40 || nal[0] == 0x42 || nal[0] == 0x44 || nal[0] == 0x46 || nal[0] == 0x4e):
		return "is H.265, not H.264; encode it with: ffmpeg -f hevc -i FILE " + encodeH264
	}
	return ""
}

const (
	encodeH264 = "-c:v libx264 -bf 0 -g 60 -f h264 clip.h264"
	remuxH264  = "-c copy -bsf:v h264_mp4toannexb -an -f h264 clip.h264"
	encodeOpus = "-vn -c:a libopus -b:a 96k clip.ogg"
)

// guess names common files that are not elementary streams, and the way out of them.
func guess(in Input, head []byte) string {
	file := "'" + strings.ReplaceAll(in.Name, "'", `'\''`) + "'" // for a shell
	if in.Live {
		file = "FILE"
	} else if !strings.ContainsAny(in.Name, " \t\"'`$&;()<>|*?[]#~!\\") {
		file = in.Name
	}
	at := func(offset int, magic string) bool {
		return len(head) > offset && bytes.HasPrefix(head[offset:], []byte(magic))
	}
	container := func(article string) string {
		return fmt.Sprintf("is %s file; convert it with: ffmpeg -i %s %s (and its sound with: ffmpeg -i %[2]s %[4]s)",
			article, file, remuxH264, encodeOpus)
	}
	sound := func(article string) string {
		return fmt.Sprintf("is %s file; convert it with: ffmpeg -i %s %s", article, file, encodeOpus)
	}
	switch {
	case at(4, "ftyp"):
		return container("an MP4")
	case at(0, "\x1aE\xdf\xa3"):
		return container("a Matroska or WebM")
	case at(0, "FLV"):
		return container("an FLV")
	case at(0, "G") && at(188, "G"):
		return container("an MPEG transport stream")
	case at(0, "RIFF") && at(8, "WAVE"):
		return sound("a WAV")
	case at(0, "RIFF"):
		return container("an AVI")
	case at(0, "fLaC"):
		return sound("a FLAC")
	case at(0, "ID3"), len(head) > 1 && head[0] == 0xff && head[1]&0xe0 == 0xe0:
		return sound("an MP3 or AAC")
	case text(head):
		return "is a text file, not video or sound; give an H.264 Annex B, IVF (VP8, VP9, AV1) or Ogg Opus file"
	}
	return "is not an H.264 Annex B, IVF (VP8, VP9, AV1) or Ogg Opus file; ffmpeg -i " + file + " tells what it is"
}

func text(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && len(head) >= utf8.UTFMax || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		head = head[size:]
	}
	return true
}

// cut is the error for a file that ends inside a frame.
func cut(name string, n int) error {
	return fmt.Errorf("%w: %s is cut short in frame %d; copy it again, or repair it with: ffmpeg -i FILE -c copy NEW",
		ErrMedia, name, n+1)
}

func damaged(name string, n int, why string) error {
	return fmt.Errorf("%w: %s is damaged at frame %d: %s", ErrMedia, name, n+1, why)
}

// opusCodec is Opus with stereo kept (RFC 7587 section 6.1).
func opusCodec(channels uint8) broadcast.Codec {
	c := broadcast.Codec{MimeType: "audio/opus", ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1"}
	if channels == 2 {
		c.Fmtp += ";stereo=1;sprop-stereo=1"
	}
	return c
}
