package wish

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bongsu/broadcast"
)

const supportedNames = "opus, PCMU, PCMA, G722 for audio; H264, H265, VP8, VP9, AV1 for video"

// maxFeedback bounds the kinds of feedback of a payload type; clients offer about five.
const maxFeedback = 16

// payload is what an m-line says of one payload type.
type payload struct {
	encoding string // "H264/90000", "opus/48000/2"
	fmtp     string
	feedback []string
}

func (p *payload) addFeedback(kind string) {
	if kind != "" && len(p.feedback) < maxFeedback && !slices.Contains(p.feedback, kind) {
		p.feedback = append(p.feedback, kind)
	}
}

// readCodecs keeps the supported codecs of the m-line with their payload types, and the retransmission types that
// belong to them.
func (s *section) readCodecs() error {
	payloads := s.payloads()
	var types []uint8
	var unknown []string
	for _, format := range s.formats {
		n, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			return s.malformed("payload type %q is not a number from 0 to 127", format)
		}
		pt := uint8(n)
		p := payloads[pt]
		if p == nil || slices.Contains(types, pt) {
			continue
		}
		if pt >= 64 && pt <= 95 { // next to RTCP on one port, it would be taken for RTCP (RFC 5761 section 4)
			unknown = append(unknown, fmt.Sprintf("payload type %d, which is not for RTP next to RTCP", pt))
			continue
		}
		types = append(types, pt)
		if codec, ok := supported(s.Kind, p.encoding); ok {
			codec.Fmtp = strings.Clone(p.fmtp) // sessions keep it, and not with it the whole offer
			if codec.Name() == "H264" {
				codec.Fmtp = completeH264(p.fmtp)
			}
			s.add(Codec{Codec: codec, PayloadType: pt, Feedback: p.feedback})
		} else if name, _, _ := strings.Cut(p.encoding, "/"); !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	if len(s.Codecs) == 0 {
		if len(unknown) == 0 {
			return s.unprocessable("no payload type has an a=rtpmap line; supported are %s", supportedNames)
		}
		return s.unprocessable("none of the offered codecs (%s) is supported; supported are %s", strings.Join(unknown, ", "), supportedNames)
	}
	s.readRTX(types, payloads)
	return nil
}

// add keeps a codec, unless the m-line has one of the same configuration under another payload type already.
func (s *section) add(c Codec) {
	if !slices.ContainsFunc(s.Codecs, func(o Codec) bool {
		return o.MimeType == c.MimeType && configuration(o.Codec) == configuration(c.Codec)
	}) {
		s.Codecs = append(s.Codecs, c)
	}
}

func (s *section) readRTX(types []uint8, payloads map[uint8]*payload) {
	for _, pt := range types {
		name, _, _ := strings.Cut(payloads[pt].encoding, "/")
		if !strings.EqualFold(name, "rtx") {
			continue
		}
		apt, err := strconv.ParseUint(parameter(payloads[pt].fmtp, "apt"), 10, 7)
		if err != nil || s.codec(uint8(apt)) == nil {
			continue
		}
		if s.RTX == nil {
			s.RTX = make(map[uint8]uint8)
		}
		s.RTX[pt] = uint8(apt)
	}
}

func (m *Media) codec(pt uint8) *Codec {
	for i := range m.Codecs {
		if m.Codecs[i].PayloadType == pt {
			return &m.Codecs[i]
		}
	}
	return nil
}

// payloads reads rtpmap, fmtp and rtcp-fb lines; the first of a payload type counts. G.711 and G.722 need no rtpmap
// (RFC 3551 section 6).
func (s *section) payloads() map[uint8]*payload {
	all := map[uint8]*payload{0: {encoding: "PCMU/8000"}, 8: {encoding: "PCMA/8000"}, 9: {encoding: "G722/8000"}}
	mapped := make(map[uint8]bool)
	for _, a := range s.Attributes {
		first, rest, _ := strings.Cut(a.Value, " ")
		if pt, err := strconv.ParseUint(first, 10, 7); err == nil && a.Key == "rtpmap" && !mapped[uint8(pt)] {
			mapped[uint8(pt)] = true
			all[uint8(pt)] = &payload{encoding: strings.TrimSpace(rest)}
		}
	}
	var everyone []string
	for _, a := range s.Attributes {
		first, rest, _ := strings.Cut(a.Value, " ")
		rest = strings.TrimSpace(rest)
		if a.Key == "rtcp-fb" && first == "*" {
			everyone = append(everyone, rest)
			continue
		}
		pt, err := strconv.ParseUint(first, 10, 7)
		p := all[uint8(pt)]
		switch {
		case err != nil || p == nil || rest == "":
		case a.Key == "fmtp" && p.fmtp == "":
			p.fmtp = rest
		case a.Key == "rtcp-fb":
			p.addFeedback(rest)
		}
	}
	for _, p := range all {
		for _, f := range everyone {
			p.addFeedback(f)
		}
	}
	return all
}

// supported gives the codec of an rtpmap's encoding, in this project's spelling. A missing channel number means one
// (RFC 8866 section 6.6), but two for Opus, which has no other (RFC 7587 section 7).
func supported(kind, encoding string) (broadcast.Codec, bool) {
	name, rest, _ := strings.Cut(encoding, "/")
	rate, channels, _ := strings.Cut(rest, "/")
	audio := func(name, wantRate, wantChannels string, n uint16) (broadcast.Codec, bool) {
		hz, _ := strconv.ParseUint(wantRate, 10, 32)
		return broadcast.Codec{MimeType: "audio/" + name, ClockRate: uint32(hz), Channels: n},
			kind == kindAudio && rate == wantRate && (channels == "" || channels == wantChannels)
	}
	video := func(name string) (broadcast.Codec, bool) {
		return broadcast.Codec{MimeType: "video/" + name, ClockRate: 90000}, kind == kindVideo && rate == "90000"
	}
	switch strings.ToUpper(name) {
	case "OPUS":
		return audio("opus", "48000", "2", 2)
	case "PCMU", "PCMA", "G722": // G.722's RTP clock is 8000 Hz by an old mistake (RFC 3551 section 4.5.2)
		return audio(strings.ToUpper(name), "8000", "1", 0)
	case "H264", "H265", "VP8", "VP9", "AV1":
		return video(strings.ToUpper(name))
	}
	return broadcast.Codec{}, false
}
