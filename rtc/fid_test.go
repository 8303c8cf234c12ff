package rtc

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

// TestRepairStreamWithoutItsCodec: pages that keep one codec of an offer leave the SSRC of its retransmissions in it.
func TestRepairStreamWithoutItsCodec(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	pc := client(t)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	text := offerOf(t, ctx, pc)
	if !strings.Contains(text, "a=ssrc-group:FID ") {
		t.Fatalf("the client has no retransmissions:\n%s", text)
	}
	text = regexp.MustCompile(`(?m)^(m=video 9 \S+) .*\r\n`).ReplaceAllString(text, "$1 96\r\n")
	text = regexp.MustCompile(`(?m)^a=(rtpmap|fmtp|rtcp-fb):([^9]|9[^6]).*\r\n`).ReplaceAllString(text, "")
	o, err := wish.ParseOffer([]byte(text), wish.Publish)
	if err != nil {
		t.Fatal(err)
	}
	if f := o.Formats(); len(f) != 1 || f[0].RTX != 0 || !strings.Contains(o.SDP, "a=ssrc-group:FID ") {
		t.Fatalf("formats %+v of\n%s", f, o.SDP)
	}
	packets := make(chan rtp.Header, 100)
	answer, p, err := a.Receive(ctx, Offer{SDP: o.SDP, Formats: o.Formats()}, func(rt *RemoteTrack) {
		var packet rtp.Packet
		for rt.ReadRTP(&packet) == nil {
			select {
			case packets <- packet.Header:
			default: // nobody reads
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	accept(t, pc, answer)
	await(t, ctx, "connection", p.Connected())
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var numbers []uint16
	for n := uint16(0); len(numbers) < 10; n++ {
		_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n) * 450, Marker: true}, Payload: []byte{0x10, 0}})
		select {
		case h := <-packets:
			numbers = append(numbers, h.SequenceNumber)
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no packets")
		}
	}
	if !slices.IsSorted(numbers) {
		t.Errorf("numbers %d", numbers)
	}
}
