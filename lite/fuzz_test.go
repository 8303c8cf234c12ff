package lite

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
	"github.com/pion/stun/v4"

	"bongsu/broadcast"
	"bongsu/wish"
)

// FuzzHandle gives the server what strangers send, and the same attributes in a check that is authentic.
func FuzzHandle(f *testing.F) {
	ctx := deadline(f)
	g := newGateway(f, defaultTimeouts())
	c := g.dial(f)
	c.connect(ctx, f)
	f.Add(checkAs("nobody:peer", c.key, controlling).Raw)
	f.Add([]byte{0x80, 0x24, 0, 4, 1, 2, 3, 4})
	f.Add([]byte{22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0})
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 1})
	sock := g.port.Socks()[0]
	known := c.LocalAddr().(*net.UDPAddr).AddrPort()
	stranger := netip.MustParseAddrPort("127.0.0.1:9")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 2 {
			own := c.session.current.own
			attr := attribute{stun.AttrType(binary.BigEndian.Uint16(data)), data[2:]}
			if m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(own.ufrag+":peer"), attr, own.key, stun.Fingerprint); err == nil {
				g.server.Handle(sock, known, m.Raw)
			}
		}
		checks := g.server.Stats().Checks
		g.server.Handle(sock, known, slices.Clone(data))
		if g.server.Handle(sock, stranger, slices.Clone(data)) && data[0] >= 4 {
			t.Error("a stranger's packet was taken")
		}
		if g.server.Stats().Checks != checks {
			t.Error("a forged check was taken")
		}
		if err := c.session.Err(); err != nil {
			t.Fatalf("the session ended: %v", err)
		}
	})
}

// FuzzSRTCP: nothing that was not sealed with the session's keys is opened, nor breaks anything.
func FuzzSRTCP(f *testing.F) {
	for name, p := range profiles {
		_, out, _, _ := pair(f, p)
		b := make([]byte, 200)
		n := out.sealRTCP(b, copy(b, []byte{0x80, 201, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4}), 5)
		f.Add(b[:n], name == "GCM")
	}
	f.Fuzz(func(t *testing.T, data []byte, gcm bool) {
		p := profileCM
		if gcm {
			p = profileGCM
		}
		_, out, in, _ := pair(t, p)
		plain, index, err := in.openRTCP(nil, data)
		if err != nil {
			return
		}
		again := make([]byte, len(plain)+maxOverhead)
		if n := out.sealRTCP(again, copy(again, plain), index); string(again[:n]) != string(data) {
			t.Errorf("%x was taken, which nobody sealed", data)
		}
	})
}

// FuzzRTCP reads what a viewer may send.
func FuzzRTCP(f *testing.F) {
	g := newGateway(f, defaultTimeouts())
	s := g.dial(f).session
	ssrc := s.tracks[broadcast.Video].ssrc
	for _, p := range []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc}}}, &rtcp.SenderReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc}}},
		&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 3}}}, &rtcp.PictureLossIndication{MediaSSRC: ssrc},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{ssrc}},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	s.Feedback(func() {}, func(got uint32, numbers []uint16) {
		if got != ssrc && got != s.tracks[broadcast.Audio].ssrc || len(numbers) == 0 || len(numbers) > resendBurst {
			panic("not what the viewer may ask for")
		}
	})
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) >= 12 { // so that it is about us
			binary.BigEndian.PutUint32(data[8:], ssrc)
		}
		s.readRTCP(data, time.Now())
	})
}

// FuzzAnswer: an offer has an answer that is readable and has its m-lines, or it is odd.
func FuzzAnswer(f *testing.F) {
	g := newGateway(f, defaultTimeouts())
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		f.Fatal(err)
	}
	o := bareOffer(certificate, "peer")
	f.Add(o.SDP)
	files, _ := filepath.Glob("../wish/testdata/whep-*.sdp")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if o, err := wish.ParseOffer(text, wish.Play); err == nil {
			f.Add(o.SDP)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		answer, s, err := g.server.Answer(Offer{SDP: text, Formats: o.Formats})
		if err != nil {
			if !errors.Is(err, ErrOdd) {
				t.Error(err)
			}
			return
		}
		defer func() { _ = s.Close() }()
		var offered, answered sdp.SessionDescription
		if err := answered.UnmarshalString(answer); err != nil {
			t.Fatalf("%v\n%s", err, answer)
		}
		if err := offered.UnmarshalString(text); err != nil || len(offered.MediaDescriptions) != len(answered.MediaDescriptions) {
			t.Errorf("%d m-lines for %d", len(answered.MediaDescriptions), len(offered.MediaDescriptions))
		}
	})
}
