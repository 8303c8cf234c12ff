package wish

import (
	"encoding/hex"
	"slices"
	"strings"

	"bongsu/broadcast"
)

// configuration is what of a codec's format parameters makes it another codec for a WebRTC stack: two payload types of one
// configuration are one choice too many. Levels don't count, and of codecs not named here nothing does.
func configuration(c broadcast.Codec) string {
	of := func(name, otherwise string) string {
		if v := parameter(c.Fmtp, name); v != "" {
			return strings.ToLower(v)
		}
		return otherwise
	}
	switch c.Name() {
	case "H264": // RFC 6184 section 8.2.2
		return of("packetization-mode", "0") + " " + of("profile-level-id", "42e01f")[:4]
	case "H265": // draft-ietf-avtcore-hevc-webrtc section 2.1
		return of("profile-id", "1") + " " + of("tier-flag", "0") + " " + of("tx-mode", "srst")
	case "VP9": // RFC 9628 section 6
		return of("profile-id", "0")
	case "AV1":
		return of("profile", "0")
	}
	return ""
}

// completeH264 says what an H.264 fmtp line leaves out or garbles, as FFmpeg does with "422001f": WebRTC stacks recognize the
// codec by it, and clients its answer. The packetization mode is then 0 (RFC 6184 section 8.1); the level to infer would be 1,
// which nobody means.
func completeH264(fmtp string) string {
	var kept []string
	for p := range strings.SplitSeq(fmtp, ";") {
		key, _, _ := strings.Cut(strings.TrimSpace(p), "=")
		if key != "" && !strings.EqualFold(key, "packetization-mode") && !strings.EqualFold(key, "profile-level-id") {
			kept = append(kept, strings.TrimSpace(p))
		}
	}
	mode, profile := parameter(fmtp, "packetization-mode"), parameter(fmtp, "profile-level-id")
	_, err := hex.DecodeString(profile)
	goodMode, goodProfile := slices.Contains([]string{"0", "1", "2"}, mode), err == nil && len(profile) == 6
	if goodMode && goodProfile {
		return fmtp
	}
	if !goodMode {
		mode = "0"
	}
	if !goodProfile {
		profile = "42e01f"
	}
	return strings.Join(append(kept, "packetization-mode="+mode, "profile-level-id="+profile), ";")
}

// parameter is the value of one format parameter ("apt" in "apt=96;rtx-time=3000"), or "". If it is there twice, the last
// counts.
func parameter(fmtp, name string) (value string) {
	for p := range strings.SplitSeq(fmtp, ";") {
		if key, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(key, name) {
			value = strings.TrimSpace(v)
		}
	}
	return value
}
