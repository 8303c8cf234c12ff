package broadcast

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/pion/rtp/codecs"
)

var pictureIDPayloads = []struct {
	name, mime, payload string
	want                pictureIDs
	ok                  bool
	written             string // with PictureID 0x92a5 and TL0PICIDX 0x7e
}{
	{"without extension", mimeVP8, "10f0c600", pictureIDs{}, true, "10f0c600"},
	{"7 bits", mimeVP8, "908011f0", pictureIDs{pictureID: 0x11, bits: 7}, true, "908025f0"},
	{"15 bits", mimeVP8, "9080ffffd1", pictureIDs{pictureID: 0x7fff, bits: 15}, true, "908092a5d1"},
	{"15 bits, small", mimeVP8, "90808001d1", pictureIDs{pictureID: 1, bits: 15}, true, "908092a5d1"},
	{"all", "video/vp8", "90f08123421fd1", pictureIDs{pictureID: 0x123, bits: 15, tl0: 0x42, hasTL0: true}, true, "90f092a57e1fd1"},
	{"TL0PICIDX alone", mimeVP8, "904042d1", pictureIDs{tl0: 0x42, hasTL0: true}, true, "90407ed1"},
	{"KEYIDX alone", mimeVP8, "90101fd1", pictureIDs{}, true, "90101fd1"},
	{"extension cut off", mimeVP8, "90", pictureIDs{}, false, "90"},
	{"id cut off", mimeVP8, "9080", pictureIDs{}, false, "9080"},
	{"second byte of the id cut off", mimeVP8, "908081", pictureIDs{}, false, "908081"},
	{"TL0PICIDX cut off", mimeVP8, "90c001", pictureIDs{}, false, "90c001"},
	{"TID cut off", mimeVP8, "90e00102", pictureIDs{}, false, "90e00102"},
	{"nothing", mimeVP8, "", pictureIDs{}, false, ""},

	{"without id", mimeVP9, "088249", pictureIDs{}, true, "088249"},
	{"7 bits", mimeVP9, "8811", pictureIDs{pictureID: 0x11, bits: 7}, true, "8825"},
	{"15 bits", mimeVP9, "888123", pictureIDs{pictureID: 0x123, bits: 15}, true, "8892a5"},
	{"layers", mimeVP9, "a8812300428249", pictureIDs{pictureID: 0x123, bits: 15, tl0: 0x42, hasTL0: true}, true, "a892a5007e8249"},
	{"layers without id", mimeVP9, "2800428249", pictureIDs{tl0: 0x42, hasTL0: true}, true, "28007e8249"},
	{"flexible mode has no TL0PICIDX", mimeVP9, "b88123008249", pictureIDs{pictureID: 0x123, bits: 15}, true, "b892a5008249"},
	{"flexible mode, predicted", mimeVP9, "f881230003028600", pictureIDs{pictureID: 0x123, bits: 15}, true, "f892a50003028600"},
	{"reference cut off", mimeVP9, "f88123000303", pictureIDs{}, false, "f88123000303"},
	{"layer cut off", mimeVP9, "a88123", pictureIDs{}, false, "a88123"},
	{"TL0PICIDX cut off", mimeVP9, "a8812300", pictureIDs{}, false, "a8812300"},
	{"second byte of the id cut off", mimeVP9, "8881", pictureIDs{}, false, "8881"},
	{"nothing", mimeVP9, "", pictureIDs{}, false, ""},

	{"another codec", mimeH264, "908123421f", pictureIDs{}, false, "908123421f"},
}

func TestPictureIDs(t *testing.T) {
	for _, test := range pictureIDPayloads {
		b := unhex(t, test.payload)
		if got, ok := readPictureIDs(test.mime, b); ok != test.ok || ok && got != test.want {
			t.Errorf("%s %s: got %+v, %v, want %+v, %v", test.mime, test.name, got, ok, test.want, test.ok)
		}
		writePictureIDs(test.mime, b, 0x92a5, 0x7e)
		if got := hex.EncodeToString(b); got != test.written {
			t.Errorf("%s %s: written %s, want %s", test.mime, test.name, got, test.written)
		}
	}
}

// Picture ids over their wrap-around, told by another reader.
func TestWritePictureIDsWrap(t *testing.T) {
	vp8, vp9 := unhex(t, "90f08123421fd1"), unhex(t, "a8812300428249")
	for i := range uint16(300) {
		id, tl0 := 32700+i, uint8(i) // 15 bits go round at 32768, 8 bits at 256
		writePictureIDs(mimeVP8, vp8, id, tl0)
		writePictureIDs(mimeVP9, vp9, id, tl0)
		var p8 codecs.VP8Packet
		var p9 codecs.VP9Packet
		if _, err := p8.Unmarshal(vp8); err != nil || p8.PictureID != id&0x7fff || p8.TL0PICIDX != tl0 {
			t.Fatalf("VP8 id %d: got %d, %d, %v", id, p8.PictureID, p8.TL0PICIDX, err)
		}
		if _, err := p9.Unmarshal(vp9); err != nil || p9.PictureID != id&0x7fff || p9.TL0PICIDX != tl0 {
			t.Fatalf("VP9 id %d: got %d, %d, %v", id, p9.PictureID, p9.TL0PICIDX, err)
		}
	}
}

func FuzzPictureIDs(f *testing.F) {
	for _, test := range pictureIDPayloads {
		f.Add(test.mime == mimeVP9, unhex(f, test.payload), uint16(0x92a5), uint8(0x7e))
	}
	f.Fuzz(func(t *testing.T, isVP9 bool, payload []byte, id uint16, tl0 uint8) {
		mime := mimeVP8
		if isVP9 {
			mime = mimeVP9
		}
		before := bytes.Clone(payload)
		was, ok := readPictureIDs(mime, payload)
		writePictureIDs(mime, payload, id, tl0)
		if !ok {
			if !bytes.Equal(payload, before) {
				t.Fatalf("%s: wrote into an unreadable descriptor %x: %x", mime, before, payload)
			}
			return
		}
		want := pictureIDs{pictureID: id & (1<<was.bits - 1), bits: was.bits, hasTL0: was.hasTL0}
		if was.hasTL0 {
			want.tl0 = tl0
		}
		if got, ok := readPictureIDs(mime, payload); !ok || got != want {
			t.Fatalf("%s %x: read %+v, %v after writing, want %+v", mime, before, got, ok, want)
		}
		if StartsKeyframe(mime, payload) != StartsKeyframe(mime, before) {
			t.Fatalf("%s: writing the ids into %x made or unmade a keyframe: %x", mime, before, payload)
		}
		writePictureIDs(mime, payload, was.pictureID, was.tl0)
		if !bytes.Equal(payload, before) {
			t.Fatalf("%s: %x became %x", mime, before, payload)
		}
	})
}
