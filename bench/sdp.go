package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

var errAnswer = errors.New("the server's answer can't be used")

// opusType is Opus's payload type in our offers.
const opusType = 111

// format is what a payload type of the answer means.
type format struct {
	payloadType uint8
	mime        string
	rate        uint32
	rtx         bool // of apt (RFC 4588)
	apt         uint8
}

func (f *format) video() bool { return strings.HasPrefix(f.mime, "video/") }

// credentials of ICE (RFC 8445 section 5.3).
type credentials struct{ ufrag, pwd string }

// viewerOffer is the offer of a viewer who takes audio and video in any codec, first the given one (WHEP draft 03, section 4.2).
func viewerOffer(own credentials, fingerprint string, local netip.AddrPort, first string, audio bool) string {
	var b strings.Builder
	list := codecs()
	slices.SortStableFunc(list, func(x, y *codec) int { return btoi(y.name == first) - btoi(x.name == first) })
	group := "BUNDLE 0"
	if audio {
		group += " 1"
	}
	fmt.Fprintf(&b, "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:%s\r\na=msid-semantic: WMS\r\n", group)
	types := make([]string, 0, 2*len(list))
	for _, c := range list {
		types = append(types, strconv.Itoa(int(c.payloadType)), strconv.Itoa(int(c.payloadType+1)))
	}
	fmt.Fprintf(&b, "m=video 9 UDP/TLS/RTP/SAVPF %s\r\n", strings.Join(types, " "))
	writeTransport(&b, own, fingerprint, "0")
	fmt.Fprintf(&b, "a=candidate:1 1 udp 2130706431 %s %d typ host\r\na=end-of-candidates\r\n", local.Addr(), local.Port())
	for _, c := range list {
		pt := c.payloadType
		fmt.Fprintf(&b, "a=rtpmap:%d %s/90000\r\na=rtcp-fb:%d nack\r\na=rtcp-fb:%d nack pli\r\na=rtcp-fb:%d ccm fir\r\n", pt, c.name, pt, pt, pt)
		if c.fmtp != "" {
			fmt.Fprintf(&b, "a=fmtp:%d %s\r\n", pt, c.fmtp)
		}
		fmt.Fprintf(&b, "a=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=%d\r\n", pt+1, pt+1, pt)
	}
	if audio {
		fmt.Fprintf(&b, "m=audio 9 UDP/TLS/RTP/SAVPF %d\r\n", opusType)
		writeTransport(&b, own, fingerprint, "1")
		fmt.Fprintf(&b, "a=rtpmap:%d opus/48000/2\r\na=fmtp:%d minptime=10;useinbandfec=1;stereo=1\r\n", opusType, opusType)
	}
	return b.String()
}

func writeTransport(b *strings.Builder, own credentials, fingerprint, mid string) {
	fmt.Fprintf(b, "c=IN IP4 0.0.0.0\r\na=mid:%s\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=setup:actpass\r\n"+
		"a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\n", mid, own.ufrag, own.pwd, fingerprint)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// answer is what a viewer needs of the server's.
type answer struct {
	credentials
	fingerprint string // "AA:BB:...", of SHA-256
	active      bool   // the server starts the DTLS handshake
	candidates  []netip.AddrPort
	formats     []format
}

// readAnswer reads the server's answer. All m-lines share one transport.
func readAnswer(text string) (*answer, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	a := &answer{}
	a.transport(d.Attributes)
	accepted := false
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Port.Value == 0 {
			continue
		}
		accepted = true
		a.transport(m.Attributes)
		a.readFormats(m)
	}
	hash, value, _ := strings.Cut(a.fingerprint, " ")
	a.fingerprint = strings.ToUpper(strings.TrimSpace(value))
	switch {
	case !accepted:
		return nil, fmt.Errorf("%w: it accepts neither audio nor video", errAnswer)
	case a.ufrag == "" || a.pwd == "":
		return nil, fmt.Errorf("%w: it has no ICE credentials", errAnswer)
	case !strings.EqualFold(hash, "sha-256"):
		return nil, fmt.Errorf("%w: it has no fingerprint of SHA-256", errAnswer)
	case len(a.candidates) == 0:
		return nil, fmt.Errorf("%w: it has no UDP candidate with an IP address", errAnswer)
	}
	return a, nil
}

// transport takes what the attributes say of ICE and DTLS; the first of each counts.
func (a *answer) transport(attributes []sdp.Attribute) {
	first := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	for _, x := range attributes {
		switch x.Key {
		case "ice-ufrag":
			first(&a.ufrag, x.Value)
		case "ice-pwd":
			first(&a.pwd, x.Value)
		case "fingerprint":
			first(&a.fingerprint, x.Value)
		case "setup":
			a.active = a.active || x.Value == "active"
		case "candidate":
			a.addCandidate(strings.Fields(x.Value))
		}
	}
}

// addCandidate reads a candidate of RFC 8839 section 5.1 if it is one for UDP, component 1.
func (a *answer) addCandidate(f []string) {
	if len(f) < 8 || f[1] != "1" || !strings.EqualFold(f[2], "udp") {
		return
	}
	address, err := netip.ParseAddr(f[4])
	port, err2 := strconv.ParseUint(f[5], 10, 16)
	if err != nil || err2 != nil {
		return
	}
	if c := netip.AddrPortFrom(address.Unmap(), uint16(port)); !slices.Contains(a.candidates, c) {
		a.candidates = append(a.candidates, c)
	}
}

func (a *answer) readFormats(m *sdp.MediaDescription) {
	apt := map[uint8]uint8{}
	for _, x := range m.Attributes {
		if x.Key != "fmtp" {
			continue
		}
		pt, parameters, _ := strings.Cut(x.Value, " ")
		if value, ok := strings.CutPrefix(parameters, "apt="); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 7)
			if key, err2 := strconv.ParseUint(pt, 10, 7); err == nil && err2 == nil {
				apt[uint8(key)] = uint8(n)
			}
		}
	}
	for _, x := range m.Attributes {
		pt, encoding, _ := strings.Cut(x.Value, " ")
		n, err := strconv.ParseUint(pt, 10, 7)
		if x.Key != "rtpmap" || err != nil {
			continue
		}
		name, rest, _ := strings.Cut(encoding, "/")
		rate, _, _ := strings.Cut(rest, "/")
		hertz, _ := strconv.ParseUint(rate, 10, 32)
		f := format{payloadType: uint8(n), mime: m.MediaName.Media + "/" + name, rate: uint32(hertz)}
		f.apt, f.rtx = apt[f.payloadType]
		a.formats = append(a.formats, f)
	}
}

// reachable sorts the candidates by what a viewer should try, and drops loopback ones that another machine named.
func (a *answer) reachable(loopback bool) []netip.AddrPort {
	list := slices.DeleteFunc(slices.Clone(a.candidates), func(c netip.AddrPort) bool { return c.Addr().IsLoopback() && !loopback })
	slices.SortStableFunc(list, func(x, y netip.AddrPort) int { return btoi(y.Addr().IsLoopback()) - btoi(x.Addr().IsLoopback()) })
	return list[:min(len(list), 8)]
}
