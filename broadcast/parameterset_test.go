package broadcast

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
)

func setsOf(mime string, payload []byte) (sets [][]byte) {
	for set := range parameterSets(mime, payload) {
		sets = append(sets, set)
	}
	return sets
}

// checkJoined joins sets and takes them apart again.
func checkJoined(t *testing.T, mime string, sets [][]byte) {
	t.Helper()
	joined := joinParameterSets(mime, nil, sets...)
	if got := setsOf(mime, joined); !slices.EqualFunc(got, sets, bytes.Equal) {
		t.Errorf("%s: %x joined and parted gives %x", mime, sets, got)
	}
}

func TestParameterSets(t *testing.T) {
	for _, test := range []struct {
		name, mime, payload string
		want                []string
	}{
		{"SPS", mimeH264, sps264, []string{sps264}},
		{"PPS", "VIDEO/h264", pps264, []string{pps264}},
		{"STAP-A with SEI and IDR", mimeH264, "780019" + sps264 + "0003060500" + "0006" + pps264 + "0003658884", []string{sps264, pps264}},
		{"STAP-A, the last cut off", mimeH264, "780019" + sps264 + "0006" + pps264[:10], []string{sps264}},
		{"FU-A of SPS", mimeH264, "7c87" + sps264[2:], nil},
		{"IDR", mimeH264, "658884", nil},
		{"VPS", mimeH265, vps265, []string{vps265}},
		{"AP", mimeH265, "60010018" + vps265 + "002b" + sps265 + "0007" + pps265, []string{vps265, sps265, pps265}},
		{"AP with SEI and IDR", mimeH265, "60010003" + "4e0105" + "0007" + pps265 + "0004" + "2801af08", []string{pps265}},
		{"SPS of another layer", mimeH265, "4209" + sps265[4:], nil},
		{"FU of SPS", mimeH265, "6201a1" + sps265[4:], nil},
		{"VP8", mimeVP8, "67" + keyVP8, nil},
	} {
		var got []string
		for _, set := range setsOf(test.mime, unhex(t, test.payload)) {
			got = append(got, hex.EncodeToString(set))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s %s: got %q, want %q", test.mime, test.name, got, test.want)
		}
	}
}

func TestParameterSetsStop(t *testing.T) {
	for mime, payload := range map[string]string{
		mimeH264: "780019" + sps264 + "0006" + pps264,
		mimeH265: "60010018" + vps265 + "002b" + sps265,
	} {
		n := 0
		for range parameterSets(mime, unhex(t, payload)) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%s: %d sets", mime, n)
		}
	}
}

func TestJoinParameterSets(t *testing.T) {
	for _, test := range []struct {
		name, mime, want string
		sets             []string
	}{
		{"none", mimeH264, "", nil},
		{"one", mimeH264, sps264, []string{sps264}},
		{"two", mimeH264, "780019" + sps264 + "0006" + pps264, []string{sps264, pps264}},
		{"highest NRI, any F", mimeH264, "d8" + "00022701" + "00024702" + "0002a803", []string{"2701", "4702", "a803"}},
		{"an empty one is left out", mimeH264, sps264, []string{"", sps264}},
		{"one", mimeH265, vps265, []string{vps265}},
		{"three", "video/h265", "60010018" + vps265 + "002b" + sps265 + "0007" + pps265, []string{vps265, sps265, pps265}},
		{"lowest layer and TID, any F", mimeH265, "e112" + "0003411aff" + "0003c313ff", []string{"411aff", "c313ff"}},
		{"less than a header is left out", mimeH265, vps265, []string{"40", vps265}},
	} {
		var sets [][]byte
		for _, s := range test.sets {
			sets = append(sets, unhex(t, s))
		}
		before := []byte("before")
		got := joinParameterSets(test.mime, before, sets...)
		if !bytes.HasPrefix(got, before) || hex.EncodeToString(got[len(before):]) != test.want {
			t.Errorf("%s %s: got %x, want %s", test.mime, test.name, got, test.want)
		}
	}
	if got := joinParameterSets(mimeH264, nil, make([]byte, 1<<16), []byte{0x68}); !bytes.Equal(got, []byte{0x68}) {
		t.Errorf("a unit too long for its size field: got %d bytes", len(got))
	}
}
