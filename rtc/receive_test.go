package rtc

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// rawTrack shows what a track writes to, so that any packet can be sent.
type rawTrack struct {
	*webrtc.TrackLocalStaticRTP
	bound chan webrtc.TrackLocalContext
}

func (r rawTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	r.bound <- c
	return r.TrackLocalStaticRTP.Bind(c)
}

// TestReceiveOddPackets: a packet that can't be of the track, too long or of an unknown payload type, does not end it.
func TestReceiveOddPackets(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	pc := client(t)
	local, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	track := rawTrack{local, make(chan webrtc.TrackLocalContext, 1)}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	got := make(chan byte, 1000)
	answer, p, err := a.Receive(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats}, func(rt *RemoteTrack) {
		var packet rtp.Packet
		for rt.ReadRTP(&packet) == nil {
			select {
			case got <- packet.Payload[1]:
			default: // nobody reads any more
			}
		}
		close(got)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	accept(t, pc, answer)
	await(t, ctx, "connection", p.Connected())
	bound := await(t, ctx, "binding", track.bound)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	seq := uint16(0)
	send := func(pt uint8, size int, mark byte) {
		<-tick.C
		payload := make([]byte, size)
		payload[0], payload[1] = 0x10, mark
		seq++
		_, _ = bound.WriteStream().WriteRTP(&rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: seq, Timestamp: uint32(seq), SSRC: uint32(bound.SSRC())}, payload)
	}
	const usual = 96
	for len(got) == 0 && ctx.Err() == nil {
		send(usual, 2, 1)
	}
	for range 3 {
		send(usual, 2000, 2)
		send(77, 2, 3)
	}
	for ctx.Err() == nil {
		send(usual, 2, 4)
		for len(got) > 0 {
			switch mark, ok := <-got; {
			case !ok:
				t.Fatal("the track has ended")
			case mark == 2 || mark == 3:
				t.Fatalf("read packet of kind %d", mark)
			case mark == 4:
				return
			}
		}
	}
	t.Fatal("nothing came after the odd packets")
}
