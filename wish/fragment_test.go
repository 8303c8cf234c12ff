package wish

import (
	"slices"
	"strings"
	"testing"
)

const (
	hostLine  = "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"
	srflxLine = "a=candidate:2 1 UDP 1694498815 198.51.100.1 6000 typ srflx raddr 192.0.2.1 rport 5000 generation 0 ufrag abcd network-id 1"
	host      = "1 1 udp 2130706431 192.0.2.1 5000 typ host"
	srflx     = "2 1 udp 1694498815 198.51.100.1 6000 typ srflx raddr 192.0.2.1 rport 5000"
	longPwd   = "abcdefghijklmnopqrstuv"
)

func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func TestParseFragment(t *testing.T) { // W-60, W-61, W-62, W-73
	credentials := []string{"a=ice-ufrag:abcd", "a=ice-pwd:" + longPwd}
	with := func(lines ...string) string { return crlf(append(slices.Clone(credentials), lines...)...) }
	for _, c := range []struct {
		name, text  string
		ufrag, pwd  string
		candidates  []string
		isMalformed bool
	}{
		{"RFC 9725's", crlf("a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", "a=ice-ufrag:abcd", "a=ice-pwd:"+longPwd, hostLine, srflxLine, "a=end-of-candidates"), "abcd", longPwd, []string{host, srflx}, false},
		{"medooze's", with("m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", srflxLine), "abcd", longPwd, []string{srflx}, false},
		{"meetecho's", with("m=audio 9 RTP/AVP 0", hostLine), "abcd", longPwd, []string{host}, false},
		{"LF, and no last line end", strings.TrimSpace(strings.ReplaceAll(with(hostLine), "\r\n", "\n")), "abcd", longPwd, []string{host}, false},
		{"no m-line, no candidates", with(), "abcd", longPwd, nil, false},
		{"only the end", crlf("a=end-of-candidates"), "", "", nil, false},
		{"the end at session level", with("a=end-of-candidates", "m=video 9 X 1 2 3"), "abcd", longPwd, nil, false},
		{"no credentials", crlf("m=audio 9 RTP/AVP 0", hostLine), "", "", []string{host}, false},
		{"user name only", crlf("a=ice-ufrag:abcd", hostLine), "abcd", "", []string{host}, false},
		{"one candidate under each m-line", with("m=audio 9 RTP/AVP 0", "a=mid:a", hostLine, "m=video 9 RTP/AVP 0", "a=mid:b", hostLine, srflxLine), "abcd", longPwd, []string{host, srflx}, false},
		{"bad candidates beside a good one", with(
			"a=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active", "a=candidate:1 1 udp 1 3a2f.local 5000 typ host", "a=candidate:1 1 udp 1 192.0.2.1",
			"a=candidate:", "a=candidate:1 2 udp 1 192.0.2.1 5001 typ host", "a=candidate:1 1 sctp 1 192.0.2.1 5001 typ host", hostLine), "abcd", longPwd, []string{host}, false},
		{"only a bad candidate", crlf("a=candidate:1 1 udp 1 3a2f.local 5000 typ host"), "", "", nil, false},
		{"more of it", with("v=0", "s=-", "a=ice-options:trickle", "a=unknown", hostLine), "abcd", longPwd, []string{host}, false},
		{"empty", "", "", "", nil, true},
		{"white", " \r\n\r\n", "", "", nil, true},
		{"prose", "hello", "", "", nil, true},
		{"JSON", `{"candidate":"1 1 udp"}`, "", "", nil, true},
		{"nothing of ICE", crlf("m=audio 9 RTP/AVP 0", "a=mid:0"), "", "", nil, true},
		{"a control character", with("a=\x00"), "", "", nil, true},
		{"a password only", crlf("a=ice-pwd:" + longPwd), "", "", nil, true},
		{"a short user name", crlf("a=ice-ufrag:abc", "a=ice-pwd:"+longPwd), "", "", nil, true},
		{"a long user name", crlf("a=ice-ufrag:"+strings.Repeat("a", 257), "a=ice-pwd:"+longPwd), "", "", nil, true},
		{"a short password", crlf("a=ice-ufrag:abcd", "a=ice-pwd:"+longPwd[1:]), "", "", nil, true},
		{"a password that is none", crlf("a=ice-ufrag:abcd", "a=ice-pwd:"+longPwd+"-"), "", "", nil, true},
	} {
		f, err := parseFragment([]byte(c.text))
		if c.isMalformed {
			want(t, err, ErrMalformed)
			continue
		}
		if err != nil || f.ufrag != c.ufrag || f.pwd != c.pwd || !slices.Equal(f.candidates, c.candidates) {
			t.Errorf("%s: %+v, %v; want %q %q %q", c.name, f, err, c.ufrag, c.pwd, c.candidates)
		}
	}
	_, err := parseFragment([]byte(strings.Repeat("a=b\r\n", maxOffer)))
	want(t, err, ErrTooLarge)
}

// Whoever sends a thousand candidates is not a thousand hosts.
func TestFragmentIsBounded(t *testing.T) {
	var lines []string
	for i := range 1000 {
		lines = append(lines, "a=candidate:1 1 udp 1 192.0.2."+string(rune('0'+i%10))+" "+string(rune('1'+i/100))+"000 typ host")
	}
	f, err := parseFragment([]byte(crlf(lines...)))
	if err != nil || len(f.candidates) != maxCandidates {
		t.Errorf("%d candidates, %v", len(f.candidates), err)
	}
	var ice iceSession
	if fresh := ice.learn(f.candidates); len(fresh) != maxCandidates {
		t.Errorf("%d are new", len(fresh))
	}
	if fresh := ice.learn([]string{host, f.candidates[0]}); fresh != nil {
		t.Errorf("beyond the bound: %q", fresh)
	}
}

func TestAnswerFragment(t *testing.T) { // W-65, W-69
	answer := crlf("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=ice-lite", "a=ice-options:ice2 trickle", "a=msid-semantic:WMS *", "a=group:BUNDLE v d",
		"m=audio 0 UDP/TLS/RTP/SAVPF 0", "a=mid:a", "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=mid:v", "a=ice-ufrag:old", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:d")
	description := crlf("a=ice-ufrag:new", "a=ice-pwd:newer", "a=candidate:1 1 udp 1 127.0.0.1 5000 typ host", "a=candidate:2 1 udp 1 10.0.0.1 5000 typ host",
		"a=candidate:2 2 udp 1 10.0.0.1 5000 typ host", "a=candidate:3 1 udp 1 192.0.2.1 5000 typ host", "a=ice-ufrag:second")
	got, err := answerFragment(iceHead(answer), description, false)
	expected := crlf("a=ice-lite", "a=ice-options:ice2 trickle", "a=group:BUNDLE v d", "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:v", "a=ice-ufrag:new", "a=ice-pwd:newer",
		"a=candidate:3 1 udp 1 192.0.2.1 5000 typ host", "a=candidate:2 1 udp 1 10.0.0.1 5000 typ host", "a=end-of-candidates")
	if err != nil || got != expected {
		t.Errorf("%v\n%s\nwant\n%s", err, got, expected)
	}
	if _, err := answerFragment("", "a=ice-ufrag:new\r\n", false); err == nil {
		t.Error("an answer without a password")
	}
}

func TestParseMatch(t *testing.T) { // W-58
	for _, c := range []struct {
		headers []string
		given   bool
		any     bool
		tags    []string
	}{
		{nil, false, false, nil},
		{[]string{""}, true, false, nil},
		{[]string{"*"}, true, true, nil},
		{[]string{` "*" `}, true, true, nil},
		{[]string{`"a"`}, true, false, []string{`"a"`}},
		{[]string{`"a", "b","c,d"`}, true, false, []string{`"a"`, `"b"`, `"c,d"`}},
		{[]string{`"a"`, `"b"`}, true, false, []string{`"a"`, `"b"`}},
		{[]string{`W/"a", "b"`}, true, false, []string{`"b"`}},
		{[]string{`W/"*"`}, true, false, nil},
		{[]string{`W/*`}, true, false, nil},
		{[]string{`a`}, true, false, []string{"a"}},
		{[]string{`"a`}, true, false, nil},
		{[]string{`,,"a" "b"`}, true, false, []string{`"a"`, `"b"`}},
	} {
		m := parseMatch(c.headers)
		tags := slices.DeleteFunc(m.tags, func(s string) bool { return strings.Trim(s, `"`) == "*" })
		if m.given != c.given || m.any != c.any || !slices.Equal(tags, c.tags) {
			t.Errorf("%q: %+v, want %v %v %q", c.headers, m, c.given, c.any, c.tags)
		}
	}
}

// FuzzParseFragment: what is accepted is bounded, and means the same when it is written again.
func FuzzParseFragment(f *testing.F) {
	f.Add([]byte(crlf("a=ice-ufrag:abcd", "a=ice-pwd:"+longPwd, "m=audio 9 RTP/AVP 0", "a=mid:0", hostLine, srflxLine, "a=end-of-candidates")))
	f.Add([]byte("a=candidate:1 1 udp 1 ::ffff:192.0.2.1 1 typ relay\na=ice-ufrag:abcd"))
	f.Add([]byte("a=end-of-candidates"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseFragment(body)
		if err != nil {
			return
		}
		lines := []string{"a=end-of-candidates"}
		if got.ufrag != "" {
			lines = append(lines, "a=ice-ufrag:"+got.ufrag)
		}
		if got.pwd != "" {
			lines = append(lines, "a=ice-pwd:"+got.pwd)
		}
		for _, c := range got.candidates {
			lines = append(lines, "a=candidate:"+c)
		}
		again, err := parseFragment([]byte(crlf(lines...)))
		if err != nil || again.ufrag != got.ufrag || again.pwd != got.pwd || !slices.Equal(again.candidates, got.candidates) || len(got.candidates) > maxCandidates {
			t.Fatalf("%+v, again %+v, %v", got, again, err)
		}
	})
}

// FuzzParseMatch: whatever If-Match is, it ends, and only what stands in it as a whole and strong tag matches.
func FuzzParseMatch(f *testing.F) {
	f.Add(`"a", W/"b", *`)
	f.Add(`W/W/"`)
	f.Fuzz(func(t *testing.T, header string) {
		for _, tag := range parseMatch([]string{header}).tags {
			if !strings.Contains(header, tag) {
				t.Fatalf("%q is not in %q", tag, header)
			}
		}
	})
}
