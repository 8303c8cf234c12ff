package lite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"bongsu/broadcast"
)

// streamID is the msid of all that a viewer gets: picture and sound belong together (RFC 8830).
const streamID = "bongsu"

// Answer answers an offer. The answer has all that is needed: complete candidates, which lead to the sockets of the port, and
// all codecs that both sides know. The error is ErrOdd for an offer that only a full PeerConnection can answer.
func (v *Server) Answer(in Offer) (answer string, s *Session, err error) {
	o, err := readOffer(in)
	if err != nil {
		return "", nil, err
	}
	o.data = o.data && in.Data
	s = newSession(v, o)
	if err := v.add(s); err != nil {
		return "", nil, err
	}
	text, err := v.describe(o, s.current.own).Marshal()
	if err != nil {
		_ = s.Close()
		return "", nil, fmt.Errorf("unwritable answer: %w", err)
	}
	return string(text), s, nil
}

// describe writes the answer.
func (v *Server) describe(o *offer, own credentials) *sdp.SessionDescription {
	d := &sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionID: rand.Uint64() >> 1, SessionVersion: 1, //nolint:gosec // a name, no secret (RFC 8829 section 5.2.1)
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: "0.0.0.0",
		},
		SessionName:      "-",
		TimeDescriptions: []sdp.TimeDescription{{}},
	}
	group := []string{"BUNDLE"}
	for _, offered := range o.description.MediaDescriptions {
		md := v.describeMedia(o, offered, own)
		if md.MediaName.Port.Value != 0 {
			mid, _ := offered.Attribute(sdp.AttrKeyMID)
			if len(group) == 1 {
				v.addCandidates(md)
			}
			group = append(group, mid)
		}
		d.MediaDescriptions = append(d.MediaDescriptions, md)
	}
	d.WithValueAttribute(sdp.AttrKeyGroup, strings.Join(group, " "))
	d.WithPropertyAttribute(sdp.AttrKeyICELite)
	d.WithValueAttribute(sdp.AttrKeyICEOptions, "ice2 trickle")
	d.WithValueAttribute(sdp.AttrKeyMsidSemantic, "WMS *")
	return d
}

func (v *Server) describeMedia(o *offer, offered *sdp.MediaDescription, own credentials) *sdp.MediaDescription {
	md := &sdp.MediaDescription{
		MediaName: sdp.MediaName{Media: offered.MediaName.Media, Port: sdp.RangedPort{Value: 9}, Protos: offered.MediaName.Protos},
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"},
		},
	}
	mid, _ := offered.Attribute(sdp.AttrKeyMID)
	md.WithValueAttribute(sdp.AttrKeyMID, mid)
	application := offered.MediaName.Media == "application"
	if application {
		md.MediaName.Formats = offered.MediaName.Formats
	}
	if application && !o.data {
		md.MediaName.Port.Value = 0
		return md
	}
	md.WithValueAttribute("ice-ufrag", own.ufrag)
	md.WithValueAttribute("ice-pwd", string(own.key))
	md.WithValueAttribute("fingerprint", v.fingerprint)
	md.WithValueAttribute(sdp.AttrKeyConnectionSetup, "passive")
	if application {
		return describeData(md)
	}
	md.WithPropertyAttribute(sdp.AttrKeySendOnly)
	md.WithPropertyAttribute(sdp.AttrKeyRTCPMux)
	if _, rsize := offered.Attribute(sdp.AttrKeyRTCPRsize); rsize {
		md.WithPropertyAttribute(sdp.AttrKeyRTCPRsize)
	}
	o.writeCodecs(md, offered)
	kind := broadcast.Audio
	if md.MediaName.Media == "video" {
		kind = broadcast.Video
	}
	o.tracks[kind].describe(md)
	return md
}

// describeData answers in the form of the offer: RFC 8841, or the draft before it that aiortc still writes.
func describeData(md *sdp.MediaDescription) *sdp.MediaDescription {
	if format := md.MediaName.Formats[0]; format == "webrtc-datachannel" {
		md.WithValueAttribute("sctp-port", "5000")
	} else {
		md.WithValueAttribute("sctpmap", format+" webrtc-datachannel 65535")
	}
	return md.WithValueAttribute("max-message-size", strconv.Itoa(maxMessage))
}

// writeCodecs repeats what the offer says of the accepted payload types, in its order of preference.
func (o *offer) writeCodecs(md, offered *sdp.MediaDescription) {
	for _, pt := range offered.MediaName.Formats {
		if !o.formats[pt] {
			continue
		}
		md.MediaName.Formats = append(md.MediaName.Formats, pt)
		for _, key := range []string{"rtpmap", "fmtp", "rtcp-fb"} {
			for _, a := range offered.Attributes {
				if of, rest, _ := strings.Cut(a.Value, " "); a.Key == key && of == pt && (key != "rtcp-fb" || isFeedback(rest)) {
					md.Attributes = append(md.Attributes, a)
				}
			}
		}
	}
}

// isFeedback tells which RTCP feedback is of use to us.
func isFeedback(value string) bool {
	return slices.Contains([]string{"nack", "nack pli", "ccm fir"}, value)
}

// describe writes the RTP streams of a track: its own, and that of its retransmissions (RFC 5576, RFC 4588 section 8.8).
func (t *track) describe(md *sdp.MediaDescription) {
	msid := streamID + " " + md.MediaName.Media
	md.WithValueAttribute(sdp.AttrKeyMsid, msid)
	ssrcs := []uint32{t.ssrc}
	if t.rtxSSRC != 0 {
		ssrcs = append(ssrcs, t.rtxSSRC)
		md.WithValueAttribute(sdp.AttrKeySSRCGroup, fmt.Sprintf("%s %d %d", sdp.SemanticTokenFlowIdentification, t.ssrc, t.rtxSSRC))
	}
	for _, ssrc := range ssrcs {
		md.WithValueAttribute(sdp.AttrKeySSRC, fmt.Sprintf("%d cname:%s", ssrc, cname))
		md.WithValueAttribute(sdp.AttrKeySSRC, fmt.Sprintf("%d msid:%s", ssrc, msid))
	}
}

func (v *Server) addCandidates(md *sdp.MediaDescription) {
	for _, c := range v.candidates {
		md.WithValueAttribute(sdp.AttrKeyCandidate, c)
	}
	md.WithPropertyAttribute(sdp.AttrKeyEndOfCandidates)
}
