package check

import (
	"net/http"
	"strings"

	"github.com/pion/webrtc/v4"
)

func setupChecks() []Check {
	return []Check{
		{"W-39", Interop, "RFC 8842 section 5.3", "setup:actpass is answered by active or passive", 0, func(p *probe) { answeredSetup(p, "actpass", "active", "passive") }},
		{"W-40", Should, "RFC 9725 section 4.4.4", "setup:active is answered by passive, or refused", 0, func(p *probe) { answeredSetup(p, "active", "passive") }},
		{"W-41", Interop, "RFC 8842 section 5.3", "setup:passive (FFmpeg up to 8.0) is answered by active", 0, func(p *probe) { answeredSetup(p, "passive", "active") }},
		{"W-42", Interop, "RFC 8122 section 5", "Fingerprints of SHA-256, -384 and -512 are taken in any case; a wrong one gives no connection", 0, fingerprints},
		{"W-43", Interop, "RFC 8827 section 6.5", "A P-256 certificate and SRTP with AES128_CM_SHA1_80 are enough", 0, baseline},
		{"E-21", Interop, "RFC 8842 section 5.3", "DTLS roles and fingerprints as for WHIP", 0, func(p *probe) {
			answeredSetup(p, "actpass", "active", "passive")
			answeredSetup(p, "active", "passive")
			answeredSetup(p, "passive", "active")
			fingerprints(p)
			p.play(peerOptions{baseline: true})
		}},
	}
}

func answeredSetup(p *probe, offered string, wanted ...string) {
	r := p.post("POST with setup:"+offered, p.offer().swap(setupActpass, "a=setup:"+offered+"\r\n"))
	if offered == "active" && r.client() {
		return
	}
	s := r.opened("")
	for _, m := range s.answer.sections() {
		got := s.answer.attribute(m, "setup")
		s.wants(strings.Contains(" "+strings.Join(wanted, " ")+" ", " "+got+" "), "setup:%s in m=%s; it is %q", strings.Join(wanted, " or "), m.MediaName.Media, got)
	}
	s.delete("DELETE")
}

func fingerprints(p *probe) {
	o := p.offer()
	for what, line := range map[string]string{
		"of SHA-384": fingerprint("sha-384", 48), "of SHA-512": fingerprint("SHA-512", 64), "in lower case": strings.ToLower(fingerprint("sha-256", 32)),
	} {
		p.open("POST with a fingerprint "+what, o.swap(o.line("a=fingerprint:"), line)).delete("DELETE")
	}
	peer := p.newPeer(peerOptions{})
	direction := webrtc.RTPTransceiverDirectionSendonly
	if !p.check.whip() {
		direction = webrtc.RTPTransceiverDirectionRecvonly
	}
	_, err := peer.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: direction})
	p.need("adding a transceiver", err)
	own := offer(peer.offerWith(p, nil))
	s := p.open("POST with the fingerprint of another certificate", own.swap(own.line("a=fingerprint:"), fingerprint("sha-256", 32)))
	p.need("using the answer", peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: s.body}))
	ended := p.eventually(sessionEnd, func() bool { return peer.lost() || !s.alive() })
	if !ended {
		p.failf("a client whose certificate has another fingerprint than its offer says is connected for %v; RFC 8122 section 5 asks the server to end it", sessionEnd)
	}
}

func baseline(p *probe) {
	p.publish(peerOptions{baseline: true})
}

// unsupported is a status by which a server says that it has no such PATCH.
func unsupported(status int) bool {
	return status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented || status == http.StatusUnprocessableEntity
}
