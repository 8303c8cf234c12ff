package broadcast

import "strings"

// Kind is what a track carries.
type Kind uint8

// The kinds of media.
const (
	Audio Kind = iota
	Video
	kinds = 2
)

// String gives the kind as SDP writes it: "audio" or "video".
func (k Kind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}

// Codec says how a track is encoded, in the terms of an SDP rtpmap and fmtp line (RFC 8866 section 6.6).
type Codec struct {
	MimeType  string // "video/H264", "audio/opus"
	ClockRate uint32 // RTP timestamp units per second
	Channels  uint16 // audio only
	Fmtp      string // format parameters, as in "a=fmtp:<pt> <Fmtp>"
}

// Kind tells whether the codec is for audio or video, by its MIME type.
func (c Codec) Kind() Kind {
	if len(c.MimeType) > 5 && strings.EqualFold(c.MimeType[:6], "video/") {
		return Video
	}
	return Audio
}

// Name is the encoding name, the MIME type without its top level: "H264".
func (c Codec) Name() string {
	_, name, _ := strings.Cut(c.MimeType, "/")
	return name
}
