package rtc

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// answerOf has a client answer the server's offer, with all its candidates.
func answerOf(t testing.TB, ctx context.Context, pc *webrtc.PeerConnection, offer string) string {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatalf("%v\n%s", err, offer)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "candidates", gathered)
	return pc.LocalDescription().SDP
}

// feed writes a picture of one packet every 5 ms to v until the test ends.
func feed(t *testing.T, v *Viewer, out *broadcast.Output, pt uint8) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-stopped })
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(0); ; seq++ {
			select {
			case <-tick.C:
				v.Send(0, []broadcast.Packet{{Kind: broadcast.Video, Payload: []byte{0x10, 0}, Header: rtp.Header{
					Version: 2, SSRC: out.SSRC, PayloadType: pt, SequenceNumber: seq, Marker: true}}})
				v.api.Flush(0)
			case <-stop:
				return
			}
		}
	}()
}

// TestOffer: the server offers, the client answers, sees the picture, asks for a repair and restarts ICE, as after its own
// offer.
func TestOffer(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	pc := client(t)
	offer, v, err := a.Offer(ctx, formats, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	audio, video := strings.Index(offer, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"), strings.Index(offer, "m=video 9 UDP/TLS/RTP/SAVPF 102 96\r\n")
	if audio < 0 || video < audio || strings.Count(offer, "a=sendonly\r\n") != 2 || strings.Count(offer, "a=setup:actpass\r\n") != 2 ||
		strings.Count(offer, "a=msid:bongsu ") != 2 || !strings.Contains(offer, "a=group:BUNDLE 0 1\r\n") || !strings.Contains(offer, " 127.0.0.1 ") {
		t.Errorf("the offer is\n%s", offer)
	}
	packets, handshakes := make(chan rtp.Header, 1000), atomic.Int32{}
	pc.SCTP().Transport().OnStateChange(func(s webrtc.DTLSTransportState) {
		if s == webrtc.DTLSTransportStateConnecting {
			handshakes.Add(1)
		}
	})
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(tr.SSRC())}})
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			select {
			case packets <- p.Header:
			default: // nobody reads
			}
		}
	})
	answer := answerOf(t, ctx, pc, offer)
	if _, err := v.Restart(ctx, "early", "anEarlyPasswordOfTheClient", nil); err == nil {
		t.Error("ICE was restarted before there was an answer")
	}
	if err := v.Answer(ctx, answer, formats[1:]); err != nil { // without H.264
		t.Fatalf("%v\n%s", err, answer)
	}
	if err := v.Answer(ctx, answer, formats); !errors.Is(err, ErrAnswer) {
		t.Errorf("a second answer: %v", err)
	}
	await(t, ctx, "connection", v.Connected())
	lost := make(chan struct{}, 9)
	v.Feedback(func() { lost <- struct{}{} }, func(uint32, []uint16) {})
	out := v.Output(broadcast.Video)
	pt, ok := out.PayloadType(broadcast.Codec{MimeType: "video/VP8", ClockRate: 90000})
	if _, h264 := out.PayloadType(broadcast.Codec{MimeType: "video/H264", ClockRate: 90000}); !ok || pt != 96 || h264 {
		t.Fatalf("payload type %d, %v; H.264 %v", pt, ok, h264)
	}
	feed(t, v, out, pt)
	if h := await(t, ctx, "packet", packets); h.SSRC != out.SSRC || h.PayloadType != 96 {
		t.Errorf("header %+v", h)
	}
	await(t, ctx, "PLI", lost)

	ufrag, password, candidates := restartOffer(t, ctx, pc)
	next, err := v.Restart(ctx, ufrag, password, candidates)
	if err != nil {
		t.Fatal(err)
	}
	if value(next, "ice-ufrag") == value(offer, "ice-ufrag") || value(next, "fingerprint") != value(offer, "fingerprint") || value(next, "ssrc") != value(offer, "ssrc") {
		t.Errorf("was\n%s\nis\n%s", offer, next)
	}
	up := make(chan struct{})
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		if s == webrtc.ICEConnectionStateConnected {
			close(up)
		}
	})
	accept(t, pc, next)
	await(t, ctx, "new path", up)
	for len(packets) > 0 {
		<-packets
	}
	for range 20 {
		if h := await(t, ctx, "packet after the restart", packets); h.SSRC != out.SSRC || h.PayloadType != 96 {
			t.Fatalf("header %+v", h)
		}
	}
	if n := handshakes.Load(); n != 1 {
		t.Errorf("%d DTLS handshakes", n)
	}
}

// TestAnswersThatDoNotFit: what is refused leaves the offer open for an answer that fits, also for one of a kind.
func TestAnswersThatDoNotFit(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	pc := client(t)
	offer, v, err := a.Offer(ctx, formats, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	answer := answerOf(t, ctx, pc, offer)
	video := strings.Index(answer, "m=video")
	for name, c := range map[string]struct {
		answer  string
		formats []broadcast.Format
	}{
		"not SDP":             {"hello", formats},
		"an m-line too few":   {answer[:video], formats},
		"an m-line too many":  {answer + answer[video:], formats},
		"another mid":         {strings.Replace(answer, "a=mid:1", "a=mid:one", 1), formats},
		"another order":       {answer[:strings.Index(answer, "m=audio")] + answer[video:] + answer[strings.Index(answer, "m=audio"):video], formats},
		"no video codec":      {answer, formats[2:]},
		"a codec not offered": {answer, []broadcast.Format{{Codec: broadcast.Codec{MimeType: "video/AV1", ClockRate: 90000}, PayloadType: 96}, formats[2]}},
		"no m-line":           {strings.NewReplacer("m=audio 9", "m=audio 0", "m=video 9", "m=video 0").Replace(answer), formats},
	} {
		if err := v.Answer(ctx, c.answer, c.formats); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	session, _, _ := strings.Cut(answer, "m=audio")
	soundOff := strings.Replace(session, "BUNDLE 0 1", "BUNDLE 1", 1) + "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=inactive\r\n" + answer[video:]
	if err := v.Answer(ctx, soundOff, formats); err != nil {
		t.Fatalf("%v\n%s", err, soundOff)
	}
	if v.Output(broadcast.Audio) != nil || v.Output(broadcast.Video) == nil {
		t.Error("want the picture without the sound")
	}
	await(t, ctx, "connection", v.Connected())
	next, err := v.Restart(ctx, "another", "anotherPasswordOfTheClient", nil)
	if err != nil || value(next, "ice-ufrag") == value(offer, "ice-ufrag") {
		t.Errorf("a restart: %v\n%s", err, next)
	}
}

// TestOfferWithoutAnswer: what nobody answers ends with Close, and takes no answer then.
func TestOfferWithoutAnswer(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	offer, v, err := a.Offer(ctx, formats[2:], false)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(offer, "m=") != 1 {
		t.Errorf("formats of sound alone are offered as\n%s", offer)
	}
	_ = v.Close()
	if err := v.Answer(ctx, offer, formats); !errors.Is(err, ErrClosed) {
		t.Errorf("an answer after the end: %v", err)
	}
}
