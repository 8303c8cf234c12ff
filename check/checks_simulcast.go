package check

import (
	"slices"
	"strings"
)

func simulcastChecks() []Check {
	return []Check{
		{"W-98", May, "RFC 9725 section 4.8", "A simulcast offer is answered with its layers", 0, func(p *probe) { simulcast(p, "f;h;q") }},
		{"W-99", Must, "RFC 8853 section 5.3.2", "The answer has only offered layers, in their order, all of them (OBS stops at less); paused ones too", 0, func(p *probe) {
			simulcast(p, "0;1;2")
			simulcast(p, "f;~h;~q")
		}},
	}
}

const extensionLines = "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" +
	"a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"

// simulcast offers layers, and wants the answer to take all.
func simulcast(p *probe, layers string) {
	rids := strings.Split(strings.ReplaceAll(layers, "~", ""), ";")
	lines := extensionLines + "a=rid:" + strings.Join(rids, " send\r\na=rid:") + " send\r\n"
	s := p.open("POST with a=simulcast:send "+layers, p.offer().swap(videoMsid, videoMsid+lines+"a=simulcast:send "+layers+"\r\n"))
	m := s.answer.section("video")
	got, ok := m.Attribute("simulcast")
	if !ok {
		p.skipf("the server takes no simulcast")
	}
	direction, list, _ := strings.Cut(got, " ")
	s.wants(direction == "recv" && strings.ReplaceAll(list, "~", "") == strings.Join(rids, ";"), "a=simulcast:recv %s; it is %q", layers, got)
	var answered []string
	for _, line := range values(m.Attributes, "rid") {
		words := strings.Fields(line)
		s.wants(len(words) >= 2 && words[1] == "recv", "a=rid lines with recv; one is %q", line)
		answered = append(answered, words[0])
	}
	s.wants(slices.Equal(answered, rids), "a=rid for each of %v; there are %v", rids, answered)
	extensions := values(m.Attributes, "extmap")
	for _, need := range []string{"1 urn:ietf:params:rtp-hdrext:sdes:mid", "2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"} {
		s.wants(slices.Contains(extensions, need), "a=extmap:%s, which tells the layers apart", need)
	}
	s.delete("DELETE")
}
