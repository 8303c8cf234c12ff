package broadcast

import "strings"

// Format is a codec under the payload type that a session negotiated for it.
type Format struct {
	Codec
	PayloadType uint8
	RTX         uint8 // payload type of its retransmissions (RFC 4588); 0: none
}

// PickFormat picks the negotiated format for what a source sends. What an fmtp line says of H.264 is no reliable guide to
// the stream: the encoding name decides; of several, packetization-mode=1 (RFC 6184 section 6.2) is better, then an equal
// profile.
func PickFormat(formats []Format, c Codec) (f Format, ok bool) {
	best, want := -1, profile(c.Fmtp)
	for _, o := range formats {
		if !strings.EqualFold(o.MimeType, c.MimeType) || o.ClockRate != c.ClockRate {
			continue
		}
		score := 0
		if parameter(o.Fmtp, "packetization-mode") == "1" {
			score += 2
		}
		if want != "" && strings.EqualFold(want, profile(o.Fmtp)) {
			score++
		}
		if score > best {
			best, f, ok = score, o, true
		}
	}
	return f, ok
}

// profile is what an fmtp line says of the codec's profile: profile_idc of H.264, profile-id of H.265 and VP9, profile of AV1.
func profile(fmtp string) string {
	if p := parameter(fmtp, "profile-level-id"); p != "" {
		return p[:min(len(p), 2)]
	}
	return parameter(fmtp, "profile-id") + parameter(fmtp, "profile")
}

// parameter is the value of one format parameter, or "".
func parameter(fmtp, name string) string {
	for p := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}
