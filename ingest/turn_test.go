package ingest

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
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

// TestCodecTurns: a publisher may go over to another codec that was agreed upon, and viewers are told which it is.
func TestCodecTurns(t *testing.T) {
	e := startEndpoint(t, nil)
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.GracefulClose() }()
	local, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	track := rawTrack{local, make(chan webrtc.TrackLocalContext, 1)}
	if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	resp := e.do("POST", "/whip/turning", "", pc.LocalDescription().SDP)
	answer, _ := io.ReadAll(resp.Body)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	bound := <-track.bound
	types := map[string]uint8{"VP8": 96, "VP9": 98} // pion's
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	seq := uint16(0)
	for _, codec := range []string{"VP8", "VP9", "VP8"} {
		if !strings.Contains(string(answer), fmt.Sprintf("a=rtpmap:%d %s/90000\r\n", types[codec], codec)) {
			t.Fatalf("no %s in\n%s", codec, answer)
		}
		for {
			select {
			case <-deadline:
				t.Fatalf("the stream never was %s", codec)
			case <-tick.C:
			}
			seq++
			header := rtp.Header{Version: 2, PayloadType: types[codec], SequenceNumber: seq, Timestamp: uint32(seq) * 3000, SSRC: uint32(bound.SSRC()), Marker: true}
			_, _ = bound.WriteStream().WriteRTP(&header, []byte{0x10, 0, 0, 0})
			if info, _ := e.hub.Info("turning"); info.State == broadcast.Live && len(info.Tracks) == 1 && info.Tracks[0].Codec == codec {
				break
			}
		}
	}
}
