package bench

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"bongsu/wish"
)

const testAnswer = `v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=ice-lite
a=fingerprint:sha-256 aa:bb
a=setup:passive
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=ice-ufrag:abcd
a=ice-pwd:efghijklmnopqrstuvwxyz
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host
a=candidate:2 1 UDP 2130706430 127.0.0.1 5000 typ host
a=candidate:2 2 udp 2130706430 127.0.0.1 5001 typ host
a=candidate:3 1 tcp 1 192.0.2.1 9 typ host tcptype active
a=candidate:4 1 udp 1 a.local 9 typ host
a=candidate:5 1 udp 1 2001:db8::1 5000 typ host
m=audio 0 UDP/TLS/RTP/SAVPF 111
`

func TestReadAnswer(t *testing.T) {
	a, err := readAnswer(strings.ReplaceAll(testAnswer, "\n", "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a.ufrag != "abcd" || a.pwd != "efghijklmnopqrstuvwxyz" || a.fingerprint != "AA:BB" || a.active {
		t.Errorf("%+v", a)
	}
	want := []format{{payloadType: 96, mime: "video/VP8", rate: 90000}, {payloadType: 97, mime: "video/rtx", rate: 90000, rtx: true, apt: 96}}
	if !slices.Equal(a.formats, want) {
		t.Errorf("formats %+v", a.formats)
	}
	one, two, six := netip.MustParseAddrPort("192.0.2.1:5000"), netip.MustParseAddrPort("127.0.0.1:5000"), netip.MustParseAddrPort("[2001:db8::1]:5000")
	if got := a.reachable(true); !slices.Equal(got, []netip.AddrPort{two, one, six}) {
		t.Errorf("on this machine %v", got)
	}
	if got := a.reachable(false); !slices.Equal(got, []netip.AddrPort{one, six}) {
		t.Errorf("from elsewhere %v", got)
	}
	for name, change := range map[string][2]string{
		"no credentials": {"a=ice-pwd:efghijklmnopqrstuvwxyz\n", ""},
		"no fingerprint": {"a=fingerprint:sha-256 aa:bb\n", ""},
		"another hash":   {"sha-256", "sha-1"},
		"no candidate":   {"a=candidate", "a=x"},
		"nothing":        {"m=video 9", "m=video 0"},
		"no SDP":         {"v=0", "hello"},
	} {
		if _, err := readAnswer(strings.ReplaceAll(testAnswer, change[0], change[1])); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestOffer: a strict server understands it, and finds the wanted codec first.
func TestOffer(t *testing.T) {
	hash := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	for _, first := range []string{"H264", "VP9", "H265"} {
		for _, local := range []string{"127.1.0.1:5", "[2001:db8::2]:5"} {
			text := viewerOffer(credentials{random(8), random(24)}, hash, netip.MustParseAddrPort(local), first, true)
			o, err := wish.ParseOffer([]byte(text), wish.Play)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			formats := o.Formats()
			if len(o.Media) != 2 || len(formats) != 6 || formats[0].Name() != first || formats[0].RTX == 0 {
				t.Errorf("%d m-lines, formats %+v", len(o.Media), formats)
			}
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add(testAnswer)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := readAnswer(text)
		if err == nil && (a.ufrag == "" || len(a.candidates) == 0) {
			t.Errorf("an answer without what a viewer needs is taken: %+v", a)
		}
	})
}
