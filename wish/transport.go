package wish

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// transport is what an offer says of its one ICE and DTLS transport.
type transport struct {
	ufrag, pwd  string
	fingerprint string // "sha-256 AB:CD:..."
	setup       string // "actpass", "active" or "passive"
	options     string // a=ice-options, its tokens apart by spaces
	lite        bool
	candidates  []string // values of a=candidate, each complete and usable
	complete    bool     // a=end-of-candidates
}

// bundle checks that all m-lines share one transport (RFC 9725 section 4.4.1, RFC 9143) and gives the one that describes
// it: the first in the BUNDLE group that exists. FFmpeg names absent mids there, and a lone m-line needs no group.
func bundle(d *sdp.SessionDescription, sections []*section) (*section, error) {
	mids, err := collectMids(sections)
	if err != nil {
		return nil, err
	}
	var tagged *section
	for _, mid := range bundledMids(d) {
		if s := mids[mid]; s != nil {
			s.bundled = true
			if tagged == nil {
				tagged = s
			}
		}
	}
	if len(sections) == 1 {
		tagged = sections[0]
		tagged.bundled = true
	}
	for _, s := range sections {
		if !s.bundled && s.MediaName.Port.Value == 0 && tagged != nil {
			return nil, s.unprocessable("it is switched off (port 0); make the offer on a new connection, without it")
		}
		if !s.bundled {
			return nil, s.unprocessable("it is not in the a=group:BUNDLE line; offer all m-lines on one transport (bundlePolicy \"max-bundle\")")
		}
		if s.isRTP() && !s.hasMux() && !tagged.hasMux() {
			return nil, s.unprocessable("a=rtcp-mux is missing; offer RTP and RTCP on one port (rtcpMuxPolicy \"require\")")
		}
	}
	return tagged, nil
}

// hasMux: in a bundle, the tagged m-line speaks for the others (RFC 9143 section 7.1.3).
func (s *section) hasMux() bool { return s.has(sdp.AttrKeyRTCPMux) || s.has("rtcp-mux-only") }

func collectMids(sections []*section) (map[string]*section, error) {
	mids := make(map[string]*section)
	for _, s := range sections {
		if s.Mid == "" && len(sections) == 1 {
			s.Mid = "0"
		}
		if strings.ContainsAny(s.Mid, " \t") || len(s.Mid) > 255 {
			return nil, s.malformed("a mid is one word of at most 255 bytes")
		}
		if other := mids[s.Mid]; other != nil && s.Mid != "" {
			return nil, s.malformed("m-line %d has the same mid; give each its own", other.Index)
		}
		mids[s.Mid] = s
	}
	return mids, nil
}

func bundledMids(d *sdp.SessionDescription) []string {
	for _, a := range d.Attributes {
		if fields := strings.Fields(a.Value); a.Key == sdp.AttrKeyGroup && len(fields) > 0 && fields[0] == "BUNDLE" {
			return fields[1:]
		}
	}
	return nil
}

// places are where a transport attribute may stand: in the m-line that describes the transport, at session level, and,
// because some clients forget the rules, in any other m-line.
func places(d *sdp.SessionDescription, sections []*section, tagged *section) [][]sdp.Attribute {
	all := [][]sdp.Attribute{tagged.Attributes, d.Attributes}
	for _, s := range sections {
		if s != tagged {
			all = append(all, s.Attributes)
		}
	}
	return all
}

func values(attributes []sdp.Attribute, key string) []string {
	var all []string
	for _, a := range attributes {
		if a.Key == key {
			all = append(all, strings.TrimSpace(a.Value))
		}
	}
	return all
}

func first(where [][]sdp.Attribute, key string) []string {
	for _, attributes := range where {
		if v := values(attributes, key); len(v) > 0 {
			return v
		}
	}
	return nil
}

func readTransport(d *sdp.SessionDescription, sections []*section, tagged *section) (*transport, error) {
	where := places(d, sections, tagged)
	t := &transport{setup: "actpass"}
	if err := t.readCredentials(where, tagged); err != nil {
		return nil, err
	}
	if err := t.readFingerprint(where, tagged); err != nil {
		return nil, err
	}
	if v := first(where, sdp.AttrKeyConnectionSetup); v != nil {
		t.setup = strings.ToLower(v[0])
	}
	switch t.setup {
	case "actpass", "active", "passive":
	case "holdconn":
		return nil, tagged.unprocessable("a=setup:holdconn opens no connection; offer actpass")
	default:
		return nil, tagged.malformed("a=setup:%.32s is none of actpass, active, passive (RFC 4145 section 4)", t.setup)
	}
	for _, v := range first(where, sdp.AttrKeyICEOptions) { // old OBS writes "ice2,trickle"
		for _, option := range strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' }) {
			if isToken(option, "-_+/") {
				t.options = strings.TrimSpace(t.options + " " + option)
			}
		}
	}
	t.lite = first(where, sdp.AttrKeyICELite) != nil
	t.complete = first(where, sdp.AttrKeyEndOfCandidates) != nil
	for _, v := range first(where, sdp.AttrKeyCandidate) {
		if c := usableCandidate(v); c != "" && !slices.Contains(t.candidates, c) && len(t.candidates) < maxCandidates {
			t.candidates = append(t.candidates, c)
		}
	}
	return t, nil
}

// readCredentials wants user name fragment and password from one place (RFC 8839 section 5.4).
func (t *transport) readCredentials(where [][]sdp.Attribute, tagged *section) error {
	for _, attributes := range where {
		ufrag, pwd := values(attributes, "ice-ufrag"), values(attributes, "ice-pwd")
		if len(ufrag) > 0 && len(pwd) > 0 {
			t.ufrag, t.pwd = ufrag[0], pwd[0]
			break
		}
	}
	if t.ufrag == "" || t.pwd == "" {
		return tagged.malformed("a=ice-ufrag or a=ice-pwd is missing, here and at session level; send the offer as createOffer made it")
	}
	if fault := credentialsFault(t.ufrag, t.pwd); fault != "" {
		return tagged.malformed("%s", fault)
	}
	return nil
}

// credentialsFault says what is wrong with a user name fragment or a password, if anything; an empty one is not looked at.
func credentialsFault(ufrag, pwd string) string {
	valid := func(s string, least int) bool { return s == "" || isToken(s, "+/") && len(s) >= least && len(s) <= 256 }
	switch {
	case !valid(ufrag, 4):
		return `a=ice-ufrag must be 4 to 256 letters, digits, "+" and "/" (RFC 8839 section 5.4)`
	case !valid(pwd, 22):
		return `a=ice-pwd must be 22 to 256 letters, digits, "+" and "/" (RFC 8839 section 5.4)`
	}
	return ""
}

// readFingerprint takes the first certificate fingerprint of a hash that is safe (RFC 8122 section 5).
func (t *transport) readFingerprint(where [][]sdp.Attribute, tagged *section) error {
	offered := first(where, "fingerprint")
	for _, v := range offered {
		hash, sum, _ := strings.Cut(v, " ")
		hash, sum = strings.ToLower(hash), strings.ToUpper(strings.TrimSpace(sum))
		var size int
		switch hash {
		case "sha-256":
			size = 32
		case "sha-384":
			size = 48
		case "sha-512":
			size = 64
		default:
			continue
		}
		octets, err := hex.DecodeString(strings.ReplaceAll(sum, ":", ""))
		if err != nil || len(octets) != size || len(sum) != 3*size-1 {
			return tagged.malformed("a=fingerprint of %s must be %d octets in hex, with colons between them", hash, size)
		}
		t.fingerprint = hash + " " + sum
		return nil
	}
	if len(offered) == 0 {
		return tagged.malformed("a=fingerprint is missing, here and at session level; send the offer as createOffer made it")
	}
	hash, _, _ := strings.Cut(offered[0], " ")
	return tagged.unprocessable("a=fingerprint by %.16s is not safe; offer one by sha-256", hash)
}

// attributes are the transport's lines, for every m-line alike.
func (t *transport) attributes() []sdp.Attribute {
	return []sdp.Attribute{
		{Key: "ice-ufrag", Value: t.ufrag},
		{Key: "ice-pwd", Value: t.pwd},
		{Key: "fingerprint", Value: t.fingerprint},
		{Key: sdp.AttrKeyConnectionSetup, Value: t.setup},
	}
}

func (t *transport) candidateAttributes() []sdp.Attribute {
	var all []sdp.Attribute
	for _, c := range t.candidates {
		all = append(all, sdp.Attribute{Key: sdp.AttrKeyCandidate, Value: c})
	}
	if t.complete {
		all = append(all, sdp.Attribute{Key: sdp.AttrKeyEndOfCandidates})
	}
	return all
}

func (t *transport) sessionAttributes(group string) []sdp.Attribute {
	all := []sdp.Attribute{{Key: sdp.AttrKeyGroup, Value: fmt.Sprintf("BUNDLE %s", group)}}
	if t.options != "" {
		all = append(all, sdp.Attribute{Key: sdp.AttrKeyICEOptions, Value: t.options})
	}
	if t.lite {
		all = append(all, sdp.Attribute{Key: sdp.AttrKeyICELite})
	}
	return all
}
