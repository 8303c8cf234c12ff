package check

import (
	"fmt"
	"regexp"
	"strings"
)

// offer is an SDP offer of a client that is never reached: enough for all that happens before ICE.
type offer string

// Parts of the offer that checks change.
const (
	bundleLine   = "a=group:BUNDLE 0 1\r\n"
	rtcpMux      = "a=rtcp-mux\r\n"
	rtcpMuxOnly  = "a=rtcp-mux-only\r\n"
	setupActpass = "a=setup:actpass\r\n"
	audioStart   = "m=audio "
	videoStart   = "m=video "
	audioMsid    = "a=msid:show sound\r\n"
	videoMsid    = "a=msid:show picture\r\n"
	vp8Map       = "a=rtpmap:96 VP8/90000\r\n"

	dataSection = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" +
		"%sa=setup:actpass\r\na=mid:2\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
)

// offer makes a new one for the check's role.
func (p *probe) offer() offer {
	if p.check.whip() {
		return newOffer("sendonly")
	}
	return newOffer("recvonly")
}

// newOffer makes an offer of Opus and VP8 (a player also knows H.264), bundled, without candidates.
func newOffer(direction string) offer {
	audio, video, formats, more := audioMsid, videoMsid, "96 97", ""
	if direction == "recvonly" {
		audio, video = "", ""
		formats, more = "96 97 102", "a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack pli\r\n"+
			"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
	}
	transport := newTransport()
	common := func(mid int) string {
		return fmt.Sprintf("c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n%s%sa=mid:%d\r\na=%s\r\n%s%sa=rtcp-rsize\r\n",
			transport, setupActpass, mid, direction, rtcpMux, rtcpMuxOnly)
	}
	return offer("v=0\r\no=- 4962303333179871722 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + bundleLine + "a=msid-semantic: WMS *\r\n" +
		audioStart + "9 UDP/TLS/RTP/SAVPF 111\r\n" + common(0) + audio +
		"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n" +
		videoStart + "9 UDP/TLS/RTP/SAVPF " + formats + "\r\n" + common(1) + video +
		vp8Map + "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" + more)
}

// newTransport is new credentials and a fingerprint that no certificate has.
func newTransport() string {
	return fmt.Sprintf("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n%s", token(4), token(16), fingerprint("sha-256", 32))
}

// fingerprint is a line with a random digest of so many bytes (RFC 8122 section 5).
func fingerprint(hash string, bytes int) string {
	digest := strings.ToUpper(token(bytes))
	pairs := make([]string, 0, bytes)
	for i := 0; i < len(digest); i += 2 {
		pairs = append(pairs, digest[i:i+2])
	}
	return fmt.Sprintf("a=fingerprint:%s %s\r\n", hash, strings.Join(pairs, ":"))
}

// swap puts a text in place of another, everywhere. That the other isn't there is a mistake of the check.
func (o offer) swap(old, now string) offer {
	if !strings.Contains(string(o), old) {
		panic("the offer has no " + old)
	}
	return offer(strings.ReplaceAll(string(o), old, now))
}

func (o offer) without(text string) offer { return o.swap(text, "") }

// directed gives every m-line this direction.
func (o offer) directed(direction string) offer {
	return offer(regexp.MustCompile("a=(sendonly|recvonly)\r\n").ReplaceAllString(string(o), "a="+direction+"\r\n"))
}

// line is the first that begins so, with its end.
func (o offer) line(start string) string {
	_, rest, ok := strings.Cut("\r\n"+string(o), "\r\n"+start)
	if !ok {
		panic("the offer has no line " + start)
	}
	value, _, _ := strings.Cut(rest, "\r\n")
	return start + value + "\r\n"
}

// only keeps one m-line, "audio" or "video", alone in the group.
func (o offer) only(kind string) offer {
	head, rest, _ := strings.Cut(string(o), audioStart)
	audio, video, _ := strings.Cut(rest, videoStart)
	if kind == "audio" {
		return offer(strings.ReplaceAll(head, bundleLine, "a=group:BUNDLE 0\r\n") + audioStart + audio)
	}
	return offer(strings.ReplaceAll(head, bundleLine, "a=group:BUNDLE 1\r\n") + videoStart + video)
}

// plus adds m-lines to the end; they join the group by their mids.
func (o offer) plus(mids, sections string) offer {
	return o.swap(bundleLine, "a=group:BUNDLE 0 1 "+mids+"\r\n") + offer(sections)
}

// data is the m-line of a data channel in the offer's transport.
func (o offer) data() string {
	return fmt.Sprintf(dataSection, o.line("a=ice-ufrag:")+o.line("a=ice-pwd:")+o.line("a=fingerprint:"))
}

// section is the offer's m-line of a kind with all its lines.
func (o offer) section(kind string) string {
	_, rest, _ := strings.Cut(string(o), "m="+kind+" ")
	section, _, _ := strings.Cut(rest, "\r\nm=")
	return "m=" + kind + " " + strings.TrimSuffix(section, "\r\n") + "\r\n"
}

// credentials are the lines of the offer's ICE session.
func (o offer) credentials() string { return o.line("a=ice-ufrag:") + o.line("a=ice-pwd:") }
