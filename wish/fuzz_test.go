package wish

import (
	"slices"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

// FuzzParseOffer: what is accepted can be read again with the same outcome, and pion takes it without a panic.
func FuzzParseOffer(f *testing.F) {
	for name := range clients(f) {
		f.Add([]byte(offerText(f, name)), roleOf(name) == Play)
	}
	f.Fuzz(func(t *testing.T, body []byte, play bool) {
		role := Publish
		if play {
			role = Play
		}
		o, err := ParseOffer(body, role)
		if err != nil {
			if o != nil {
				t.Fatal("an offer next to an error")
			}
			return
		}
		again, err := ParseOffer([]byte(o.SDP), role)
		if err != nil || again.SDP != o.SDP {
			t.Fatalf("read again: %v\n%s", err, o.SDP)
		}
		pc, err := makePeer(o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = pc.GracefulClose() }()
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.SDP}); err != nil {
			t.Fatalf("pion refuses what was accepted: %v\n%s", err, o.SDP)
		}
	})
}

// FuzzFinishAnswer: whatever the stack says, there is an error or an answer with CRLF line ends that no client sees actpass in.
func FuzzFinishAnswer(f *testing.F) {
	f.Add(answerText("1 1 udp 1 192.0.2.1 5000 typ host", "1 2 tcp 1 ::1 5000 typ relay raddr 1.1.1.1 rport 1"), true)
	f.Add(strings.Replace(answerText(), "m=video 9", "m=video 0", 1), false)
	offer := offerText(f, "whip-obs")
	f.Fuzz(func(t *testing.T, answer string, loopback bool) {
		o := mustParse(t, offer, Publish)
		got, err := FinishAnswer(answer, o, AnswerOptions{Loopback: loopback})
		if err != nil {
			return
		}
		if !strings.HasPrefix(got, "v=0\r\n") || strings.Contains(got, "\r\na=setup:actpass\r\n") || strings.Count(got, "a=end-of-candidates\r\n") < 1 {
			t.Fatalf("finished answer:\n%s", got)
		}
	})
}

// FuzzIfMatch: whatever stands there, a tag matches if and only if it is in the list, strong and whole (RFC 9110 section 13.1.1).
func FuzzIfMatch(f *testing.F) {
	for _, header := range []string{`*`, `"*"`, `"a"`, `W/"a"`, `"a", "b"`, `"a,b"`, `a`, `"a`, `"a""b"`, `W/*`, ` , ,"a" ,`, ``, `W/"x, "a"`} {
		f.Add(header, "a")
	}
	f.Fuzz(func(t *testing.T, header, opaque string) {
		m := parseMatch([]string{header})
		if !m.given {
			t.Fatal("it is not given")
		}
		for _, tag := range m.tags {
			if strings.HasPrefix(tag, "W/\"") || !strings.Contains(header, tag) {
				t.Fatalf("%q of %q", tag, header)
			}
		}
		if strings.Contains(opaque, `"`) {
			return
		}
		tag := `"` + opaque + `"`
		if opaque != "*" && slices.Contains(m.tags, tag) && strings.Count(header, tag) == strings.Count(header, "W/"+tag) {
			t.Fatalf("%q matches in %q, where it is weak", tag, header)
		}
		for before, wanted := range map[string]bool{"": true, `"x", `: true, `W/"x",`: true, `W/`: false} {
			if got := parseMatch([]string{before + tag}); slices.Contains(got.tags, tag) != wanted && opaque != "x" {
				t.Fatalf("%q in %q: %v", tag, before+tag, !wanted)
			}
		}
		if again := parseMatch([]string{header, tag}); strings.Count(header, `"`)%2 == 0 && !slices.Contains(again.tags, tag) && !strings.ContainsAny(header, "\"W/") {
			t.Fatalf("%q is lost behind %q: %q", tag, header, again.tags)
		}
	})
}
