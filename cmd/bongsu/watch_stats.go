package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/pion/rtp"

	"bongsu/broadcast"
)

// received counts what arrives of one track.
type received struct {
	kind          string
	codec         string // name, as in SDP
	width, height int

	packets, bytes int
	frames         int    // after the first
	base, highest  int64  // extended sequence numbers (RFC 3550 appendix A.1)
	timestamp      uint32 // of the highest
	rate           uint32 // of timestamps, a second
	arrived        time.Time
	jitter         float64 // RFC 3550 section 6.4.1, in timestamp units
	keyframe       uint32  // timestamp of the last one
	keyframeEvery  time.Duration

	firstPacket, firstKeyframe time.Time

	shown                                time.Time // the last report, and what had come by then
	shownPackets, shownBytes, shownFrame int
	shownExpected                        int64
	shownTimestamp                       uint32
}

// add counts a packet. A retransmitted one fills its gap.
func (r *received) add(p *rtp.Packet, mimeType string, rate uint32, now time.Time) {
	r.codec, r.rate = (broadcast.Codec{MimeType: mimeType}).Name(), rate
	if r.packets == 0 {
		r.base = int64(p.SequenceNumber)
		r.highest, r.timestamp, r.shownTimestamp = r.base-1, p.Timestamp, p.Timestamp
		r.firstPacket, r.shown, r.arrived = now, now, now
	}
	r.packets++
	r.bytes += len(p.Payload)
	step := int16(p.SequenceNumber - uint16(r.highest))
	if step <= 0 {
		return // late: retransmitted, or overtaken
	}
	if r.packets > 1 {
		transit := now.Sub(r.arrived).Seconds()*float64(rate) - float64(int32(p.Timestamp-r.timestamp))
		r.jitter += (max(transit, -transit) - r.jitter) / 16
	}
	r.highest += int64(step)
	if p.Timestamp != r.timestamp {
		r.frames++
	}
	r.timestamp, r.arrived = p.Timestamp, now
	if r.kind == "video" {
		r.look(p, mimeType, now)
	}
}

func (r *received) look(p *rtp.Packet, mimeType string, now time.Time) {
	if width, height, ok := broadcast.Resolution(mimeType, p.Payload); ok {
		r.width, r.height = width, height
	}
	if !broadcast.StartsKeyframe(mimeType, p.Payload) {
		return
	}
	switch {
	case r.firstKeyframe.IsZero():
		r.firstKeyframe = now
	case p.Timestamp == r.keyframe: // its parameter sets were the beginning
	default:
		r.keyframeEvery = time.Duration(float64(p.Timestamp-r.keyframe) / float64(r.rate) * float64(time.Second))
	}
	r.keyframe = p.Timestamp
}

// report is what has come since the last one.
func (r *received) report(now time.Time) *trackReport {
	elapsed := max(now.Sub(r.shown).Seconds(), 0.001)
	expected := r.highest - r.base + 1
	t := &trackReport{
		Codec: r.codec, Width: r.width, Height: r.height,
		Bitrate:  float64(r.bytes-r.shownBytes) * 8 / elapsed,
		Jitter:   r.jitter / float64(max(r.rate, 1)),
		Lost:     max(0, expected-int64(r.packets)),
		Keyframe: r.keyframeEvery.Seconds(),
	}
	if span := int32(r.timestamp - r.shownTimestamp); span > 0 && r.kind == "video" { // by the source's clock: a burst is not a higher rate
		t.FPS = float64(r.frames-r.shownFrame) * float64(r.rate) / float64(span)
	}
	if span := expected - r.shownExpected; span > 0 {
		t.Loss = float64(max(0, span-int64(r.packets-r.shownPackets))) / float64(span)
	}
	r.shown, r.shownPackets, r.shownBytes, r.shownFrame = now, r.packets, r.bytes, r.frames
	r.shownExpected, r.shownTimestamp = expected, r.timestamp
	return t
}

// watchReport is the line of one second.
type watchReport struct {
	Time  float64      `json:"time"` // seconds since the command began
	Video *trackReport `json:"video,omitempty"`
	Audio *trackReport `json:"audio,omitempty"`
}

type trackReport struct {
	Codec    string  `json:"codec"`
	Width    int     `json:"width,omitempty"`
	Height   int     `json:"height,omitempty"`
	FPS      float64 `json:"frameRate,omitempty"`
	Bitrate  float64 `json:"bitrate"`                    // bit/s
	Loss     float64 `json:"loss"`                       // of this second's packets, 0 to 1
	Lost     int64   `json:"lost"`                       // packets of this connection
	Jitter   float64 `json:"jitter"`                     // seconds
	Keyframe float64 `json:"keyframeInterval,omitempty"` // seconds
}

func (r watchReport) String() string {
	line := clock(time.Duration(r.Time * float64(time.Second)))
	if r.Video == nil && r.Audio == nil {
		return line + "  nothing arrives yet; waiting for the stream"
	}
	if r.Video != nil {
		line += "  " + r.Video.String()
	}
	if r.Audio != nil {
		line += "  " + r.Audio.String()
	}
	return line
}

func (t trackReport) String() string {
	parts := []string{t.Codec}
	if t.Width > 0 {
		parts = append(parts, fmt.Sprintf("%dx%d", t.Width, t.Height))
	}
	if t.FPS > 0 {
		parts = append(parts, fmt.Sprintf("%.1f fps", t.FPS))
	}
	parts = append(parts, bits(t.Bitrate), fmt.Sprintf("loss %.1f%%", 100*t.Loss), fmt.Sprintf("jitter %.1f ms", 1000*t.Jitter))
	if t.Keyframe > 0 {
		parts = append(parts, fmt.Sprintf("keyframe every %.1f s", t.Keyframe))
	}
	return strings.Join(parts, " ")
}

// firstReport is the first line of a connection; seconds since the offer.
type firstReport struct {
	Connected float64 `json:"connected"`
	Packet    float64 `json:"firstPacket"`
	Keyframe  float64 `json:"firstKeyframe,omitempty"`
}

func (f *firstReport) add(r *received, started time.Time) {
	if at := r.firstPacket.Sub(started).Seconds(); f.Packet == 0 || at < f.Packet {
		f.Packet = at
	}
	if !r.firstKeyframe.IsZero() {
		f.Keyframe = r.firstKeyframe.Sub(started).Seconds()
	}
}

// complete: something has come, and a keyframe if there is a picture.
func (f firstReport) complete(r watchReport) bool {
	return f.Packet > 0 && (r.Video == nil || f.Keyframe > 0)
}

func (f firstReport) String() string {
	line := fmt.Sprintf("connected after %.0f ms, first packet after %.0f ms", 1000*f.Connected, 1000*f.Packet)
	if f.Keyframe > 0 {
		line += fmt.Sprintf(", first keyframe after %.0f ms", 1000*f.Keyframe)
	}
	return line
}
