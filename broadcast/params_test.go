package broadcast

import (
	"bytes"
	"testing"
)

func TestKeepSet(t *testing.T) {
	sps2 := append([]byte{0x67, 0x42, 0xc0, 0x1f, 0x40}, sps[5:]...) // id 1: "010"
	pps1 := []byte{0x68, 0x40, 0x83, 0xcb, 0x20}                     // id 1
	newer := append(bytes.Clone(sps), 0x80)                          // id 0 again, other content
	var sets []paramSet
	for _, nal := range [][]byte{pps, sps, sps2, pps1, sps, newer} {
		for set := range parameterSets("video/H264", nal) {
			sets = keepSet(sets, "video/H264", parameterKind("video/H264", set), set)
		}
	}
	want := [][]byte{newer, sps2, pps, pps1}
	if len(sets) != len(want) {
		t.Fatalf("%d sets kept, want %d", len(sets), len(want))
	}
	for i, nal := range want {
		if !bytes.Equal(sets[i].nal, nal) {
			t.Errorf("set %d is %x, want %x", i, sets[i].nal, nal)
		}
	}
	for i := range 100 {
		sets = keepSet(sets, "video/H264", paramPPS, []byte{0x68, 0, byte(i), byte(i * 7), 1})
	}
	if len(sets) > maxSets {
		t.Errorf("%d sets kept of a source that makes up new ones", len(sets))
	}
}

func TestParameterSetsOfH265(t *testing.T) {
	vps, sps, pps := []byte{0x40, 0x01, 0x1c, 0x01}, []byte{0x42, 0x01, 0x01, 0x01}, []byte{0x44, 0x01, 0x40, 0xf1}
	for i, c := range []struct {
		nal  []byte
		kind int
		id   uint32
	}{{vps, paramVPS, 1}, {sps, paramSPS, 0}, {pps, paramPPS, 1}} {
		if kind := parameterKind("video/H265", c.nal); kind != c.kind || parameterID("video/H265", kind, c.nal) != c.id {
			t.Errorf("%d: kind %d, id %d", i, kind, parameterID("video/H265", kind, c.nal))
		}
	}
}

func TestStartsPicture(t *testing.T) {
	stap := func(units ...[]byte) []byte { return appendSTAPA(nil, units) }
	idr, aud, slice := []byte{0x65, 0x88, 1}, []byte{0x09, 0x10}, []byte{0x41, 0x9a, 1}
	for _, c := range []struct {
		name, mime string
		payload    []byte
		want       bool
	}{
		{"IDR", "video/H264", idr, true},
		{"slice", "video/H264", slice, false},
		{"SPS", "video/H264", sps, false},
		{"PPS and IDR", "video/H264", stap(pps, idr), true},
		{"AUD and IDR", "video/H264", stap(aud, idr), true},
		{"AUD and slice", "video/H264", stap(aud, slice), false},
		{"first fragment", "video/H264", []byte{0x7c, 0x85, 0x88}, true},
		{"a later fragment", "video/H264", []byte{0x7c, 0x05, 0x88}, false},
		{"nothing", "video/H264", nil, false},
		{"IRAP", "video/H265", []byte{0x26, 0x01, 0xaf}, true},
		{"trailing picture", "video/H265", []byte{0x02, 0x01, 0xd0}, false},
		{"first fragment of an IRAP", "video/H265", []byte{0x62, 0x01, 0x93, 0xaf}, true},
		{"a later fragment of it", "video/H265", []byte{0x62, 0x01, 0x13, 0xaf}, false},
		{"another codec", "video/VP8", idr, false},
	} {
		if got := startsPicture(c.mime, c.payload); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
