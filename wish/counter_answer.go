package wish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"bongsu/broadcast"
)

// Answer is a player's SDP answer to an offer of the server (whep-03 section 4.3.2) that has passed every check that needs
// neither the offer nor server state.
type Answer struct {
	SDP   string  // normalized, as that of an Offer; what the player refuses has port 0
	Media []Media // the m-lines in their order; a refused one has no codecs

	ufrag, pwd string
}

// Formats lists the answer's supported codecs under its payload types, in its order of preference.
func (a *Answer) Formats() []broadcast.Format { return formats(a.Media) }

// ParseAnswer checks an answer and normalizes it as ParseOffer does with an offer. It may refuse sound or picture, but not
// both. Its errors wrap the same.
func ParseAnswer(body []byte) (*Answer, error) {
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil, fmt.Errorf("%w: the body is empty; send the SDP answer to the server's offer", ErrMalformed)
	}
	text, err := cleanText(body)
	if err != nil {
		return nil, err
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: not readable as SDP: %w; send the SDP of an answer unchanged", ErrMalformed, err)
	}
	all := d.MediaDescriptions
	d.MediaDescriptions = slices.DeleteFunc(slices.Clone(all), refused)
	if len(all) > 0 && len(d.MediaDescriptions) == 0 {
		return nil, fmt.Errorf("%w: the answer refuses sound and picture; answer with a codec of the offer", ErrUnprocessable)
	}
	a, err := readAnswer(&d)
	if err != nil {
		return nil, err
	}
	if err := a.addRefused(all); err != nil {
		return nil, err
	}
	return a, nil
}

// refused tells m-lines that an answer refuses (RFC 3264 section 6). In a bundle, port 0 alone does not say so.
func refused(md *sdp.MediaDescription) bool {
	_, bundled := md.Attribute("bundle-only")
	return md.MediaName.Port.Value == 0 && !bundled
}

// readAnswer reads what an answer accepts.
func readAnswer(d *sdp.SessionDescription) (*Answer, error) {
	sections, err := readSections(d, Play)
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		if err := s.checkAnswered(d); err != nil {
			return nil, err
		}
	}
	tagged, err := bundle(d, sections)
	if err != nil {
		return nil, err
	}
	t, err := readTransport(d, sections, tagged)
	if err != nil {
		return nil, err
	}
	if t.setup == "actpass" {
		if first(places(d, sections, tagged), sdp.AttrKeyConnectionSetup) != nil {
			return nil, tagged.malformed("a=setup:actpass is for offers; answer active or passive (RFC 8842 section 5.3)")
		}
		t.setup = "active" // not said
	}
	a := &Answer{ufrag: strings.Clone(t.ufrag), pwd: strings.Clone(t.pwd)}
	for _, s := range sections {
		a.Media = append(a.Media, s.Media)
	}
	if a.SDP, err = normalize(d, sections, tagged, t, Play); err != nil {
		return nil, err
	}
	return a, nil
}

// checkAnswered: a player takes, and sends nothing (whep-03 section 4.3.5).
func (s *section) checkAnswered(d *sdp.SessionDescription) error {
	direction := directionOf(s.Attributes)
	if direction == "" {
		direction = directionOf(d.Attributes)
	}
	if s.isRTP() && direction != sdp.AttrKeyRecvOnly {
		return s.unprocessable("its direction is %q, but a player answers recvonly", direction)
	}
	return nil
}

// addRefused puts the refused ones of all m-lines back into their places.
func (a *Answer) addRefused(all []*sdp.MediaDescription) error {
	if len(all) == len(a.Media) {
		return nil
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(a.SDP); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for i, md := range all {
		if !refused(md) {
			a.Media[i].Index = i
			continue
		}
		m := Media{Index: i, Kind: md.MediaName.Media}
		m.Mid, _ = md.Attribute(sdp.AttrKeyMID)
		off := &sdp.MediaDescription{
			MediaName:             sdp.MediaName{Media: m.Kind, Protos: md.MediaName.Protos, Formats: md.MediaName.Formats},
			ConnectionInformation: d.MediaDescriptions[0].ConnectionInformation,
		}
		off.WithValueAttribute(sdp.AttrKeyMID, m.Mid).WithPropertyAttribute(sdp.AttrKeyInactive)
		a.Media = slices.Insert(a.Media, i, m)
		d.MediaDescriptions = slices.Insert(d.MediaDescriptions, i, off)
	}
	text, err := d.Marshal()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	a.SDP = string(text)
	return nil
}
