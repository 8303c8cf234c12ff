package lite

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

// TestGCMVectors: RFC 7714 sections 16.1.1 and 17.1.
func TestGCMVectors(t *testing.T) {
	g, err := newGCM(unhex("000102030405060708090a0b0c0d0e0f"), unhex("517569642070726f2071756f"))
	if err != nil {
		t.Fatal(err)
	}
	plain := unhex(`8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573`)
	want := unhex(`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf
		8833899d 7f27beb1 6a9152cf 765ee439 0cce`)
	dst := make([]byte, 100)
	copy(dst, plain[:12])
	if n := g.sealRTP(dst, 12, plain[12:], 0x5501a0b2, 0xf17b); !bytes.Equal(dst[:n], want) {
		t.Errorf("SRTP %x\nwant %x", dst[:n], want)
	}
	plain = unhex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef`)
	want = unhex(`81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
		0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`)
	n := g.sealRTCP(dst, copy(dst, plain), 0x5d4)
	if !bytes.Equal(dst[:n], want) {
		t.Errorf("SRTCP %x\nwant  %x", dst[:n], want)
	}
	if got, index, err := g.openRTCP(nil, dst[:n]); err != nil || index != 0x5d4 || !bytes.Equal(got, plain) {
		t.Errorf("opened %x, index %x, %v", got, index, err)
	}
}

// TestCMVectors: RFC 3711 appendices B.2 and B.3.
func TestCMVectors(t *testing.T) {
	c, err := newCM(unhex("2B7E151628AED2A6ABF7158809CF4F3C"), unhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), make([]byte, sha1.Size))
	if err != nil {
		t.Fatal(err)
	}
	stream := make([]byte, 0xff02*16)
	c.xor(stream, stream, 0, 0)
	for at, want := range map[int]string{
		0:      "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
		0xfeff: "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44",
	} {
		if got := stream[at*16 : at*16+48]; !bytes.Equal(got, unhex(want)) {
			t.Errorf("key stream from block %x: %x", at, got)
		}
	}
	key, salt := unhex("E1F97A0D3E018BE0D64FA32C06DE4139"), unhex("0EC675AD498AFEEBB6960B3AABE6")
	for label, want := range map[byte]string{
		labelKey:  "C61E7A93744F39EE10734AFE3FF7A087",
		labelSalt: "30CBBC08863D8C85D49DB34A9AE1",
		labelAuth: "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4",
	} {
		if got := derive(key, salt, label, len(unhex(want))); !bytes.Equal(got, unhex(want)) {
			t.Errorf("label %d: %x, want %s", label, got, want)
		}
	}
}

// pair are our side and pion's of the same keys.
func pair(t testing.TB, p dtls.SRTPProtectionProfile) (rtpOut, rtcpOut, rtcpIn sealer, theirs *srtp.Context) {
	t.Helper()
	key, salt := bytes.Repeat([]byte{7}, keySize), bytes.Repeat([]byte{9}, saltSize(p))
	var made [3]sealer
	for i, label := range []byte{labelKey, labelRTCP, labelRTCP} {
		s, err := newSealer(p, key, salt, label)
		if err != nil {
			t.Fatal(err)
		}
		made[i] = s
	}
	theirs, err := srtp.CreateContext(key, salt, srtp.ProtectionProfile(p))
	if err != nil {
		t.Fatal(err)
	}
	return made[0], made[1], made[2], theirs
}

var profiles = map[string]dtls.SRTPProtectionProfile{"GCM": profileGCM, "CM": profileCM}

// TestAgainstPion sends three rounds of numbers with loss and disorder through another implementation.
func TestAgainstPion(t *testing.T) {
	for name, p := range profiles {
		t.Run(name, func(t *testing.T) {
			out, _, _, theirs := pair(t, p)
			tr := &track{}
			order := rand.New(rand.NewPCG(1, 2))
			payload := make([]byte, 300)
			dst := make([]byte, 400)
			held := -1
			send := func(n int) {
				h := rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: uint16(n), Timestamp: uint32(n), SSRC: 77}
				index, ok := tr.next(h.SequenceNumber)
				if !ok || index != uint64(n) {
					t.Fatalf("packet %d has index %d, %v", n, index, ok)
				}
				payload[0], payload[1], payload[2] = byte(n), byte(n>>8), byte(n>>16)
				size := 3 + n%290
				hl, err := h.MarshalTo(dst)
				if err != nil {
					t.Fatal(err)
				}
				sealed := dst[:out.sealRTP(dst, hl, payload[:size], h.SSRC, index)]
				plain, err := theirs.DecryptRTP(nil, sealed, nil)
				if err != nil || !bytes.Equal(plain[hl:], payload[:size]) {
					t.Fatalf("packet %d: %v", n, err)
				}
			}
			for n := 32000; n < 3<<16; n++ {
				switch {
				case order.IntN(10) == 0: // lost
				case held < 0 && n > 32000 && order.IntN(10) == 0:
					held = n
				default:
					send(n)
					if held >= 0 && n-held > 20 {
						send(held)
						held = -1
					}
				}
			}
		})
	}
}

func TestRTCPAgainstPion(t *testing.T) {
	for name, p := range profiles {
		t.Run(name, func(t *testing.T) {
			_, out, in, theirs := pair(t, p)
			plain, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 5, Reports: []rtcp.ReceptionReport{{SSRC: 6}}}, &rtcp.PictureLossIndication{SenderSSRC: 5, MediaSSRC: 6}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range uint32(5) {
				sealed, err := theirs.EncryptRTCP(nil, plain, nil)
				if err != nil {
					t.Fatal(err)
				}
				for at := range sealed {
					forged := bytes.Clone(sealed)
					forged[at] ^= 1
					if _, _, err := in.openRTCP(nil, forged); err == nil {
						t.Fatalf("byte %d changed, and nobody noticed", at)
					}
					if _, _, err := in.openRTCP(nil, sealed[:at]); err == nil {
						t.Fatalf("cut after %d, and nobody noticed", at)
					}
				}
				got, index, err := in.openRTCP(make([]byte, 0, 10), sealed)
				if err != nil || index != i+1 || !bytes.Equal(got, plain) {
					t.Fatalf("%x, index %d, %v", got, index, err)
				}
				dst := make([]byte, len(plain)+maxOverhead)
				n := out.sealRTCP(dst, copy(dst, plain), i+1)
				if got, err := theirs.DecryptRTCP(nil, dst[:n], nil); err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("%x, %v", got, err)
				}
			}
		})
	}
}

func TestTrackIndex(t *testing.T) {
	tr := &track{}
	for _, c := range []struct {
		number uint16
		want   uint64
		ok     bool
	}{
		{100, 100, true}, {99, 99, true}, {65500, 0, false}, // from before the beginning
		{102, 102, true}, {101, 101, true}, {30000, 30000, true}, {60000, 60000, true}, {10, 1<<16 | 10, true}, {65535, 65535, true},
		{60000, 60000, true}, {50000, 0, false}, // too late to be new
		{20000, 1<<16 | 20000, true}, {50000, 1<<16 | 50000, true}, {5, 2<<16 | 5, true},
	} {
		if got, ok := tr.next(c.number); ok != c.ok || ok && got != c.want {
			t.Errorf("next(%d) = %d, %v; want %d, %v", c.number, got, ok, c.want, c.ok)
		}
	}
	for number, want := range map[uint16]uint64{5: 2<<16 | 5, 65535: 1<<16 | 65535, 6: 1<<16 | 6, 40000: 1<<16 | 40000} {
		if got, ok := tr.sent(number); !ok || got != want {
			t.Errorf("sent(%d) = %d, %v; want %d", number, got, ok, want)
		}
	}
	early := &track{}
	if _, ok := early.sent(7); ok {
		t.Error("nothing was sent")
	}
	_, _ = early.next(7)
	if _, ok := early.sent(9); ok {
		t.Error("9 was not sent")
	}
}

// TestAgainIsTheSame: a packet sent again under its own number is the same to the bit, or GCM would be broken.
func TestAgainIsTheSame(t *testing.T) {
	out, _, _, _ := pair(t, profileGCM)
	tr := &track{}
	payload := []byte("the same payload")
	seal := func(h rtp.Header, index uint64) []byte {
		dst := make([]byte, 100)
		n, _ := h.MarshalTo(dst)
		return dst[:out.sealRTP(dst, n, payload, h.SSRC, index)]
	}
	sent := map[uint16][]byte{}
	for n := uint16(20000); n != 19990; n++ {
		h := rtp.Header{Version: 2, SequenceNumber: n, SSRC: 1}
		index, ok := tr.next(n)
		if !ok {
			t.Fatalf("%d is not sent", n)
		}
		sent[n] = seal(h, index)
	}
	for n, want := range sent {
		index, ok := tr.sent(n)
		if !ok || !bytes.Equal(seal(rtp.Header{Version: 2, SequenceNumber: n, SSRC: 1}, index), want) {
			t.Fatalf("%d is another packet the second time", n)
		}
	}
}

func benchmarkSeal(b *testing.B, p dtls.SRTPProtectionProfile) {
	out, _, _, _ := pair(b, p)
	dst, payload := make([]byte, 1300), make([]byte, 1188)
	b.SetBytes(1200)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		out.sealRTP(dst, 12, payload, 1, i)
	}
}

func BenchmarkSealGCM(b *testing.B) { benchmarkSeal(b, profileGCM) }
func BenchmarkSealCM(b *testing.B)  { benchmarkSeal(b, profileCM) }
