package broadcast

import "strings"

// The MIME types of the video codecs whose payloads are read here, as IANA registers them.
const (
	mimeH264 = "video/H264"
	mimeH265 = "video/H265"
	mimeVP8  = "video/VP8"
	mimeVP9  = "video/VP9"
	mimeAV1  = "video/AV1"
)

// StartsKeyframe tells whether an RTP payload begins a keyframe, or carries the parameter sets or sequence header that come
// before it with the same timestamp: H.264 (RFC 6184), H.265 (RFC 7798), VP8 (RFC 7741), VP9 (RFC 9628) and AV1 (RTP Payload
// Format For AV1, version 1.0). A packet from the middle of a keyframe, also the first of a later slice, begins none.
// The MIME type is compared without regard to case; payloads of other codecs begin nothing.
func StartsKeyframe(mimeType string, payload []byte) bool {
	switch {
	case strings.EqualFold(mimeType, mimeH264):
		return h264StartsKeyframe(payload)
	case strings.EqualFold(mimeType, mimeH265):
		return h265StartsKeyframe(payload)
	case strings.EqualFold(mimeType, mimeVP8):
		return vp8StartsKeyframe(payload)
	case strings.EqualFold(mimeType, mimeVP9):
		return vp9StartsKeyframe(payload)
	case strings.EqualFold(mimeType, mimeAV1):
		return av1StartsKeyframe(payload)
	}
	return false
}

// Resolution reads the size of the picture, in pixels and after cropping, from an RTP payload that carries it: the sequence
// parameter set of H.264 and H.265 unless it is in fragments, the head of a VP8 keyframe, the scalability structure (its
// highest layer) or else the head of a VP9 keyframe, the sequence header of AV1. ok is false for every other payload.
func Resolution(mimeType string, payload []byte) (width, height int, ok bool) {
	switch {
	case strings.EqualFold(mimeType, mimeH264):
		return h264Resolution(payload)
	case strings.EqualFold(mimeType, mimeH265):
		return h265Resolution(payload)
	case strings.EqualFold(mimeType, mimeVP8):
		return vp8Resolution(payload)
	case strings.EqualFold(mimeType, mimeVP9):
		return vp9Resolution(payload)
	case strings.EqualFold(mimeType, mimeAV1):
		return av1Resolution(payload)
	}
	return 0, 0, false
}
