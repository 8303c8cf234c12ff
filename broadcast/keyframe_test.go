package broadcast

import (
	"strings"
	"testing"

	"github.com/pion/rtp/codecs"
)

const (
	sps264 = "6764000cacb202833f3e0220000003002000000303d1e28549" // 320x180, 15 Hz
	pps264 = "68ebc3cb22c0"
	vps265 = "40010c01ffff01600000030090000003000003005d959809"
	sps265 = "42010101600000030090000003000003005da00280802d165959a4932bc05a020000030002000003003c10" // 1280x720
	pps265 = "4401c172b46240"
	seqAV1 = "0a0b0000002d4cffb3ccaf9004" // libaom, 1280x720, with its size
	keyVP8 = "f0c6009d012a8002680100070885858885"
	keyVP9 = "82498342004ff02cf60638241c184a18"
)

// payloads are what encoders and FFmpeg's packetizers send (the start of each), and small changes of it.
var payloads = []struct {
	name, mime, payload string
	starts              bool
	width, height       int
}{
	{"IDR", mimeH264, "6588842337fc", true, 0, 0},
	{"IDR, later slice", mimeH264, "6503c88841ff", false, 0, 0},
	{"slice", mimeH264, "419a3b114fb9", false, 0, 0},
	{"SPS", mimeH264, sps264, true, 320, 180},
	{"PPS", mimeH264, pps264, false, 0, 0},
	{"SEI", mimeH264, "060605ffff", false, 0, 0},
	{"access unit delimiter", mimeH264, "09f0", false, 0, 0},
	{"STAP-A of SPS and PPS", mimeH264, "780019" + sps264 + "0006" + pps264, true, 320, 180},
	{"STAP-A of PPS and SPS", mimeH264, "780006" + pps264 + "0019" + sps264, true, 320, 180},
	{"STAP-A of delimiter and IDR", mimeH264, "78000209f00006658884233700", true, 0, 0},
	{"STAP-A of PPS and IDR, as NVENC does", mimeH264, "780006" + pps264 + "0004658884ff", true, 0, 0},
	{"STAP-A of PPS", mimeH264, "780006" + pps264, false, 0, 0},
	{"STAP-A with an empty unit before", mimeH264, "7800000004658884ff", true, 0, 0},
	{"STAP-A that is cut off", mimeH264, "780019" + sps264[:20], false, 0, 0},
	{"FU-A, first of IDR", mimeH264, "7c85888423ffd967", true, 0, 0},
	{"FU-A, middle of IDR", mimeH264, "7c05898423ffd967", false, 0, 0},
	{"FU-A, last of IDR", mimeH264, "7c45898423ffd967", false, 0, 0},
	{"FU-A, first of a later slice of IDR", mimeH264, "7c8503c888404aff", false, 0, 0},
	{"FU-A, first of slice", mimeH264, "7c81e0040010ff", false, 0, 0},
	{"FU-A, first of SPS", mimeH264, "7c87" + sps264[2:20], true, 0, 0},
	{"FU-A without data", mimeH264, "7c85", false, 0, 0},
	{"SPS that cannot be read", mimeH264, "6764000c", true, 0, 0},

	{"IDR_N_LP", mimeH265, "2801af08460d", true, 0, 0},
	{"IDR_W_RADL", mimeH265, "2601af08460d", true, 0, 0},
	{"CRA", mimeH265, "2a01af08460d", true, 0, 0},
	{"BLA_W_LP", mimeH265, "2001af08460d", true, 0, 0},
	{"type 22, reserved", mimeH265, "2c01af08460d", false, 0, 0},
	{"RASL_R", mimeH265, "1201af08460d", false, 0, 0},
	{"IDR, later slice", mimeH265, "28012f08460d", false, 0, 0},
	{"IDR of another layer", mimeH265, "2809af08460d", false, 0, 0},
	{"TRAIL_R", mimeH265, "0201d0097e10", false, 0, 0},
	{"VPS", mimeH265, vps265, true, 0, 0},
	{"SPS", mimeH265, sps265, true, 1280, 720},
	{"PPS", mimeH265, pps265, false, 0, 0},
	{"AP of VPS, SPS and PPS", mimeH265, "60010018" + vps265 + "002b" + sps265 + "0007" + pps265, true, 1280, 720},
	{"AP of PPS and IDR", mimeH265, "60010007" + pps265 + "00062801af08460d", true, 0, 0},
	{"AP of PPS", mimeH265, "60010007" + pps265, false, 0, 0},
	{"AP that is cut off", mimeH265, "6001002b" + sps265[:20], false, 0, 0},
	{"AP with a unit of one byte", mimeH265, "600100012800062801af08460d", true, 0, 0},
	{"FU, first of IDR", mimeH265, "620194af7632109022", true, 0, 0},
	{"FU, middle of IDR", mimeH265, "620114cf2d3a46d4a1", false, 0, 0},
	{"FU, first of a later slice of IDR", mimeH265, "6201942f7632109022", false, 0, 0},
	{"FU, first of IDR of another layer", mimeH265, "620994af7632109022", false, 0, 0},
	{"FU, first of SEI", mimeH265, "6201a705ffffffff", false, 0, 0},
	{"FU, first of TRAIL_R", mimeH265, "620181d0097e10c6", false, 0, 0},
	{"FU without data", mimeH265, "620194", false, 0, 0},
	{"PACI", mimeH265, "640194af76321090", false, 0, 0},

	{"key frame", mimeVP8, "90808000" + keyVP8, true, 640, 360},
	{"key frame, 7-bit id", mimeVP8, "908011" + keyVP8, true, 640, 360},
	{"key frame, plain descriptor", mimeVP8, "10" + keyVP8, true, 640, 360},
	{"key frame, all extensions, non-reference", mimeVP8, "b0f08001421f" + keyVP8, true, 640, 360},
	{"key frame with scaling", mimeVP8, "10f0c6009d012a8042684100", true, 640, 360},
	{"key frame without its start code", mimeVP8, "10f0c6009d012b80026801", true, 0, 0},
	{"key frame, only its first byte", mimeVP8, "10f0", true, 0, 0},
	{"key frame of no height", mimeVP8, "10f0c6009d012a80020000", true, 0, 0},
	{"key frame, next packet of partition 0", mimeVP8, "80808000e905152a44e1", false, 0, 0},
	{"key frame, start of partition 1", mimeVP8, "11" + keyVP8, false, 0, 0},
	{"interframe", mimeVP8, "90808001d11c000b1110", false, 0, 0},
	{"descriptor only", mimeVP8, "90808000", false, 0, 0},
	{"descriptor that is cut off", mimeVP8, "9080", false, 0, 0},

	{"key frame by FFmpeg", mimeVP9, "08" + keyVP9, true, 1280, 720},
	{"key frame, next packet", mimeVP9, "00a5ce46d35ee558", false, 0, 0},
	{"inter frame by FFmpeg, without P", mimeVP9, "0886004092f03125", false, 0, 0},
	{"inter frame by FFmpeg in one packet", mimeVP9, "0c860040929c3052", false, 0, 0},
	{"inter frame", mimeVP9, "c880018600409200", false, 0, 0},
	{"key frame, profile 1, sRGB", mimeVP9, "08a2498342e013f00b360438", true, 320, 180},
	{"key frame, profile 3, 10 bits", mimeVP9, "08b124c1a10001aa80efb031", true, 854, 480},
	{"inter frame, profile 3", mimeVP9, "08b30020497848a002", false, 0, 0},
	{"show_existing_frame", mimeVP9, "0888", false, 0, 0},
	{"key frame whose data cannot be read", mimeVP9, "0813f00b360438241c", true, 0, 0},
	{"key frame, scalability structure of 2 layers", mimeVP9, "aa8001000038014000b402800168" + "010401" + keyVP9, true, 640, 360},
	{"key frame, scalability structure without sizes", mimeVP9, "8a01" + "0800" + keyVP9, true, 1280, 720},
	{"key picture, spatial layer 1", mimeVP9, "a8050300" + keyVP9, false, 0, 0},
	{"flexible mode, key frame of layer 0", mimeVP9, "b8800100" + keyVP9, true, 1280, 720},
	{"flexible mode, predicted", mimeVP9, "f8800100030502860040", false, 0, 0},
	{"scalability structure that is cut off", mimeVP9, "0a38014000", false, 0, 0},
	{"descriptor only", mimeVP9, "08", false, 0, 0},

	{"N, sequence header and frame", mimeAV1, "280c08" + seqAV1[4:] + "30100087", true, 1280, 720},
	{"N, sequence header with a size of its own", mimeAV1, "18" + seqAV1, true, 1280, 720},
	{"N, with an extension", mimeAV1, "180c00" + seqAV1[4:], true, 1280, 720},
	{"N, lengths of all elements", mimeAV1, "080c08" + seqAV1[4:] + "0430100087", true, 1280, 720},
	{"N, first frame of a sequence whose header is elsewhere", mimeAV1, "1830100087", true, 0, 0},
	{"N with Z", mimeAV1, "9830100087", false, 0, 0},
	{"sequence header without N", mimeAV1, "1008" + seqAV1[4:], true, 1280, 720},
	{"sequence header and key frame without N", mimeAV1, "200c08" + seqAV1[4:] + "30100087", true, 1280, 720},
	{"sequence header repeated before an inter frame", mimeAV1, "200c08" + seqAV1[4:] + "303003c0", false, 1280, 720},
	{"sequence header before a frame shown again", mimeAV1, "200c08" + seqAV1[4:] + "1a01c8", false, 1280, 720},
	{"temporal delimiter, then sequence header", mimeAV1, "2002120008" + seqAV1[4:], true, 1280, 720},
	{"sequence header after the end of another OBU", mimeAV1, "a003ffffff08" + seqAV1[4:], true, 1280, 720},
	{"continuation that looks like a sequence header", mimeAV1, "9008" + seqAV1[4:], false, 0, 0},
	{"sequence header in fragments", mimeAV1, "5008000000", true, 0, 0},
	{"inter frame", mimeAV1, "10303003c0", false, 0, 0},
	{"element longer than the payload", mimeAV1, "007f08" + seqAV1[4:], false, 0, 0},
	{"length without end", mimeAV1, "00ffffffffffffffffff08", false, 0, 0},
	{"sequence header with timing", mimeAV1, "180804000000040000007ac000016a67fd9e657c8020", true, 1280, 720},
	{"sequence header with a decoder model for each of its operating points", mimeAV1, "180804000000040000007a267000000014a6000066b84f9f6875327a80180080", true, 1876, 2539},
	{"frame header shown again", mimeAV1, "101a01c8", false, 0, 0},
	{"still picture", mimeAV1, "18081821e7f660", true, 320, 180},
	{"still picture without N", mimeAV1, "2006081821e7f66030ff", true, 320, 180},
	{"aggregation header only", mimeAV1, "18", false, 0, 0},

	{"nothing", mimeH264, "", false, 0, 0},
	{"nothing", mimeH265, "", false, 0, 0},
	{"nothing", mimeVP8, "", false, 0, 0},
	{"nothing", mimeVP9, "", false, 0, 0},
	{"nothing", mimeAV1, "", false, 0, 0},
	{"IDR of another codec", "video/H266", "6588842337fc", false, 0, 0},
	{"sound", "audio/opus", "6588842337fc", false, 0, 0},
}

func TestStartsKeyframe(t *testing.T) {
	for _, p := range payloads {
		b := unhex(t, p.payload)
		for _, mime := range []string{p.mime, strings.ToLower(p.mime), strings.ToUpper(p.mime)} {
			if got := StartsKeyframe(mime, b); got != p.starts {
				t.Errorf("%s %s: StartsKeyframe = %v", mime, p.name, got)
			}
			w, h, ok := Resolution(mime, b)
			if w != p.width || h != p.height || ok != (p.width > 0) {
				t.Errorf("%s %s: Resolution = %d, %d, %v, want %dx%d", mime, p.name, w, h, ok, p.width, p.height)
			}
		}
	}
}

// Every beginning of a payload must be safe to read, and none may give a size that the whole has not.
func TestTruncatedPayloads(t *testing.T) {
	for _, p := range payloads {
		b := unhex(t, p.payload)
		for n := range b {
			cut := b[:n:n]
			StartsKeyframe(p.mime, cut)
			if w, h, ok := Resolution(p.mime, cut); ok && (w != p.width || h != p.height) {
				t.Errorf("%s %s, cut at %d: %dx%d", p.mime, p.name, n, w, h)
			}
			for range parameterSets(p.mime, cut) {
			}
			readPictureIDs(p.mime, cut)
			writePictureIDs(p.mime, cut, 1, 1)
		}
	}
}

// Of the packets that a packetizer makes of a frame, those that begin a keyframe must be found, and no others.
func TestStartsKeyframeOfPacketizer(t *testing.T) {
	filler := strings.Repeat("a5", 300)
	annexB := func(nals ...string) string { return "00000001" + strings.Join(nals, "00000001") }
	type packetizer interface {
		Payload(mtu uint16, payload []byte) [][]byte
	}
	id := func() uint16 { return 0x7ffe }
	for _, test := range []struct {
		name, mime string
		packetizer packetizer
		frame      string
		starts     int
		width      int
	}{
		{"keyframe", mimeH264, &codecs.H264Payloader{}, annexB(sps264, pps264, "658884"+filler), 2, 320},
		{"keyframe of 2 slices", mimeH264, &codecs.H264Payloader{}, annexB("658884"+filler, "6503c8"+filler), 1, 0},
		{"picture", mimeH264, &codecs.H264Payloader{}, annexB("419a3b" + filler), 0, 0},
		{"keyframe", mimeH265, &codecs.H265Payloader{}, annexB(vps265, sps265, pps265, "2801af08"+filler), 2, 1280},
		{"picture", mimeH265, &codecs.H265Payloader{}, annexB("0201d009" + filler), 0, 0},
		{"keyframe", mimeVP8, &codecs.VP8Payloader{EnablePictureID: true}, keyVP8 + filler, 1, 640},
		{"picture", mimeVP8, &codecs.VP8Payloader{EnablePictureID: true}, "d11c000b1110" + filler, 0, 0},
		{"keyframe", mimeVP9, &codecs.VP9Payloader{InitialPictureIDFn: id}, keyVP9 + filler, 1, 1280},
		{"keyframe, flexible mode", mimeVP9, &codecs.VP9Payloader{InitialPictureIDFn: id, FlexibleMode: true}, keyVP9 + filler, 1, 1280},
		{"picture", mimeVP9, &codecs.VP9Payloader{InitialPictureIDFn: id}, "86004092f021" + filler, 0, 0},
		{"keyframe", mimeAV1, &codecs.AV1Payloader{}, "1200" + seqAV1 + "32b0021000" + filler + "0000", 1, 1280},
		{"picture", mimeAV1, &codecs.AV1Payloader{}, "1200" + "32b0023003" + filler + "0000", 0, 0},
	} {
		starts, width := 0, 0
		packets := test.packetizer.Payload(100, unhex(t, test.frame))
		if len(packets) < 3 {
			t.Errorf("%s %s: %d packets", test.mime, test.name, len(packets))
		}
		for i, payload := range packets {
			if StartsKeyframe(test.mime, payload) {
				starts++
				if i >= test.starts {
					t.Errorf("%s %s: packet %d, %x, begins nothing", test.mime, test.name, i, payload[:8])
				}
			}
			if w, _, ok := Resolution(test.mime, payload); ok {
				width = w
			}
		}
		if starts != test.starts || width != test.width {
			t.Errorf("%s %s: %d beginnings, width %d; want %d, %d", test.mime, test.name, starts, width, test.starts, test.width)
		}
	}
}

func TestPacketPathDoesNotAllocate(t *testing.T) {
	for _, p := range payloads {
		b, mime, bytes := unhex(t, p.payload), strings.ToLower(p.mime), 0
		allocs := testing.AllocsPerRun(10, func() {
			StartsKeyframe(mime, b)
			Resolution(mime, b)
			for set := range parameterSets(mime, b) {
				bytes += len(set)
			}
			ids, _ := readPictureIDs(mime, b)
			writePictureIDs(mime, b, ids.pictureID, ids.tl0)
		})
		if allocs != 0 {
			t.Errorf("%s %s: %v allocations", p.mime, p.name, allocs)
		}
	}
}

func FuzzStartsKeyframe(f *testing.F) {
	mimes := []string{mimeH264, mimeH265, mimeVP8, mimeVP9, mimeAV1, "video/H266"}
	for _, p := range payloads {
		for i, mime := range mimes {
			if mime == p.mime {
				f.Add(uint8(i), unhex(f, p.payload))
			}
		}
	}
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte) {
		mime := mimes[int(codec)%len(mimes)]
		StartsKeyframe(mime, payload)
		w, h, ok := Resolution(mime, payload)
		if ok != (w > 0 && h > 0) || w > maxDimension || h > maxDimension {
			t.Errorf("Resolution = %d, %d, %v", w, h, ok)
		}
		var sets [][]byte
		for set := range parameterSets(mime, payload) {
			sets = append(sets, set)
		}
		checkJoined(t, mime, sets)
	})
}
