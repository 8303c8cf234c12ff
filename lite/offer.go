package lite

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/stun/v4"

	"bongsu/broadcast"
)

// ErrOdd marks an offer that this transport does not answer: a PeerConnection may.
var ErrOdd = errors.New("the offer asks for more than the lean transport has")

// Offer is what a viewer offers.
type Offer struct {
	SDP     string // normalized: what is in it is valid, and each m-line says all of its transport
	Passive bool   // the client waits for the DTLS handshake (a=setup:passive)
	Formats []broadcast.Format
	Data    bool // data channels are accepted, if it has an m-line for them
}

// offer is an offer while it is answered.
type offer struct {
	description sdp.SessionDescription
	credentials credentials
	fingerprint fingerprint
	tracks      [2]*track
	data        bool            // it has an m-line of data channels
	maxMessage  uint32          // that the client takes on them, in bytes
	formats     map[string]bool // accepted payload types, those of RTX among them
}

func odd(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOdd, fmt.Sprintf(format, args...))
}

// readOffer reads an offer and takes a part in it, or gives ErrOdd.
func readOffer(in Offer) (*offer, error) {
	if in.Passive {
		return nil, odd("it waits for the DTLS handshake (a=setup:passive)")
	}
	o := &offer{formats: map[string]bool{}}
	if err := o.description.UnmarshalString(in.SDP); err != nil {
		return nil, odd("it is not readable: %v", err)
	}
	if _, lite := o.description.Attribute(sdp.AttrKeyICELite); lite {
		return nil, odd("its ICE agent is a lite one, as is ours")
	}
	if err := o.checkBundle(); err != nil {
		return nil, err
	}
	for i, md := range o.description.MediaDescriptions {
		if err := o.readMedia(md, in.Formats, i == 0); err != nil {
			return nil, err
		}
	}
	if o.tracks[broadcast.Audio] == nil && o.tracks[broadcast.Video] == nil {
		return nil, odd("it has neither audio nor video")
	}
	return o, nil
}

// checkBundle wants all m-lines on one transport (RFC 9143).
func (o *offer) checkBundle() error {
	group, _ := o.description.Attribute(sdp.AttrKeyGroup)
	mids := strings.Fields(group)
	if len(mids) == 0 || mids[0] != "BUNDLE" {
		return odd("it has no BUNDLE group")
	}
	for _, md := range o.description.MediaDescriptions {
		if mid, _ := md.Attribute(sdp.AttrKeyMID); mid == "" || !slices.Contains(mids[1:], mid) {
			return odd("mid %q is not in the BUNDLE group", mid)
		}
	}
	return nil
}

func (o *offer) readMedia(md *sdp.MediaDescription, formats []broadcast.Format, first bool) error {
	protocol := strings.Join(md.MediaName.Protos, "/")
	switch md.MediaName.Media {
	case "application":
		if !isData(md) {
			return odd("%s is not a data channel", protocol)
		}
		o.data, o.maxMessage = true, readMaxMessage(md)
	case "audio", "video":
		if protocol != "UDP/TLS/RTP/SAVPF" && protocol != "UDP/TLS/RTP/SAVP" {
			return odd("its protocol is %s", protocol)
		}
		if err := o.readCodecs(md, formats); err != nil {
			return err
		}
	default:
		return odd("it has an m-line of %s", md.MediaName.Media)
	}
	return o.readTransport(md, first)
}

func isData(md *sdp.MediaDescription) bool {
	switch strings.Join(md.MediaName.Protos, "/") {
	case "UDP/DTLS/SCTP", "DTLS/SCTP":
		return len(md.MediaName.Formats) == 1
	}
	return false
}

// readMaxMessage reads what the client takes: 64 KiB where it says nothing, anything where it says 0 (RFC 8841 section 6.1).
func readMaxMessage(md *sdp.MediaDescription) uint32 {
	value, ok := md.Attribute("max-message-size")
	if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64); ok && err == nil && (n == 0 || n > maxMessage) {
		return maxMessage
	} else if ok && err == nil {
		return uint32(n)
	}
	return 64 << 10
}

// readTransport reads ICE and DTLS parameters, which must be the same everywhere.
func (o *offer) readTransport(md *sdp.MediaDescription, first bool) error {
	if setup, _ := md.Attribute(sdp.AttrKeyConnectionSetup); setup != "actpass" && setup != "active" {
		return odd("its DTLS role is %q", setup)
	}
	ufrag, _ := md.Attribute("ice-ufrag")
	password, _ := md.Attribute("ice-pwd")
	value, _ := md.Attribute("fingerprint")
	f, ok := parseFingerprint(value)
	switch {
	case ufrag == "" || password == "":
		return odd("it has no ICE credentials")
	case !ok:
		return odd("its certificate fingerprint is not readable")
	case first:
		o.credentials = credentials{strings.Clone(ufrag), stun.NewShortTermIntegrity(password)}
		o.fingerprint = f
	case ufrag != o.credentials.ufrag || password != string(o.credentials.key) || f.String() != o.fingerprint.String():
		return odd("its m-lines have different transports")
	}
	return nil
}

// readCodecs takes all of the supported codecs, so that a source with another codec can follow without a new offer.
func (o *offer) readCodecs(md *sdp.MediaDescription, formats []broadcast.Format) error {
	kind := broadcast.Audio
	if md.MediaName.Media == "video" {
		kind = broadcast.Video
	}
	if _, mux := md.Attribute(sdp.AttrKeyRTCPMux); !mux {
		return odd("its RTCP has a port of its own")
	}
	if o.tracks[kind] != nil {
		return odd("it has two m-lines of %s", kind)
	}
	var mine []broadcast.Format
	for _, f := range formats {
		if f.Kind() != kind || !slices.Contains(md.MediaName.Formats, payload(f.PayloadType)) {
			continue
		}
		if !slices.Contains(md.MediaName.Formats, payload(f.RTX)) {
			f.RTX = 0
		}
		mine = append(mine, f)
		o.formats[payload(f.PayloadType)] = true
		if f.RTX != 0 {
			o.formats[payload(f.RTX)] = true
		}
	}
	if len(mine) == 0 {
		return odd("none of its codecs for %s is known", kind)
	}
	o.tracks[kind] = newTrack(kind, mine)
	return nil
}

// payload is a payload type as SDP writes it.
func payload(pt uint8) string { return strconv.Itoa(int(pt)) }
