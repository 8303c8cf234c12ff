package wish

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bongsu/broadcast"
)

// want checks an error's kind, and that it says what it should.
func want(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q doesn't say %q", err, w)
		}
	}
}

// without removes the lines that match.
func without(text, pattern string) string {
	return regexp.MustCompile(`(?m)^`+pattern+`\r?\n`).ReplaceAllString(text, "")
}

func TestParseOfferOBS(t *testing.T) {
	o := mustParse(t, offerText(t, "whip-obs-simulcast"), Publish)
	wantCodec := Codec{
		Codec:       broadcast.Codec{MimeType: "video/H264", ClockRate: 90000, Fmtp: "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"},
		PayloadType: 96, Feedback: []string{"nack", "nack pli", "ccm fir", "goog-remb"},
	}
	v := o.Media[1]
	if len(v.Codecs) != 1 || !reflect.DeepEqual(v.Codecs[0], wantCodec) || v.Mid != "1" || v.Kind != "video" || v.Index != 1 {
		t.Errorf("video is %+v", v)
	}
	if !slices.Equal(v.RIDs, []string{"0", "1", "2"}) || o.Passive || o.Role != Publish {
		t.Errorf("rids %q, passive %v, role %v", v.RIDs, o.Passive, o.Role)
	}
	if a := o.Media[0].Codecs[0]; a.MimeType != "audio/opus" || a.Channels != 2 || a.PayloadType != 111 {
		t.Errorf("audio is %+v", a)
	}
	if !strings.Contains(o.SDP, "a=ice-options:ice2 trickle\r\n") {
		t.Errorf("ice-options are lost in %s", o.SDP)
	}
}

func TestParseOfferChromium(t *testing.T) {
	o := mustParse(t, offerText(t, "whep-chromium"), Play)
	var offered []string
	for _, c := range o.Media[1].Codecs {
		offered = append(offered, fmt.Sprintf("%d %s", c.PayloadType, c.Name()))
	}
	wantOrder := []string{"96 VP8", "98 VP9", "100 VP9", "102 H264", "104 H264", "106 H264", "108 H264", "112 H264", "45 AV1"}
	if !slices.Equal(offered, wantOrder) {
		t.Errorf("codecs are %q, want %q", offered, wantOrder)
	}
	wantRTX := map[uint8]uint8{97: 96, 99: 98, 101: 100, 103: 102, 105: 104, 107: 106, 109: 108, 113: 112, 46: 45} // not red's
	if !reflect.DeepEqual(o.Media[1].RTX, wantRTX) {
		t.Errorf("RTX is %v, want %v", o.Media[1].RTX, wantRTX)
	}
	if f := o.Formats(); len(f) != 13 || f[4].PayloadType != 96 || f[4].RTX != 97 || f[0].RTX != 0 {
		t.Errorf("formats are %v", f)
	}
	if n := len(o.Media[0].Codecs); n != 4 {
		t.Errorf("%d audio codecs, want opus, G722, PCMU, PCMA", n)
	}
	for _, lost := range []string{".local", " tcp ", "red/", "ulpfec", "network-cost"} {
		if strings.Contains(o.SDP, lost) {
			t.Errorf("%q is still in the normalized offer", lost)
		}
	}
	if n := strings.Count(o.SDP, "a=candidate:"); n != 2 {
		t.Errorf("%d candidates, want the host and srflx ones by UDP", n)
	}
}

// What clients get wrong, or leave out, and is accepted all the same. "has" must be in the normalized offer, "not" must not.
func TestParseOfferTolerates(t *testing.T) {
	obs, ffmpeg := offerText(t, "whip-obs"), offerText(t, "whip-ffmpeg-video")
	chromium := offerText(t, "whip-chromium")
	lines := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for _, c := range []struct{ name, offer, has, not string }{
		{"LF line ends", strings.ReplaceAll(obs, "\r", ""), "a=rtcp-mux\r\n", ""},
		{"no newline at the end", strings.TrimRight(obs, "\r\n"), "m=video", ""},
		{"empty lines and a byte order mark", "\ufeff" + strings.ReplaceAll(obs, "m=video", "\r\nm=video"), "m=video", ""},
		{"BUNDLE of an absent mid", ffmpeg, "a=group:BUNDLE 1\r\n", "BUNDLE 0"},
		{"seven digits of profile-level-id", ffmpeg, "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n", "422001f"},
		{"one m-line without BUNDLE", without(ffmpeg, `a=group:.*`), "a=group:BUNDLE 1\r\n", ""},
		{"one m-line without a mid", without(without(ffmpeg, `a=group:.*`), `a=mid:.*`), "a=group:BUNDLE 0\r\n", ""},
		{"BUNDLE in another order", strings.Replace(obs, "BUNDLE 0 1", "BUNDLE 1 0", 1), "a=group:BUNDLE 1 0\r\n", ""},
		{"bundle-only with port 0", strings.Replace(obs, "m=video 9", "m=video 0", 1), "m=video 9 ", ""},
		{"no setup", without(obs, `a=setup:.*`), "a=setup:actpass", ""},
		{"no fmtp for H264", without(obs, `a=fmtp:96 .*`), "a=fmtp:96 packetization-mode=0;profile-level-id=42e01f\r\n", ""},
		{"an fmtp that is none", strings.Replace(obs, "a=fmtp:96 ", "a=fmtp:96;", 1), "a=fmtp:96 packetization-mode=0;profile-level-id=42e01f\r\n", ""},
		{"an fmtp of a strange profile", strings.Replace(obs, "profile-level-id=42e01f", " Profile-Level-ID=baseline;; ", 1), "a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n", "baseline"},
		{"no direction, which is sendrecv", without(obs, `a=sendonly`), "a=sendonly\r\n", ""},
		{"direction at session level", strings.Replace(without(obs, `a=sendonly`), "t=0 0\r\n", "t=0 0\r\na=sendonly\r\n", 1), "a=sendonly\r\n", ""},
		{"sendrecv", strings.ReplaceAll(obs, "a=sendonly", "a=sendrecv"), "a=sendonly\r\n", "sendrecv"},
		{"transport in the first m-line only", obs[:strings.Index(obs, "m=video")] + without(obs[strings.Index(obs, "m=video"):], `a=(ice|setup|fingerprint|rtcp-mux).*`), "a=rtcp-mux\r\n", ""},
		{"transport at session level", strings.Replace(without(obs, `a=ice-(ufrag|pwd):.*`), "t=0 0\r\n", "t=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n", 1), "a=ice-pwd:0123456789012345678901", ""},
		{"fingerprint in lower case", regexp.MustCompile(`sha-256 \S+`).ReplaceAllStringFunc(ffmpeg, strings.ToLower), "a=fingerprint:sha-256 D1:47", ""},
		{"a weak fingerprint before a good one", strings.Replace(ffmpeg, "a=fingerprint:", "a=fingerprint:sha-1 00:11\r\na=fingerprint:", 1), "a=fingerprint:sha-256", "sha-1"},
		{"candidates that can't be used", strings.Replace(chromium, "m=video", lines("a=candidate:1 1 udp 2130706431\na=candidate:2 1 udp x 10.0.0.1 5000 typ host\na=candidate:3 1 udp 1 10.0.0.1 0 typ host\na=candidate:4 2 udp 1 10.0.0.1 5000 typ host\na=candidate:5 1 sctp 1 10.0.0.1 5000 typ host\na=candidate:6 1 udp 1 null 5000 typ host\na=candidate:7 1 udp 1 10.0.0.9 5000 typ weird\na=candidate:8 1 udp 1 10.0.0.7 5000 typ srflx\nm=video"), 1), "a=candidate:8 1 udp 1 10.0.0.7 5000 typ srflx raddr 0.0.0.0 rport 9\r\n", "10.0.0.1"},
		{"components counted from 0", strings.Replace(ffmpeg, "a=setup", "a=candidate:1 0 UDP 1 10.0.0.1 5000 typ host\r\na=setup", 1), "a=candidate:1 1 udp 1 10.0.0.1 5000 typ host\r\n", ""},
		{"broken extmaps", strings.Replace(obs, "a=extmap:1 ", "a=extmap:0 x:y\r\na=extmap:z\r\na=extmap:300 a:b\r\na=extmap:1 ", 1), "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid", "x:y"},
		{"feedback for every payload type", strings.Replace(ffmpeg, "a=ssrc", "a=rtcp-fb:* nack pli\r\na=ssrc", 1), "a=rtcp-fb:106 nack pli\r\n", ""},
		{"Opus without channels", strings.Replace(obs, "opus/48000/2", "OPUS/48000", 1), "a=rtpmap:111 opus/48000/2\r\n", ""},
		{"no msid", without(without(obs, `a=msid:.*`), `a=ssrc:.* msid:.*`), "a=msid:- 1\r\n", ""},
		{"a repaired stream in FID", chromium, "a=ssrc-group:FID 2233145560 894406127\r\n", ""},
		{"two SSRCs in an m-line", strings.Replace(ffmpeg, "a=ssrc:1709342882 msid", "a=ssrc:77 cname:x\r\na=ssrc:1709342882 msid", 1), "a=ssrc:1709342882", "a=ssrc:77"},
		{"unknown lines", strings.Replace(ffmpeg, "a=ssrc", "a=x-something:1\r\na=framerate:30\r\na=ssrc", 1), "H264", "x-something"},
		{"retransmission of an unknown type", strings.Replace(strings.Replace(ffmpeg, "SAVPF 106", "SAVPF 106 107 108", 1), "a=ssrc", "a=rtpmap:107 rtx/90000\r\na=fmtp:107 apt=50\r\na=rtpmap:108 rtx/90000\r\na=ssrc", 1), "SAVPF 106\r\n", "rtx"},
		{"ice-lite", strings.Replace(ffmpeg, "a=group", "a=ice-lite\r\na=group", 1), "a=ice-lite\r\n", ""},
		{"a payload type twice", strings.Replace(obs, "SAVPF 96", "SAVPF 96 96", 1), "SAVPF 96\r\n", ""},
		{"one configuration twice", strings.Replace(strings.Replace(obs, "SAVPF 96", "SAVPF 96 97 98", 1), "a=rtpmap:96", "a=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=1;profile-level-id=42E034\r\na=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=42e01f\r\na=rtpmap:96", 1), "SAVPF 96 98\r\n", "42E034"},
		{"a payload type that looks like RTCP", strings.Replace(obs, "SAVPF 96", "SAVPF 72 96\r\na=rtpmap:72 VP8/90000", 1), "SAVPF 96\r\n", "VP8"},
		{"payload types from 35 to 63", strings.NewReplacer("SAVPF 96", "SAVPF 35", ":96 ", ":35 ").Replace(obs), "a=rtpmap:35 H264/90000\r\n", ""},
		{"names in other letters", strings.NewReplacer("opus/48000/2", "OPUS/48000/2", "H264/90000", "h264/90000").Replace(obs), "a=rtpmap:96 H264/90000\r\n", "OPUS"},
		{"a fingerprint by SHA-384", regexp.MustCompile(`sha-256 \S+`).ReplaceAllString(ffmpeg, "SHA-384 "+strings.TrimSuffix(strings.Repeat("0a:", 48), ":")), "a=fingerprint:sha-384 0A:0A", "sha-256"},
		{"a fingerprint by SHA-512", regexp.MustCompile(`sha-256 \S+`).ReplaceAllString(ffmpeg, "sha-512 "+strings.TrimSuffix(strings.Repeat("0a:", 64), ":")), "a=fingerprint:sha-512 0A:0A", "sha-256"},
		{"a mid twice in BUNDLE, and another group", strings.Replace(obs, "BUNDLE 0 1", "BUNDLE 0 0 1 7", 1), "a=group:BUNDLE 0 1\r\n", "group:LS"},
		{"IPv6 zones and mDNS names", strings.Replace(ffmpeg, "a=setup", "a=candidate:1 1 udp 1 fe80::1%eth0 5000 typ host\r\na=candidate:2 1 udp 1 a.local 5000 typ host\r\na=candidate:3 1 udp 1 fe80::2 5000 typ host\r\na=setup", 1), "a=candidate:3 1 udp 1 fe80::2 5000 typ host\r\n", "fe80::1"},
		{"header extensions at session level", strings.Replace(ffmpeg, "a=group", "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=group", 1), "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n", ""},
		{"a header extension under two numbers", strings.Replace(obs, "a=extmap:1 ", "a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:1 ", 1), "a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid\r\n", "a=extmap:1 "},
		{"a number for two header extensions", strings.Replace(obs, "a=extmap:2 ", "a=extmap:1 x:y\r\na=extmap:2 ", 1), "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n", "x:y"},
		{"a number for other header extensions in other m-lines", strings.Replace(obs, "a=mid:0", "a=mid:0\r\na=extmap:2 x:y", 1), "a=extmap:2 x:y\r\n", "rtp-stream-id"},
		{"a bandwidth, and an empty data channel", strings.Replace(obs, "BUNDLE 0 1", "BUNDLE 0 1 data", 1) + "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\nb=AS:30\r\na=bundle-only\r\na=mid:data\r\n", "a=group:BUNDLE 0 1 data\r\n", "b=AS"},
		{"a rid without simulcast", strings.Replace(ffmpeg, "a=ssrc", "a=rid:a send\r\na=ssrc", 1), "a=ssrc:1709342882", "a=rid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := mustParse(t, c.offer, Publish)
			if !strings.Contains(o.SDP, c.has) {
				t.Errorf("%q is not in the normalized offer\n%s", c.has, o.SDP)
			}
			if c.not != "" && strings.Contains(o.SDP, c.not) {
				t.Errorf("%q is in the normalized offer\n%s", c.not, o.SDP)
			}
			if again := mustParse(t, o.SDP, Publish); again.SDP != o.SDP {
				t.Errorf("normalizing twice changes\n%s\nto\n%s", o.SDP, again.SDP)
			}
		})
	}
}

func TestParseOfferRefuses(t *testing.T) {
	obs, ffmpeg := offerText(t, "whip-obs"), offerText(t, "whip-ffmpeg-video")
	video := obs[strings.Index(obs, "m=video"):]
	replace := func(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }
	for _, c := range []struct {
		name, offer string
		kind        error
		says        string
	}{
		{"nothing", "", ErrMalformed, "empty"},
		{"line ends only", "\r\n\r\n", ErrMalformed, "empty"},
		{"not SDP", "hello", ErrMalformed, "SDP"},
		{"JSON", `{"type":"offer","sdp":"v=0"}`, ErrMalformed, "SDP"},
		{"too much", strings.Repeat("a", maxOffer+1), ErrTooLarge, "65536"},
		{"cut off", obs[:strings.Index(obs, "m=audio")+9], ErrMalformed, ""},
		{"control characters", strings.Replace(obs, "a=mid:0", "a=mid:0\x00", 1), ErrMalformed, "control"},
		{"a lone CR", strings.Replace(obs, "a=mid:0", "a=mid\r:0", 1), ErrMalformed, "control"},
		{"no m-line", obs[:strings.Index(obs, "m=audio")], ErrMalformed, "no m-line"},
		{"no ufrag", without(obs, `a=ice-ufrag:.*`), ErrMalformed, `m-line 0 (audio, mid "0"): a=ice-ufrag`},
		{"no pwd", without(obs, `a=ice-pwd:.*`), ErrMalformed, "a=ice-pwd"},
		{"no fingerprint", without(obs, `a=fingerprint:.*`), ErrMalformed, "a=fingerprint is missing"},
		{"a short ufrag", replace(obs, "jR4x", "jR4"), ErrMalformed, "4 to 256"},
		{"a short pwd", replace(obs, "9mWc2Vq7LtYpE5sNaUdKzG", "9mWc2Vq7LtYpE5sNaUdKz"), ErrMalformed, "22 to 256"},
		{"a long pwd", replace(obs, "9mWc2Vq7LtYpE5sNaUdKzG", strings.Repeat("x", 257)), ErrMalformed, "22 to 256"},
		{"a pwd that isn't ice-chars", replace(obs, "9mWc2Vq7LtYpE5sNaUdKzG", "9mWc2Vq7LtYpE5sNaUd=zG"), ErrMalformed, "22 to 256"},
		{"a fingerprint that is too short", replace(obs, ":BB", ""), ErrMalformed, "32 octets"},
		{"a fingerprint by SHA-1", regexp.MustCompile(`sha-256 \S+`).ReplaceAllString(obs, "sha-1 "+strings.TrimSuffix(strings.Repeat("0A:", 20), ":")), ErrUnprocessable, "sha-1 is not safe"},
		{"one payload type for audio and video", strings.ReplaceAll(obs, "111", "96"), ErrUnprocessable, "payload type 96 stands for a codec of m-line 0 too"},
		{"a retransmission under the payload type of a codec", strings.Replace(obs, "SAVPF 96", "SAVPF 96 111\r\na=rtpmap:111 rtx/90000\r\na=fmtp:111 apt=96", 1), ErrUnprocessable, "payload type 111 stands for a codec of m-line 0 too"},
		{"a payload type of RTCP alone", strings.ReplaceAll(obs, "96", "72"), ErrUnprocessable, "payload type 72"},
		{"simulcast without rids in its packets", without(offerText(t, "whip-obs-simulcast"), `a=extmap:2 .*`), ErrUnprocessable, "sdes:rtp-stream-id"},
		{"simulcast whose number for rids is taken", strings.Replace(offerText(t, "whip-obs-simulcast"), "a=mid:0", "a=mid:0\r\na=extmap:2 x:y", 1), ErrUnprocessable, "sdes:rtp-stream-id"},
		{"a fingerprint by MD5", replace(obs, "sha-256 ", "md5 "), ErrUnprocessable, "sha-256"},
		{"an unknown setup", replace(obs, "setup:actpass", "setup:maybe"), ErrMalformed, "maybe"},
		{"holdconn", replace(obs, "setup:actpass", "setup:holdconn"), ErrUnprocessable, "actpass"},
		{"no rtcp-mux", without(obs, `a=rtcp-mux`), ErrUnprocessable, `m-line 0 (audio, mid "0"): a=rtcp-mux is missing`},
		{"recvonly", replace(obs, "a=sendonly", "a=recvonly"), ErrUnprocessable, "recvonly, but a client that publishes"},
		{"inactive", replace(obs, "a=sendonly", "a=inactive"), ErrUnprocessable, "inactive"},
		{"recvonly at session level", replace(without(obs, "a=sendonly"), "t=0 0", "t=0 0\r\na=recvonly"), ErrUnprocessable, "recvonly"},
		{"two video m-lines", replace(obs, "BUNDLE 0 1", "BUNDLE 0 1 2") + replace(video, "a=mid:1", "a=mid:2"), ErrUnprocessable, `m-line 2 (video, mid "2"): there is more than one video`},
		{"two audio m-lines", replace(obs, "m=video", "m=audio"), ErrUnprocessable, "more than one audio"},
		{"only a data channel", replace(ffmpeg, "m=video 9 UDP/TLS/RTP/SAVPF 106", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"), ErrUnprocessable, "neither an audio nor a video"},
		{"an application that is no data channel", replace(ffmpeg, "m=video 9", "m=application 9"), ErrUnprocessable, "data channel"},
		{"text", replace(ffmpeg, "m=video", "m=text"), ErrUnprocessable, "not supported"},
		{"no encryption", replace(obs, "UDP/TLS/RTP/SAVPF", "RTP/AVPF"), ErrUnprocessable, "RTP/AVPF is not encrypted"},
		{"two m-lines without BUNDLE", without(obs, `a=group:BUNDLE.*`), ErrUnprocessable, "a=group:BUNDLE"},
		{"an m-line outside BUNDLE", replace(obs, "BUNDLE 0 1", "BUNDLE 0"), ErrUnprocessable, `m-line 1 (video, mid "1")`},
		{"an m-line that is switched off", replace(obs, "BUNDLE 0 1", "BUNDLE 0", "m=video 9", "m=video 0"), ErrUnprocessable, "port 0"},
		{"two m-lines with one mid", replace(obs, "a=mid:1", "a=mid:0"), ErrMalformed, "same mid"},
		{"a mid of two words", replace(obs, "a=mid:1", "a=mid:1 2"), ErrMalformed, "mid"},
		{"two streams", replace(obs, "Kx81mTq7 Kx81mTq7-video", "Other Kx81mTq7-video"), ErrUnprocessable, "one MediaStream"},
		{"unknown codecs only", replace(obs, "H264/90000", "MPV/90000"), ErrUnprocessable, `m-line 1 (video, mid "1"): none of the offered codecs (MPV) is supported; supported are opus`},
		{"a known codec at a strange rate", replace(obs, "opus/48000/2", "opus/44100/2"), ErrUnprocessable, "opus"},
		{"video in an audio m-line", replace(obs, "opus/48000/2", "VP8/90000"), ErrUnprocessable, "(VP8)"},
		{"no rtpmap", without(obs, `a=rtpmap:96.*`), ErrUnprocessable, "a=rtpmap"},
		{"a payload type that is none", replace(obs, "SAVPF 96", "SAVPF 300"), ErrMalformed, "300"},
		{"a rid of strange characters", replace(offerText(t, "whip-obs-simulcast"), "a=rid:0 send", "a=rid:<0> send"), ErrMalformed, "rid"},
		{"too many layers", replace(ffmpeg, "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rid:a send\r\na=rid:b send\r\na=rid:c send\r\na=rid:d send\r\na=rid:e send\r\na=rid:f send\r\na=rid:g send\r\na=rid:h send\r\na=rid:i send\r\na=simulcast:send a;b\r\n"), ErrUnprocessable, "at most 8"},
		{"simulcast by SSRC", replace(ffmpeg, "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=ssrc-group:SIM 1 2 3\r\n"), ErrUnprocessable, "a=rid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := ParseOffer([]byte(c.offer), Publish)
			if o != nil {
				t.Error("there is an offer")
			}
			want(t, err, c.kind, c.says)
		})
	}
	t.Run("a player that sends", func(t *testing.T) {
		_, err := ParseOffer([]byte(obs), Play)
		want(t, err, ErrUnprocessable, "sendonly, but a client that plays", "recvonly")
	})
}

// A player's tracks and layers are not the server's business.
func TestParseOfferPlaySendrecv(t *testing.T) {
	o := mustParse(t, offerText(t, "whep-chromium-sendrecv"), Play)
	for _, not := range []string{"a=ssrc", "a=msid:", "sendrecv", "sendonly"} {
		if strings.Contains(o.SDP, not) {
			t.Errorf("%s is in\n%s", not, o.SDP)
		}
	}
	simulcast := strings.ReplaceAll(offerText(t, "whip-chromium-simulcast"), "a=sendonly", "a=sendrecv")
	if o := mustParse(t, simulcast, Play); o.Media[1].RIDs != nil || strings.Contains(o.SDP, "a=rid") {
		t.Errorf("a player has layers %q", o.Media[1].RIDs)
	}
}

func TestParseOfferSimulcast(t *testing.T) {
	o := mustParse(t, offerText(t, "whip-chromium-simulcast"), Publish)
	if !slices.Equal(o.Media[1].RIDs, []string{"q", "h", "f"}) || !strings.Contains(o.SDP, "a=simulcast:send q;h;~f\r\n") {
		t.Errorf("layers are %q in\n%s", o.Media[1].RIDs, o.SDP)
	}
	reordered := strings.Replace(offerText(t, "whip-chromium-simulcast"), "send q;h;~f", "recv x send f,q;unknown;h", 1)
	if o := mustParse(t, reordered, Publish); !slices.Equal(o.Media[1].RIDs, []string{"f", "q", "h"}) {
		t.Errorf("layers are %q, want the order of a=simulcast", o.Media[1].RIDs)
	}
	oldDraft := strings.Replace(offerText(t, "whip-chromium-simulcast"), "a=simulcast:send q;h;~f", "a=simulcast: send rid=q;h", 1)
	if o := mustParse(t, oldDraft, Publish); !slices.Equal(o.Media[1].RIDs, []string{"q", "h"}) {
		t.Errorf("layers are %q", o.Media[1].RIDs)
	}
}
