package wish

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// answerText is an answer as a WebRTC stack could give it to whip-obs, with LF line ends.
func answerText(candidates ...string) string {
	var lines strings.Builder
	for _, c := range candidates {
		fmt.Fprintf(&lines, "a=candidate:%s\n", c)
	}
	return `v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=fingerprint:sha-256 00:11
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:0
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1;stereo=0
a=inactive
` + lines.String() + `a=end-of-candidates
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:1
a=rtcp-mux
a=rtpmap:96 H264/90000
a=sendrecv
` + lines.String() + `a=end-of-candidates
`
}

func TestFinishAnswer(t *testing.T) {
	o := mustParse(t, offerText(t, "whip-obs"), Publish)
	got, err := FinishAnswer(answerText("1 1 udp 1 192.0.2.1 5000 typ host"), o, AnswerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1\r\n", "a=inactive\r\n", "a=recvonly\r\n", "a=group:BUNDLE 0 1\r\n",
	} {
		if strings.Count(got, line) != 1 {
			t.Errorf("not one %q in\n%s", line, got)
		}
	}
	if strings.Contains(got, "actpass") || strings.Count(got, "a=setup:passive\r\n") != 2 || strings.Contains(got, "rsize") {
		t.Errorf("setup or rtcp-rsize is wrong in\n%s", got)
	}
}

func TestFinishAnswerCandidates(t *testing.T) {
	o := mustParse(t, offerText(t, "whip-obs"), Publish)
	host := func(component int, transport, address string) string {
		return fmt.Sprintf("1 %d %s 100 %s 8443 typ host", component, transport, address)
	}
	mixed := []string{
		host(1, "udp", "127.0.0.1"), host(2, "udp", "203.0.113.9"), host(1, "udp", "fe80::1"), host(1, "udp", "2001:db8::1"), host(1, "udp", "::1"),
		host(1, "tcp", "203.0.113.9") + " tcptype passive", host(1, "udp", "10.1.2.3"), host(1, "udp", "100.64.1.1"), host(1, "udp", "203.0.113.9"), host(1, "udp", "203.0.113.9"),
		host(1, "udp", "x.local"),
	}
	order := []string{"203.0.113.9/udp", "10.1.2.3/udp", "100.64.1.1/udp", "2001:db8::1/udp", "fe80::1/udp", "203.0.113.9/tcp"}
	for _, c := range []struct {
		name     string
		given    []string
		loopback bool
		want     []string
	}{
		{"from afar", mixed, false, order},
		{"by loopback", mixed, true, append(slices.Clone(order), "127.0.0.1/udp", "::1/udp")},
		{"bound to loopback only", mixed[:1], false, []string{"127.0.0.1/udp"}},
		{"none", nil, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := FinishAnswer(answerText(c.given...), o, AnswerOptions{Loopback: c.loopback})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(answer) {
				if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") {
					got = append(got, f[4]+"/"+f[2])
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("candidates are %q, want %q", got, c.want)
			}
			if strings.Count(answer, "a=end-of-candidates\r\n") != 1 || strings.Contains(c.name, "afar") && !strings.Contains(answer, "tcptype passive\r\n") {
				t.Errorf("the list is not ended once, or TCP is cut, in\n%s", answer)
			}
		})
	}
}

// FFmpeg reads no more than 8 KiB.
func TestFinishAnswerSize(t *testing.T) {
	o := mustParse(t, offerText(t, "whip-ffmpeg-video"), Publish)
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("%d 1 udp 100 10.0.1.%d 8443 typ host", i, i))
	}
	answer := answerText(many...)
	answer = answer[:strings.Index(answer, "m=audio")] + strings.ReplaceAll(answer[strings.Index(answer, "m=video"):], "96", "106")
	got, err := FinishAnswer(answer, o, AnswerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) > maxAnswer || !strings.Contains(got, "10.0.1.0 ") || strings.Contains(got, "10.0.1.199 ") || !strings.HasSuffix(got, "a=end-of-candidates\r\n") {
		t.Errorf("%d bytes:\n%s", len(got), got)
	}
}

func TestFinishAnswerRefuses(t *testing.T) {
	o := mustParse(t, offerText(t, "whip-obs"), Publish)
	_, err := FinishAnswer(strings.Replace(answerText(), "m=video 9", "m=video 0", 1), o, AnswerOptions{})
	want(t, err, ErrUnprocessable, `m-line 1 (video, mid "1")`, "(H264)")

	whole := answerText()
	for name, answer := range map[string]string{
		"nothing":           "",
		"one m-line":        whole[:strings.Index(whole, "m=video")],
		"another kind":      strings.Replace(whole, "m=video", "m=audio", 1),
		"passive meets the": strings.ReplaceAll(whole, "setup:actpass", "setup:passive"),
	} {
		offer := o
		if name == "passive meets the" {
			offer = mustParse(t, strings.ReplaceAll(offerText(t, "whip-obs"), "setup:actpass", "setup:passive"), Publish)
		}
		if _, err := FinishAnswer(answer, offer, AnswerOptions{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A refused data channel keeps its m-line, with port 0 and out of BUNDLE.
func TestFinishAnswerWithoutData(t *testing.T) {
	o := mustParse(t, offerText(t, "whep-aiortc"), Play)
	answer := strings.ReplaceAll(strings.ReplaceAll(answerText("1 1 udp 1 192.0.2.1 5000 typ host"), "111", "96"), "BUNDLE 0 1", "BUNDLE 0 1 2")
	answer += "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:2\n"
	got, err := FinishAnswer(answer, o, AnswerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(got); err != nil {
		t.Fatal(err)
	}
	if name := d.MediaDescriptions[2].MediaName.String(); name != "application 0 DTLS/SCTP 5000" || !strings.Contains(got, "a=group:BUNDLE 0 1\r\n") {
		t.Errorf("m=%s in\n%s", name, got)
	}
}
