package lite

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"bongsu/broadcast"
)

// burst makes packets as a writer brings them.
func burst(s *Session, first uint16, n int, again bool) []broadcast.Packet {
	out := s.Output(broadcast.Video)
	all := make([]broadcast.Packet, n)
	for i := range all {
		all[i] = broadcast.Packet{
			Kind: broadcast.Video, Again: again, Payload: bytes.Repeat([]byte{byte(int(first) + i)}, 1100),
			Header: rtp.Header{Version: 2, SSRC: out.SSRC, PayloadType: 96, SequenceNumber: first + uint16(i), Timestamp: 90000, Marker: i == n-1},
		}
	}
	return all
}

// remote opens what the server seals.
func (c *client) remote(t testing.TB) *srtp.Context {
	t.Helper()
	m := c.masters(t)
	x, err := srtp.CreateContext(m.serverKey, m.serverSalt, srtp.ProtectionProfile(m.profile))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestWire: what is on the wire is what was to be sent, and sent again, to another implementation.
func TestWire(t *testing.T) {
	for name, p := range profiles {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			g := newGateway(t, defaultTimeouts())
			c := g.dial(t)
			s := c.session
			s.Send(0, burst(s, 1, 1, false)) // too early, without harm
			s.Report(0, &rtcp.SenderReport{})
			c.connect(ctx, t, p)
			x := c.remote(t)
			s.Send(1, burst(s, 65530, 10, false))
			s.Send(1, burst(s, 65534, 3, true))
			g.server.Flush(1)
			for i := range 10 {
				h := &rtp.Header{}
				plain, err := x.DecryptRTP(nil, await(ctx, t, "packet", c.media), h)
				if err != nil || h.SequenceNumber != uint16(65530+i) || h.SSRC != s.tracks[broadcast.Video].ssrc || h.PayloadType != 96 ||
					h.Timestamp != 90000 || h.Marker != (i == 9) || !bytes.Equal(plain[12:], bytes.Repeat([]byte{byte(65530 + i)}, 1100)) {
					t.Fatalf("packet %d: %+v, %v", i, h, err)
				}
			}
			var last uint16
			for i := range 3 {
				h := &rtp.Header{}
				plain, err := x.DecryptRTP(nil, await(ctx, t, "retransmission", c.media), h)
				if err != nil || h.SSRC != s.tracks[broadcast.Video].rtxSSRC || h.PayloadType != 97 || h.Timestamp != 90000 ||
					binary.BigEndian.Uint16(plain[12:]) != uint16(65534+i) || !bytes.Equal(plain[14:], bytes.Repeat([]byte{byte(65534 + i)}, 1100)) {
					t.Fatalf("retransmission %d: %+v, %v", i, h, err)
				}
				if i > 0 && h.SequenceNumber != last+1 {
					t.Errorf("number %d after %d", h.SequenceNumber, last)
				}
				last = h.SequenceNumber
			}
			sr := &rtcp.SenderReport{SSRC: s.tracks[0].ssrc, NTPTime: 1 << 60, RTPTime: 2, PacketCount: 3, OctetCount: 4}
			s.Report(1, sr)
			g.server.Flush(1)
			plain, err := x.DecryptRTCP(nil, await(ctx, t, "report", c.media), nil)
			if err != nil {
				t.Fatal(err)
			}
			packets, err := rtcp.Unmarshal(plain)
			if err != nil || len(packets) != 2 {
				t.Fatalf("%v, %v", packets, err)
			}
			got, names := packets[0].(*rtcp.SenderReport), packets[1].(*rtcp.SourceDescription)
			if got.SSRC != sr.SSRC || got.NTPTime != sr.NTPTime || got.RTPTime != 2 || got.PacketCount != 3 || got.OctetCount != 4 {
				t.Errorf("%v", got)
			}
			if len(names.Chunks) != 1 || names.Chunks[0].Source != sr.SSRC || names.Chunks[0].Items[0].Text != cname {
				t.Errorf("%v", names)
			}
		})
	}
}

// TestSendAllocates nothing.
func TestSendAllocates(t *testing.T) {
	for name, p := range profiles {
		ctx := deadline(t)
		g := newGateway(t, defaultTimeouts())
		c := g.dial(t)
		c.connect(ctx, t, p)
		packets, again := burst(c.session, 1, 8, false), burst(c.session, 1, 8, true)
		report := &rtcp.SenderReport{SSRC: c.session.tracks[1].ssrc}
		n := 1.0
		for try := 0; n > 0 && try < 10; try++ { // the client's side of the handshake may be at work still
			n = testing.AllocsPerRun(200, func() {
				for i := range packets {
					packets[i].Header.SequenceNumber += 8
				}
				c.session.Send(0, packets)
				c.session.Send(0, again)
				c.session.Report(0, report)
			})
		}
		if n != 0 {
			t.Errorf("%s: %v allocations for 16 packets and a report", name, n)
		}
	}
}

// rtcpFrom seals what a client sends.
func (c *client) rtcpFrom(t testing.TB) func(index uint32, packets ...rtcp.Packet) []byte {
	t.Helper()
	m := c.masters(t)
	x, err := newSealer(m.profile, m.clientKey, m.clientSalt, labelRTCP)
	if err != nil {
		t.Fatal(err)
	}
	return func(index uint32, packets ...rtcp.Packet) []byte {
		plain, err := rtcp.Marshal(packets)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(plain)+maxOverhead)
		return b[:x.sealRTCP(b, copy(b, plain), index)]
	}
}

func TestFeedback(t *testing.T) {
	ctx := deadline(t)
	g := newGateway(t, defaultTimeouts())
	c := g.dial(t)
	c.connect(ctx, t)
	s := c.session
	missing := make(chan []uint16, 100)
	lost := make(chan struct{}, 100)
	s.Feedback(func() { lost <- struct{}{} }, func(ssrc uint32, n []uint16) {
		if ssrc != s.tracks[1].ssrc {
			t.Errorf("SSRC %d", ssrc)
		}
		missing <- n
	})
	seal := c.rtcpFrom(t)
	video := s.tracks[1].ssrc
	send := func(b []byte) {
		if _, err := c.UDPConn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	s.Report(0, &rtcp.SenderReport{SSRC: video, NTPTime: 0x1111222233334444})
	sent := time.Now()
	until(ctx, t, "time", func() bool { return time.Since(sent) > 5*time.Millisecond })
	send(seal(1, &rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{
		{SSRC: 99, FractionLost: 255},
		{SSRC: video, FractionLost: 64, TotalLost: 7, Jitter: 300, LastSenderReport: 0x22223333, Delay: 65}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 2_000_000, SSRCs: []uint32{video}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: video, Nacks: []rtcp.NackPair{{PacketID: 65534, LostPackets: 0b1000000000000011}}}))
	if n := await(ctx, t, "NACK", missing); len(n) != 4 || n[0] != 65534 || n[1] != 65535 || n[2] != 0 || n[3] != 14 {
		t.Errorf("missing %v", n)
	}
	st := s.Stats()
	r := st.Reception[broadcast.Video]
	if r.FractionLost != 0.25 || r.Lost != 7 || r.Jitter != 300 || r.RoundTrip < 3*time.Millisecond || r.RoundTrip > 10*time.Second || st.Bandwidth < 1_900_000 || st.Bandwidth > 2_000_000 {
		t.Errorf("%+v", st)
	}
	send(seal(2, &rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: 12345, Nacks: []rtcp.NackPair{{PacketID: 1}}})) // not ours
	many := &rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: video}
	for i := range uint16(100) {
		many.Nacks = append(many.Nacks, rtcp.NackPair{PacketID: i * 17, LostPackets: 65535})
	}
	send(seal(3, many))
	if n := len(await(ctx, t, "NACK", missing)); n < resendBurst-4 || n > resendBurst {
		t.Errorf("%d packets at once, want the burst of the budget", n)
	}
	send(seal(4, many))
	send(seal(5, &rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: video}))
	send(seal(6, &rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: video}))
	await(ctx, t, "PLI", lost)
	again := seal(5, &rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: video})
	send(again)
	again[20]++
	send(again)
	until(ctx, t, "forged and replayed", func() bool { s := g.server.Stats(); return s.ForgedRTCP == 1 && s.ReplayedRTCP == 1 })
	if n := s.Stats(); n.PicturesLost != 2 || n.NACKs != 4 || len(lost) != 0 {
		t.Errorf("%+v, %d more requests", n, len(lost))
	}
}

func TestWindow(t *testing.T) {
	w := window{newest: 100, seen: 1}
	for _, c := range []struct {
		index         uint32
		fresh, newest bool
	}{
		{100, false, false}, {101, true, true}, {101, false, false}, {99, true, false}, {99, false, false}, {110, true, true},
		{105, true, false}, {105, false, false}, {46, false, false}, {47, true, false}, {1000, true, true}, {110, false, false},
		{937, true, false}, {936, false, false}, {1<<31 - 1, true, true}, {0, false, false},
	} {
		if fresh, newest := w.accept(c.index); fresh != c.fresh || newest != c.newest {
			t.Errorf("accept(%d) = %v, %v", c.index, fresh, newest)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	for name, p := range map[string]dtls.SRTPProtectionProfile{"GCM": profileGCM, "CM": profileCM} {
		b.Run(name, func(b *testing.B) {
			ctx := deadline(b)
			g := newGateway(b, defaultTimeouts())
			c := g.dial(b)
			c.connect(ctx, b, p)
			packets := burst(c.session, 1, 8, false)
			b.ReportAllocs()
			for b.Loop() { // an operation is a frame of 8 packets, sealed and given to the kernel
				for i := range packets {
					packets[i].Header.SequenceNumber += 8
				}
				c.session.Send(0, packets)
				g.server.Flush(0)
			}
		})
	}
}
