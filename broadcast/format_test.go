package broadcast

import "testing"

func TestPickFormat(t *testing.T) {
	h264 := func(fmtp string, pt uint8) Format {
		return Format{Codec: Codec{MimeType: "video/H264", ClockRate: 90000, Fmtp: fmtp}, PayloadType: pt}
	}
	offered := []Format{
		{Codec: Codec{MimeType: "video/VP8", ClockRate: 90000}, PayloadType: 96},
		h264("packetization-mode=0;profile-level-id=42e01f", 100), h264("packetization-mode=1;profile-level-id=42e01f", 102), h264("packetization-mode=1;profile-level-id=4d001f", 104),
	}
	for _, c := range []struct {
		mime, fmtp string
		want       uint8
		ok         bool
	}{
		{"video/H264", "packetization-mode=1;profile-level-id=42e01f", 102, true},
		{"video/h264", "profile-level-id=4d0028;packetization-mode=1", 104, true},
		{"video/H264", "profile-level-id=640028", 102, true},
		{"video/H264", "", 102, true},
		{"video/VP8", "", 96, true},
		{"video/AV1", "", 0, false},
	} {
		f, ok := PickFormat(offered, Codec{MimeType: c.mime, ClockRate: 90000, Fmtp: c.fmtp})
		if f.PayloadType != c.want || ok != c.ok {
			t.Errorf("%s %q: %d, %v; want %d, %v", c.mime, c.fmtp, f.PayloadType, ok, c.want, c.ok)
		}
	}
}
