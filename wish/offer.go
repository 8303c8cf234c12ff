package wish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"bongsu/broadcast"
)

// Role is the side that the client takes.
type Role int

// The roles: a WHIP client publishes, a WHEP client plays.
const (
	Publish Role = iota
	Play
)

const (
	kindAudio       = "audio"
	kindVideo       = "video"
	kindApplication = "application"
)

// offered is the direction that the normalized offer gives an RTP m-line.
func (r Role) offered() string {
	if r == Play {
		return sdp.AttrKeyRecvOnly
	}
	return sdp.AttrKeySendOnly
}

// answered is the direction of the answer (RFC 9725 section 4.2, whep-03 section 4.3.5).
func (r Role) answered() string {
	if r == Play {
		return sdp.AttrKeySendOnly
	}
	return sdp.AttrKeyRecvOnly
}

// Offer is an SDP offer that has passed every check that needs no server state.
type Offer struct {
	Role    Role
	SDP     string  // normalized, CRLF line ends, one BUNDLE group, explicit directions, supported codecs only
	Media   []Media // the m-lines in their order
	Passive bool    // a=setup:passive: the server must be the DTLS client (RFC 8842 section 5)

	setup      string
	ufrag, pwd string
}

// Media is an m-line of an offer.
type Media struct {
	Index  int             // the m-line's place, from 0
	Mid    string          // an opaque token (RFC 5888)
	Kind   string          // "audio", "video", or "application" for a data channel
	Codecs []Codec         // those that this server supports, in the offered order
	RIDs   []string        // the simulcast layers that the client sends, in its order (RFC 8853)
	RTX    map[uint8]uint8 // retransmission payload type -> the payload type that it repairs (RFC 4588)

	protocol []string // "UDP", "TLS", "RTP", "SAVPF"
	formats  []string
	rsize    bool // a=rtcp-rsize
}

// Codec is a codec as an offer names it.
type Codec struct {
	broadcast.Codec
	PayloadType uint8
	Feedback    []string // RTCP feedback, as after the payload type in a=rtcp-fb: "nack pli" (RFC 4585 section 4.2)
}

// String names the m-line in errors.
func (m *Media) String() string {
	return fmt.Sprintf("m-line %d (%s, mid %q)", m.Index, m.Kind, m.Mid)
}

func (m *Media) unprocessable(format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrUnprocessable, m, fmt.Sprintf(format, args...))
}

func (m *Media) malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrMalformed, m, fmt.Sprintf(format, args...))
}

func (m *Media) isRTP() bool { return m.Kind == kindAudio || m.Kind == kindVideo }

// section is an m-line while its offer is read.
type section struct {
	Media
	*sdp.MediaDescription
	paused     map[string]bool // of RIDs, the ones that start paused (RFC 8853 section 5.2)
	extensions []string        // values of a=extmap
	bundled    bool
}

func (s *section) has(key string) bool {
	_, ok := s.Attribute(key)
	return ok
}

// ParseOffer checks an offer and normalizes it, so that what real clients send is what a WebRTC stack expects: line ends,
// BUNDLE groups, broken candidates and missing lines are repaired where the meaning is plain. Errors wrap ErrTooLarge,
// ErrMalformed (it can't be read) or ErrUnprocessable (it can, but RFC 9725 section 4.4 or this server doesn't allow it),
// and say which m-line is at fault and what to do.
func ParseOffer(body []byte, role Role) (*Offer, error) {
	text, err := cleanText(body)
	if err != nil {
		return nil, err
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: not readable as SDP: %w; send the SDP of an offer unchanged", ErrMalformed, err)
	}
	sections, err := readSections(&d, role)
	if err != nil {
		return nil, err
	}
	tagged, err := bundle(&d, sections)
	if err != nil {
		return nil, err
	}
	t, err := readTransport(&d, sections, tagged)
	if err != nil {
		return nil, err
	}
	numbers := make(extensions)
	for _, s := range sections {
		s.extensions = numbers.read(&d, s)
	}
	if role == Publish {
		if err := checkTracks(sections); err != nil {
			return nil, err
		}
	}
	o := &Offer{Role: role, Passive: t.setup == "passive", setup: t.setup, ufrag: strings.Clone(t.ufrag), pwd: strings.Clone(t.pwd)}
	for _, s := range sections {
		o.Media = append(o.Media, s.Media)
	}
	o.SDP, err = normalize(&d, sections, tagged, t, role)
	return o, err
}

// cleanText gives the offer with CRLF line ends, also after the last line, whatever it had.
func cleanText(body []byte) (string, error) {
	switch {
	case len(body) > maxOffer:
		return "", fmt.Errorf("%w: %d bytes; at most %d are allowed", ErrTooLarge, len(body), maxOffer)
	case len(strings.TrimSpace(string(body))) == 0:
		return "", fmt.Errorf("%w: the body is empty; send an SDP offer, this server makes none itself", ErrMalformed)
	}
	var text strings.Builder
	for line := range strings.SplitSeq(strings.TrimPrefix(string(body), "\ufeff"), "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" {
			continue
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return "", fmt.Errorf("%w: a line holds a control character: %.40q", ErrMalformed, line)
		}
		text.WriteString(line)
		text.WriteString("\r\n")
	}
	return text.String(), nil
}

// readSections reads the m-lines and checks their numbers: at most one of each kind, and something to send or watch
// (RFC 9725 section 4.4.2).
func readSections(d *sdp.SessionDescription, role Role) ([]*section, error) {
	if len(d.MediaDescriptions) == 0 {
		return nil, fmt.Errorf("%w: it has no m-line; offer audio, video or both", ErrMalformed)
	}
	var sections []*section
	count := make(map[string]int)
	for i, md := range d.MediaDescriptions {
		s := &section{MediaDescription: md}
		s.Index, s.Kind, s.protocol, s.formats = i, md.MediaName.Media, md.MediaName.Protos, md.MediaName.Formats
		s.Mid, _ = md.Attribute(sdp.AttrKeyMID)
		if count[s.Kind]++; count[s.Kind] > 1 {
			return nil, s.unprocessable("there is more than one %s m-line; offer one of a kind", s.Kind)
		}
		if err := s.read(d, role); err != nil {
			return nil, err
		}
		sections = append(sections, s)
	}
	if count[kindAudio]+count[kindVideo] == 0 {
		return nil, fmt.Errorf("%w: it has neither an audio nor a video m-line; offer at least one", ErrUnprocessable)
	}
	return sections, nil
}

func (s *section) read(d *sdp.SessionDescription, role Role) error {
	if s.Kind == kindApplication {
		if !slices.Contains(s.protocol, "SCTP") {
			return s.unprocessable("only a WebRTC data channel (UDP/DTLS/SCTP) can be offered as application, not %s", strings.Join(s.protocol, "/"))
		}
		return nil
	}
	if !s.isRTP() {
		return s.unprocessable("media of this kind is not supported; remove the m-line")
	}
	if !slices.Contains(s.protocol, "SAVPF") && !slices.Contains(s.protocol, "SAVP") {
		return s.unprocessable("%s is not encrypted; offer UDP/TLS/RTP/SAVPF", strings.Join(s.protocol, "/"))
	}
	s.rsize = s.has(sdp.AttrKeyRTCPRsize)
	if err := s.checkDirection(d, role); err != nil {
		return err
	}
	if err := s.readCodecs(); err != nil {
		return err
	}
	if role == Publish {
		return s.readRIDs()
	}
	return nil
}

// checkDirection refuses what the client may not offer in its role (RFC 9725 section 4.2, whep-03 section 4.3.5). No
// direction at all means sendrecv (RFC 8866 section 6.7).
func (s *section) checkDirection(d *sdp.SessionDescription, role Role) error {
	direction := directionOf(s.Attributes)
	if direction == "" {
		direction = directionOf(d.Attributes)
	}
	if direction == "" || direction == sdp.AttrKeySendRecv || direction == role.offered() {
		return nil
	}
	does := "publishes"
	if role == Play {
		does = "plays"
	}
	return s.unprocessable("its direction is %s, but a client that %s here offers %s (sendrecv is fine too)", direction, does, role.offered())
}

func directionOf(attributes []sdp.Attribute) string {
	for _, a := range attributes {
		switch a.Key {
		case sdp.AttrKeySendRecv, sdp.AttrKeySendOnly, sdp.AttrKeyRecvOnly, sdp.AttrKeyInactive:
			return a.Key
		}
	}
	return ""
}
