package wish

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// maxAnswer is what FFmpeg reads of an answer, with its closing zero (MAX_SDP_SIZE).
const maxAnswer = 8192 - 1

// AnswerOptions say what FinishAnswer can't know.
type AnswerOptions struct {
	Loopback bool // the client came by loopback, and may be told loopback candidates
}

// FinishAnswer turns the answer of a WebRTC stack to o into the one that goes out: all m-lines accepted or none
// (ErrUnprocessable, RFC 9725 section 4.4.3), the right directions, rtcp-mux-only (section 4.4.1), one complete list of
// candidates (section 4.3.2), stereo for Opus (RFC 7587 section 6.1), CRLF line ends and less than 8 KiB. Other errors
// mean that the stack's answer doesn't fit the offer.
func FinishAnswer(answer string, o *Offer, opt AnswerOptions) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", fmt.Errorf("unreadable answer: %w", err)
	}
	if len(d.MediaDescriptions) != len(o.Media) {
		return "", fmt.Errorf("the answer has %d m-lines, the offer %d", len(d.MediaDescriptions), len(o.Media))
	}
	var candidates []string
	for _, md := range d.MediaDescriptions {
		candidates = append(candidates, values(md.Attributes, sdp.AttrKeyCandidate)...)
	}
	candidates = ourCandidates(candidates, opt.Loopback)
	var accepted []*sdp.MediaDescription
	group := []string{"BUNDLE"}
	for i, md := range d.MediaDescriptions {
		ok, err := finishMedia(md, &o.Media[i], o)
		if err != nil {
			return "", err
		}
		if ok {
			accepted = append(accepted, md)
			group = append(group, o.Media[i].Mid)
		}
	}
	if accepted == nil {
		return "", errors.New("the answer accepts no m-line")
	}
	d.Attributes = slices.DeleteFunc(d.Attributes, func(a sdp.Attribute) bool { return a.Key == sdp.AttrKeyGroup })
	d.WithValueAttribute(sdp.AttrKeyGroup, strings.Join(group, " "))
	return marshalAnswer(&d, accepted[0], candidates)
}

// marshalAnswer puts the candidates into the m-line that describes the transport, as many as fit.
func marshalAnswer(d *sdp.SessionDescription, tagged *sdp.MediaDescription, candidates []string) (string, error) {
	rest := tagged.Attributes
	for n := len(candidates); ; n-- {
		tagged.Attributes = slices.Clone(rest)
		for _, c := range candidates[:n] {
			tagged.WithValueAttribute(sdp.AttrKeyCandidate, c)
		}
		tagged.WithPropertyAttribute(sdp.AttrKeyEndOfCandidates)
		text, err := d.Marshal()
		if err != nil {
			return "", fmt.Errorf("unwritable answer: %w", err)
		}
		if len(text) <= maxAnswer || n <= 1 {
			return string(text), nil
		}
	}
}

// finishMedia reports whether the m-line is accepted. A data channel may be refused, audio and video may not.
func finishMedia(md *sdp.MediaDescription, m *Media, o *Offer) (bool, error) {
	if md.MediaName.Media != m.Kind {
		return false, fmt.Errorf("%s is answered by an m-line of %s", m, md.MediaName.Media)
	}
	md.Attributes = slices.DeleteFunc(md.Attributes, func(a sdp.Attribute) bool {
		return a.Key == sdp.AttrKeyCandidate || a.Key == sdp.AttrKeyEndOfCandidates
	})
	md.MediaName.Protos = m.protocol
	if md.MediaName.Port.Value == 0 {
		if m.isRTP() {
			return false, m.unprocessable("none of its codecs (%s) can be used for this stream; offer another", m.codecNames())
		}
		md.MediaName.Formats = m.formats
		return false, nil
	}
	if err := finishSetup(md, o); err != nil {
		return false, fmt.Errorf("%s: %w", m, err)
	}
	if !m.isRTP() {
		finishData(md, m)
		return true, nil
	}
	finishDirection(md, o.Role)
	finishRTCP(md, m)
	finishOpus(md, m)
	return true, nil
}

func (m *Media) codecNames() string {
	var names []string
	for _, c := range m.Codecs {
		if !slices.Contains(names, c.Name()) {
			names = append(names, c.Name())
		}
	}
	return strings.Join(names, ", ")
}

// finishSetup makes sure that one side, and only one, starts DTLS (RFC 8842 section 5.3).
func finishSetup(md *sdp.MediaDescription, o *Offer) error {
	role, _ := md.Attribute(sdp.AttrKeyConnectionSetup)
	switch {
	case role == "active" || role == "passive":
	case o.Passive:
		role = "active"
	default:
		role = "passive"
	}
	if role == o.setup {
		return fmt.Errorf("offer and answer are both setup:%s", role)
	}
	md.Attributes = slices.DeleteFunc(md.Attributes, func(a sdp.Attribute) bool { return a.Key == sdp.AttrKeyConnectionSetup })
	md.WithValueAttribute(sdp.AttrKeyConnectionSetup, role)
	return nil
}

// finishData answers in the offer's form: before RFC 8841 it was "DTLS/SCTP 5000" with a=sctpmap, which aiortc still uses.
func finishData(md *sdp.MediaDescription, m *Media) {
	md.MediaName.Formats = m.formats
	if slices.Contains(m.formats, "webrtc-datachannel") || len(m.formats) == 0 {
		return
	}
	if _, ok := md.Attribute("sctpmap"); !ok {
		md.WithValueAttribute("sctpmap", m.formats[0]+" webrtc-datachannel 65535")
	}
}

// finishDirection leaves an m-line inactive that has nothing to carry.
func finishDirection(md *sdp.MediaDescription, role Role) {
	for i, a := range md.Attributes {
		switch a.Key {
		case sdp.AttrKeyInactive:
			return
		case sdp.AttrKeySendRecv, sdp.AttrKeySendOnly, sdp.AttrKeyRecvOnly:
			md.Attributes[i].Key = role.answered()
			return
		}
	}
	md.WithPropertyAttribute(role.answered())
}

// finishRTCP: multiplexing is settled (RFC 8858), reduced size is only for who offered it (RFC 5506 section 5).
func finishRTCP(md *sdp.MediaDescription, m *Media) {
	md.Attributes = slices.DeleteFunc(md.Attributes, func(a sdp.Attribute) bool {
		return a.Key == sdp.AttrKeyRTCPMux || a.Key == "rtcp-mux-only" || a.Key == sdp.AttrKeyRTCPRsize && !m.rsize
	})
	md.WithPropertyAttribute(sdp.AttrKeyRTCPMux).WithPropertyAttribute("rtcp-mux-only")
}

// finishOpus asks for stereo and announces it; without both, browsers send and play one channel.
func finishOpus(md *sdp.MediaDescription, m *Media) {
	for _, c := range m.Codecs {
		format := fmt.Sprint(c.PayloadType)
		if !strings.EqualFold(c.Name(), "opus") || !slices.Contains(md.MediaName.Formats, format) {
			continue
		}
		i := slices.IndexFunc(md.Attributes, func(a sdp.Attribute) bool {
			return a.Key == "fmtp" && strings.HasPrefix(a.Value, format+" ")
		})
		if i < 0 {
			md.WithValueAttribute("fmtp", format+" stereo=1;sprop-stereo=1")
			continue
		}
		kept := slices.DeleteFunc(strings.Split(md.Attributes[i].Value[len(format)+1:], ";"), func(p string) bool {
			key, _, _ := strings.Cut(strings.TrimSpace(p), "=")
			return key == "" || strings.EqualFold(key, "stereo") || strings.EqualFold(key, "sprop-stereo")
		})
		md.Attributes[i].Value = format + " " + strings.Join(append(kept, "stereo=1", "sprop-stereo=1"), ";")
	}
}
