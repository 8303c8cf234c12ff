package wish

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

func TestParseAnswer(t *testing.T) {
	good := playerAnswer(t)
	for name, text := range map[string]string{
		"as it is": good, "LF line ends": strings.ReplaceAll(good, "\r\n", "\n"), "no setup": strings.ReplaceAll(good, "a=setup:active\r\n", ""),
		"rtcp-mux once": good[:len(good)/2] + strings.ReplaceAll(good[len(good)/2:], "a=rtcp-mux\r\n", ""), "passive": strings.ReplaceAll(good, "setup:active", "setup:passive"),
	} {
		a, err := ParseAnswer([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		role := "active"
		if name == "passive" {
			role = name
		}
		if strings.Count(a.SDP, "a=setup:"+role+"\r\n") != 2 || strings.Count(a.SDP, "a=rtcp-mux\r\n") != 2 || strings.Count(a.SDP, "a=recvonly\r\n") != 2 || strings.Contains(strings.ReplaceAll(a.SDP, "\r\n", ""), "\n") {
			t.Errorf("%s:\n%s", name, a.SDP)
		}
		if len(a.Media) != 2 || a.Media[0].Kind != kindAudio || a.Media[1].Mid != "1" || len(a.Formats()) < 2 || a.ufrag != lineOf(good, "ice-ufrag") || a.pwd != lineOf(good, "ice-pwd") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	soundOff := strings.Replace(good, "m=audio 55021", "m=audio 0", 1)
	a, err := ParseAnswer([]byte(soundOff))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Media) != 2 || len(a.Media[0].Codecs) != 0 || a.Media[0].Mid != "0" || a.Media[1].Index != 1 || len(a.Media[1].Codecs) == 0 {
		t.Errorf("%+v", a.Media)
	}
	if !strings.Contains(a.SDP, "a=group:BUNDLE 1\r\n") || !strings.Contains(a.SDP, "m=audio 0 ") || strings.Count(a.SDP, "a=inactive\r\n") != 1 {
		t.Error(a.SDP)
	}
	for name, c := range map[string]struct {
		text string
		kind error
	}{
		"empty": {" \r\n", ErrMalformed}, "prose": {"hello", ErrMalformed}, "no m-line": {good[:strings.Index(good, "m=")], ErrMalformed},
		"no user name":   {strings.ReplaceAll(good, "a=ice-ufrag", "a=x"), ErrMalformed},
		"no fingerprint": {strings.ReplaceAll(good, "a=fingerprint", "a=x"), ErrMalformed},
		"all refused":    {strings.Replace(soundOff, "m=video 9", "m=video 0", 1), ErrUnprocessable},
		"actpass":        {strings.ReplaceAll(good, "setup:active", "setup:actpass"), ErrMalformed},
		"sendonly":       {strings.ReplaceAll(good, "a=recvonly", "a=sendonly"), ErrUnprocessable},
		"no direction":   {strings.ReplaceAll(good, "a=recvonly\r\n", ""), ErrUnprocessable},
		"no mux":         {strings.ReplaceAll(good, "a=rtcp-mux\r\n", ""), ErrUnprocessable},
		"no bundle":      {strings.ReplaceAll(good, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), ErrUnprocessable},
		"too large":      {good + strings.Repeat("a=x\r\n", maxOffer), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseAnswer([]byte(c.text))
			want(t, err, c.kind)
		})
	}
}

// FuzzParseAnswer: what is accepted can be read again with the same outcome, and pion reads it.
func FuzzParseAnswer(f *testing.F) {
	for name := range clients(f) {
		if roleOf(name) == Play {
			answer := strings.ReplaceAll(offerText(f, name), "a=setup:actpass", "a=setup:active")
			f.Add([]byte(answer))
			f.Add([]byte(strings.NewReplacer("m=audio 9", "m=audio 0", "a=bundle-only\r\n", "").Replace(answer)))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseAnswer(body)
		if err != nil {
			if a != nil {
				t.Fatal("an answer next to an error")
			}
			return
		}
		again, err := ParseAnswer([]byte(a.SDP))
		if err != nil || again.SDP != a.SDP {
			t.Fatalf("read again: %v\n%s", err, a.SDP)
		}
		if _, err := (&webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.SDP}).Unmarshal(); err != nil {
			t.Fatalf("%v\n%s", err, a.SDP)
		}
	})
}
