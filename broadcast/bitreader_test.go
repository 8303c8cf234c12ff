package broadcast

import "testing"

func TestBitReader(t *testing.T) {
	r := &bitReader{data: unhex(t, "a5ff00")}
	if a, b, c := r.bits(3), r.bits(7), r.bits(14); a != 5 || b != 0x17 || c != 0x3f00 || r.short {
		t.Errorf("got %#x %#x %#x, short %v", a, b, c, r.short)
	}
	if v := r.bits(32); v != 0 || !r.short {
		t.Errorf("past the end: %d, short %v", v, r.short)
	}
}

func TestExpGolomb(t *testing.T) {
	// 1 010 011 00100 00111 | 1 010 011 00100
	r := &bitReader{data: unhex(t, "a643d320")}
	for i, want := range []uint32{0, 1, 2, 3, 6} {
		if got := r.ue(); got != want {
			t.Errorf("ue %d: got %d, want %d", i, got, want)
		}
	}
	r = &bitReader{data: unhex(t, "a640")}
	for i, want := range []int32{0, 1, -1, 2} {
		if got := r.se(); got != want {
			t.Errorf("se %d: got %d, want %d", i, got, want)
		}
	}
	r = &bitReader{data: unhex(t, "00000001fffffffe")} // 31 zeros: the longest code
	if got := r.ue(); got != 1<<32-2 || r.short {
		t.Errorf("got %d, short %v", got, r.short)
	}
	r = &bitReader{data: unhex(t, "00000000ffffffffff")}
	if got := r.ue(); got != 0 || !r.short {
		t.Errorf("a code of 32 zeros: got %d, short %v", got, r.short)
	}
}

func TestEmulationPrevention(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []uint32
	}{
		{"00000301", []uint32{0, 0, 1}},
		{"0000030000030003", []uint32{0, 0, 0, 0, 0, 3}},
		{"00030000", []uint32{0, 3, 0, 0}},
		{"01000003", []uint32{1, 0, 0}},
		{"0000030303", []uint32{0, 0, 3, 3}},
	} {
		r := &bitReader{data: unhex(t, test.in), escaped: true}
		for i, want := range test.want {
			if got := r.bits(8); got != want || r.short {
				t.Errorf("%s byte %d: got %d, short %v, want %d", test.in, i, got, r.short, want)
			}
		}
		if r.bits(8); !r.short {
			t.Errorf("%s: more bytes than %v", test.in, test.want)
		}
	}
}
