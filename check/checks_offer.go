package check

import (
	"net/http"
	"slices"
	"strings"
)

func offerChecks() []Check {
	return []Check{
		{"W-24", Must, "RFC 9725 section 4.2", "The answer is recvonly, to sendonly and to sendrecv", 0, func(p *probe) { answeredDirection(p, "sendonly", "recvonly") }},
		{"W-25", Must, "RFC 9725 section 4.2", "An offer with recvonly or inactive is refused", 0, func(p *probe) { refusedDirections(p, "recvonly") }},
		{"W-26", Must, "RFC 9725 section 4.2", "The answer has the offer's m-lines: their number, order, mids and protocols", 0, sameSections},
		{"W-27", Interop, "RFC 3264 section 6.1", "The answer has only codecs of the offer, under the offered payload types", 0, offeredCodecs},
		{"W-35", Interop, "RFC 9725 section 4.4.2", "All tracks are of one MediaStream: two are refused, no a=msid at all is taken", 0, oneStream},
		{"W-36", Must, "RFC 9725 section 4.4.2", "Audio, video or both are taken; more of a kind than are supported are refused", 0, trackCounts},
		{"W-37", Interop, "RFC 9725 section 4.4.2", "An offer with neither audio nor video is refused", 0, dataOnly},
		{"W-38", Interop, "RFC 8841", "An m-line for a data channel doesn't hurt audio and video", 0, dataChannel},
		{"W-44", Should, "RFC 9725 section 4.4.3", "No m-line of an accepted offer is answered with port 0", 0, nothingRejected},
		{"W-45", Should, "RFC 9725 section 4.4.3", "An offer with a good and a bad m-line is refused as a whole (422 or 400)", 0, noPartialSuccess},
		{"W-46", May, "RFC 9725 section 4.4.3", "That refusal says which m-line is at fault, and why", 0, refusalExplained},
		{"W-73", Interop, "RFC 8445 section 5.3", "User name fragments below 4 and passwords below 22 characters are refused", 0, shortCredentials},

		{"E-11", Must, "whep-03 section 4.3.5", "The answer is sendonly, to recvonly and to sendrecv", 0, func(p *probe) { answeredDirection(p, "recvonly", "sendonly") }},
		{"E-12", Must, "whep-03 section 4.3.5", "An offer with sendonly or inactive is refused", 0, func(p *probe) { refusedDirections(p, "sendonly") }},
		{"E-13", Interop, "whep-03 section 4.3.6", "A long list of codecs is fine, and the answer has only codecs of it", 0, longCodecList},
		{"E-14", Must, "whep-03 section 4.6.2", "The tracks of the answer are of one MediaStream, and never two of a kind", 0, oneStreamAnswered},
		{"E-15", Interop, "RFC 3264 section 6", "Offers of audio alone, of video alone and with a data channel are taken", 0, func(p *probe) {
			sameSections(p)
			p.open("POST with audio only", p.offer().only("audio"))
			p.open("POST with video only", p.offer().only("video"))
			dataChannel(p)
		}},
		{"E-16", Interop, "whep-03 section 4.3", "No codec in common: refused, and never by a 406 without a counter-offer", 0, noCommonCodec},
	}
}

func answeredDirection(p *probe, offered, want string) {
	for _, direction := range []string{offered, "sendrecv"} {
		o := p.offer().directed(direction)
		s := p.open("POST with a="+direction, o)
		for _, m := range s.answer.sections() {
			s.wants(!isMedia(m) || m.MediaName.Port.Value == 0 || s.answer.direction(m) == want, "a=%s in the answer's m=%s; it is %s", want, m.MediaName.Media, s.answer.direction(m))
		}
		s.delete("DELETE")
	}
}

func refusedDirections(p *probe, wrong string) {
	for _, direction := range []string{wrong, "inactive"} {
		p.post("POST with a="+direction, p.offer().directed(direction)).refused(http.StatusUnprocessableEntity)
	}
}

func sameSections(p *probe) {
	o := p.offer()
	swapped := o.swap(o.section("audio")+o.section("video"), o.section("video")+o.section("audio")).
		swap("a=mid:0\r\n", "a=mid:sound\r\n").swap("a=mid:1\r\n", "a=mid:picture_1\r\n").swap(bundleLine, "a=group:BUNDLE picture_1 sound\r\n")
	for what, want := range map[offer][]string{o: {"audio 0", "video 1"}, swapped: {"video picture_1", "audio sound"}} {
		s := p.open("POST with the m-lines "+strings.Join(want, " and "), what)
		var got []string
		for _, m := range s.answer.sections() {
			mid, _ := m.Attribute("mid")
			got = append(got, m.MediaName.Media+" "+mid)
			s.wants(strings.Join(m.MediaName.Protos, "/") == "UDP/TLS/RTP/SAVPF", "the offer's UDP/TLS/RTP/SAVPF; it is %s", strings.Join(m.MediaName.Protos, "/"))
		}
		s.wants(slices.Equal(got, want), "the same m-lines with the same mids in the same order; they are %s", strings.Join(got, " and "))
		s.delete("DELETE")
	}
}

func offeredCodecs(p *probe) {
	o := p.offer().swap("111", "63").swap(" 96 97", " 120 35").swap(":96 ", ":120 ").swap(":97 ", ":35 ").swap("apt=96", "apt=120")
	p.open("POST with the payload types 63, 120 and 35", o).onlyOffered()
}

// onlyOffered wants the answer's payload types to be the offer's, with the same codec.
func (s *session) onlyOffered() {
	var d answer
	s.probe.need("reading the own offer", d.UnmarshalString(string(s.offer)))
	for i, m := range s.answer.sections() {
		if i >= len(d.sections()) || !isMedia(m) || m.MediaName.Port.Value == 0 {
			continue
		}
		offered := values(d.sections()[i].Attributes, "rtpmap")
		for _, format := range m.MediaName.Formats {
			s.wants(slices.Contains(d.sections()[i].MediaName.Formats, format), "only payload types of the offer; m=%s has %s", m.MediaName.Media, format)
		}
		for _, line := range values(m.Attributes, "rtpmap") {
			s.wants(slices.ContainsFunc(offered, func(o string) bool { return strings.EqualFold(o, line) }), "only codecs of the offer; m=%s has a=rtpmap:%s", m.MediaName.Media, line)
		}
	}
}

func oneStream(p *probe) {
	p.open("POST without a=msid", p.offer().without(audioMsid).without(videoMsid)).delete("DELETE")
	p.post("POST with tracks of two MediaStreams", p.offer().swap(audioMsid, "a=msid:other sound\r\n")).refused(http.StatusUnprocessableEntity)
}

func trackCounts(p *probe) {
	p.open("POST with audio only", p.offer().only("audio")).delete("DELETE")
	p.open("POST with video only", p.offer().only("video")).delete("DELETE")
	for _, kind := range []string{"audio", "video"} {
		o := p.offer()
		again := strings.NewReplacer("a=mid:0", "a=mid:2", "a=mid:1", "a=mid:2", "sound", "sound2", "picture", "picture2").Replace(o.section(kind))
		r := p.post("POST with two m-lines of "+kind, o.plus("2", again))
		if r.StatusCode == http.StatusCreated {
			a := r.readAnswer()
			r.wants(len(a.sections()) == 3 && len(a.rejected()) == 0, "either a refusal or an answer that takes all three m-lines")
			r.opened(o).delete("DELETE")
			continue
		}
		r.refused(http.StatusUnprocessableEntity)
	}
}

// dataOffer is an offer with a data channel and nothing else.
func dataOffer(o offer) offer {
	head, _, _ := strings.Cut(string(o), audioStart)
	return offer(strings.ReplaceAll(head, bundleLine, "a=group:BUNDLE 2\r\n") + o.data())
}

func dataOnly(p *probe) {
	p.post("POST with a data channel only", dataOffer(p.offer())).refused(http.StatusUnprocessableEntity)
}

func dataChannel(p *probe) {
	o := p.offer()
	r := p.post("POST with audio, video and a data channel", o.plus("2", o.data()))
	if r.client() {
		p.skipf("the server refuses data channels with %s", r.summary())
	}
	s := r.opened(o)
	s.wants(len(s.answer.sections()) == 3, "an answer of three m-lines; it has %d", len(s.answer.sections()))
	s.wants(!slices.Contains(s.answer.rejected(), "audio") && !slices.Contains(s.answer.rejected(), "video"), "audio and video to be taken all the same; rejected are %s", s.answer.rejected())
}

func nothingRejected(p *probe) {
	s := p.start()
	s.wants(len(s.answer.rejected()) == 0, "no m-line with port 0; rejected are %s", s.answer.rejected())
}

// halfBad is an offer with good audio and a video codec that nobody has.
func halfBad(o offer) offer {
	return o.swap("VP8/90000", "NEVER-HEARD/90000")
}

func noPartialSuccess(p *probe) {
	r := p.post("POST with good audio and video of a codec that nobody has", halfBad(p.offer()))
	r.wants(r.StatusCode == http.StatusUnprocessableEntity || r.StatusCode == http.StatusBadRequest, "422 or 400")
}

func refusalExplained(p *probe) {
	r := p.post("POST with good audio and video of a codec that nobody has", halfBad(p.offer()))
	r.refused(http.StatusUnprocessableEntity)
	if r.problem().Detail == "" {
		p.skipf("the refusal has no problem document with a detail")
	}
	detail := strings.ToLower(r.problem().Detail)
	r.wants(strings.Contains(detail, "video") || strings.Contains(detail, "never-heard"), "a word on which m-line is at fault")
}

func shortCredentials(p *probe) {
	o := p.offer()
	p.post("POST with an a=ice-ufrag of 3 characters", o.swap(o.line("a=ice-ufrag:"), "a=ice-ufrag:abc\r\n")).refused(http.StatusBadRequest)
	p.post("POST with an a=ice-pwd of 21 characters", o.swap(o.line("a=ice-pwd:"), "a=ice-pwd:"+strings.Repeat("p", 21)+"\r\n")).refused(http.StatusBadRequest)
	p.post("POST with an a=ice-ufrag of 257 characters", o.swap(o.line("a=ice-ufrag:"), "a=ice-ufrag:"+strings.Repeat("u", 257)+"\r\n")).refused(http.StatusBadRequest)
}

func longCodecList(p *probe) {
	o := p.offer().swap("96 97 102", "96 97 102 98 99 100 103 104 45 46 47 48").swap(vp8Map, vp8Map+
		"a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtpmap:99 VP9/90000\r\na=fmtp:99 profile-id=2\r\na=rtpmap:100 H264/90000\r\n"+
		"a=fmtp:100 packetization-mode=0;profile-level-id=42001f\r\na=rtpmap:103 H264/90000\r\na=fmtp:103 packetization-mode=1;profile-level-id=640c1f\r\n"+
		"a=rtpmap:104 H265/90000\r\na=rtpmap:45 AV1/90000\r\na=rtpmap:46 ulpfec/90000\r\na=rtpmap:47 red/90000\r\na=rtpmap:48 NEVER-HEARD/90000\r\n")
	s := p.open("POST with many codecs", o)
	s.onlyOffered()
	s.wants(!strings.Contains(s.body, "NEVER-HEARD"), "an answer without the codec that nobody has")
}

func oneStreamAnswered(p *probe) {
	s := p.start()
	streams, kinds := map[string]bool{}, map[string]bool{}
	for _, m := range s.answer.sections() {
		s.wants(!kinds[m.MediaName.Media], "one m-line of each kind")
		kinds[m.MediaName.Media] = true
		if !isMedia(m) || m.MediaName.Port.Value == 0 {
			continue
		}
		msid := values(m.Attributes, "msid")
		s.wants(len(msid) == 1, "one a=msid in each m-line; m=%s has %d", m.MediaName.Media, len(msid))
		id, _, _ := strings.Cut(msid[0], " ")
		streams[id] = true
	}
	s.wants(len(streams) == 1, "the same MediaStream in all m-lines; there are %d", len(streams))
}

func noCommonCodec(p *probe) {
	o := p.offer().only("video").swap("VP8/90000", "NEVER-HEARD/90000").swap("H264/90000", "NOR-THIS/90000")
	r := p.post("POST with video codecs that nobody has", o)
	r.refused(http.StatusUnprocessableEntity)
	r.wants(r.StatusCode != http.StatusNotAcceptable || r.mediaType() == mediaTypeSDP && strings.HasPrefix(r.body, "v="), "no 406 without an offer of the server's own in it")
}
