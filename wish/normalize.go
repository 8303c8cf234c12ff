package wish

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// normalize writes the offer anew from what was understood of it. Nothing unknown gets through, and every m-line says all
// of its transport, so that a WebRTC stack can't stumble over what the client wrote or left out.
func normalize(d *sdp.SessionDescription, sections []*section, tagged *section, t *transport, role Role) (string, error) {
	group := []string{tagged.Mid}
	for _, s := range sections {
		if s != tagged {
			group = append(group, s.Mid)
		}
	}
	out := sdp.SessionDescription{
		Origin:           d.Origin,
		SessionName:      "-",
		TimeDescriptions: []sdp.TimeDescription{{}},
		Attributes:       t.sessionAttributes(strings.Join(group, " ")),
	}
	mixed := slices.ContainsFunc(sections, func(s *section) bool { return s.has(sdp.AttrKeyExtMapAllowMixed) })
	if _, ok := d.Attribute(sdp.AttrKeyExtMapAllowMixed); ok || mixed {
		out.Attributes = append(out.Attributes, sdp.Attribute{Key: sdp.AttrKeyExtMapAllowMixed})
	}
	for _, s := range sections {
		md := s.normalize(role)
		md.Attributes = append(md.Attributes, t.attributes()...)
		if s == tagged {
			md.Attributes = append(md.Attributes, t.candidateAttributes()...)
		}
		out.MediaDescriptions = append(out.MediaDescriptions, md)
	}
	text, err := out.Marshal()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return string(text), nil
}

func (s *section) normalize(role Role) *sdp.MediaDescription {
	md := &sdp.MediaDescription{
		MediaName: sdp.MediaName{Media: s.Kind, Port: sdp.RangedPort{Value: 9}, Protos: s.protocol, Formats: s.formats},
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"},
		},
	}
	md.WithValueAttribute(sdp.AttrKeyMID, s.Mid)
	if !s.isRTP() {
		for _, key := range []string{"sctp-port", "max-message-size", "sctpmap"} {
			if v, ok := s.Attribute(key); ok {
				md.WithValueAttribute(key, v)
			} else if key == "max-message-size" {
				md.WithValueAttribute(key, "65536") // which RFC 8841 section 6.1 says that none means; pion takes one less
			}
		}
		return md
	}
	md.WithPropertyAttribute(role.offered())
	md.WithPropertyAttribute(sdp.AttrKeyRTCPMux)
	if s.rsize {
		md.WithPropertyAttribute(sdp.AttrKeyRTCPRsize)
	}
	s.writeCodecs(md)
	for _, line := range s.extensions {
		md.WithValueAttribute(sdp.AttrKeyExtMap, line)
	}
	if role == Publish {
		s.writeTracks(md)
	}
	return md
}

// writeCodecs writes the kept payload types in the offered order.
func (s *section) writeCodecs(md *sdp.MediaDescription) {
	md.MediaName.Formats = nil
	for _, format := range s.formats {
		n, _ := strconv.ParseUint(format, 10, 7)
		pt := uint8(n)
		text := strconv.Itoa(int(pt))
		if slices.Contains(md.MediaName.Formats, text) {
			continue
		}
		if c := s.codec(pt); c != nil {
			md.WithCodec(pt, c.Name(), c.ClockRate, c.Channels, c.Fmtp)
			for _, f := range c.Feedback {
				md.WithValueAttribute("rtcp-fb", text+" "+f)
			}
		} else if apt, ok := s.RTX[pt]; ok {
			md.WithCodec(pt, "rtx", s.codec(apt).ClockRate, 0, fmt.Sprintf("apt=%d", apt))
		}
	}
}

// extensions are the RTP header extensions of all m-lines by number: in a bundle, a number means the same everywhere
// (RFC 9143 section 9.2).
type extensions map[int]string

// read gives the a=extmap lines of the m-line and of the session that can be read (RFC 8285 section 5): of each
// number and of each URI the first.
func (e extensions) read(d *sdp.SessionDescription, s *section) (lines []string) {
	var uris []string
	for _, a := range slices.Concat(s.Attributes, d.Attributes) {
		var m sdp.ExtMap
		if a.Key != sdp.AttrKeyExtMap || m.Unmarshal(a.String()) != nil {
			continue
		}
		uri := m.URI.String()
		if other, taken := e[m.Value]; slices.Contains(uris, uri) || taken && other != uri {
			continue
		}
		e[m.Value] = uri
		uris = append(uris, uri)
		lines = append(lines, a.Value)
	}
	return lines
}

// writeTracks tells which RTP streams the client sends: by rid, or else by the SSRC of its one track. More SSRCs in an
// m-line would be Plan B, a dialect from before RFC 8829.
func (s *section) writeTracks(md *sdp.MediaDescription) {
	md.WithValueAttribute(sdp.AttrKeyMsid, s.msid())
	if len(s.RIDs) > 0 {
		list := make([]string, len(s.RIDs))
		for i, id := range s.RIDs {
			md.WithValueAttribute("rid", id+" send")
			if list[i] = id; s.paused[id] {
				list[i] = "~" + id
			}
		}
		md.WithValueAttribute("simulcast", "send "+strings.Join(list, ";"))
		return
	}
	ssrcs, groups := s.trackSSRCs()
	for _, g := range groups {
		md.WithValueAttribute(sdp.AttrKeySSRCGroup, g)
	}
	for _, v := range values(s.Attributes, sdp.AttrKeySSRC) {
		if ssrc, _, _ := strings.Cut(v, " "); slices.Contains(ssrcs, ssrc) {
			md.WithValueAttribute(sdp.AttrKeySSRC, v)
		}
	}
}

// trackSSRCs gives the SSRC of the m-line's first track with the SSRCs of its retransmissions and repairs, and the groups
// that tie them together (RFC 5576 section 4.2).
func (s *section) trackSSRCs() (ssrcs, groups []string) {
	var pairs [][]string // semantics, base, repair
	repairs := make(map[string]bool)
	for _, v := range values(s.Attributes, sdp.AttrKeySSRCGroup) {
		f := strings.Fields(v)
		if len(f) == 3 && (f[0] == sdp.SemanticTokenFlowIdentification || f[0] == sdp.SemanticTokenForwardErrorCorrectionFramework) {
			pairs = append(pairs, f)
			repairs[f[2]] = true
		}
	}
	for _, v := range values(s.Attributes, sdp.AttrKeySSRC) {
		ssrc, _, _ := strings.Cut(v, " ")
		if _, err := strconv.ParseUint(ssrc, 10, 32); err == nil && !repairs[ssrc] {
			ssrcs = append(ssrcs, ssrc)
			break
		}
	}
	for _, f := range pairs {
		_, err := strconv.ParseUint(f[2], 10, 32)
		if len(ssrcs) > 0 && f[1] == ssrcs[0] && f[2] != f[1] && err == nil {
			ssrcs = append(ssrcs, f[2])
			groups = append(groups, strings.Join(f, " "))
		}
	}
	return ssrcs, groups
}
