package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

// obs publishes as OBS Studio does with libdatachannel: an offer without candidates, no PATCH, one codec whose profile it
// misstates, repeats under the old SSRC, and no ear for keyframe requests.
type obs struct {
	*webrtc.PeerConnection
	resource *wish.Resource
	answer   string
	audio    *webrtc.TrackLocalStaticRTP
	video    []*webrtc.TrackLocalStaticRTP // by layer
	rids     []string                      // nil: no simulcast
	mid, rid uint8                         // header extensions

	frame int
	seq   uint16
	burst []*rtp.Packet // of the frames that wait to be sent together
}

const (
	obsGOP   = 250 // frames: x264's own default, as long as nobody sets another
	obsBurst = 3   // frames that leave at once, as its pacing is ten times the bitrate
)

// obsSize is a layer's picture in pixels; the first is the largest.
func obsSize(layer int) (width, height int) { return 1280 >> layer, 720 >> layer }

func newOBS(t *testing.T, ctx context.Context, endpoint string, rids []string) *obs {
	t.Helper()
	var m webrtc.MediaEngine
	capability := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine:  "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "goog-remb"}}}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1"}
	var responders interceptor.Registry
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(4096))
	if err == nil {
		responders.Add(responder)
		err = m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: 96}, webrtc.RTPCodecTypeVideo)
	}
	if err == nil {
		err = m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
	}
	for _, uri := range []string{sdp.SDESMidURI, sdp.SDESRTPStreamIDURI} {
		if err == nil {
			err = m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(1)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithSettingEngine(s), webrtc.WithInterceptorRegistry(&responders)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	o := &obs{PeerConnection: pc, rids: rids}
	o.addTracks(t, capability, opus)
	o.exchange(t, ctx, endpoint)
	return o
}

func (o *obs) addTracks(t *testing.T, video, audio webrtc.RTPCodecCapability) {
	t.Helper()
	var err error
	if o.audio, err = webrtc.NewTrackLocalStaticRTP(audio, "audio", "obs"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.AddTransceiverFromTrack(o.audio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	var sender *webrtc.RTPSender
	for layer := range max(1, len(o.rids)) {
		var options []func(*webrtc.TrackLocalStaticRTP)
		if o.rids != nil {
			options = append(options, webrtc.WithRTPStreamID(o.rids[layer]))
		}
		track, err := webrtc.NewTrackLocalStaticRTP(video, "video", "obs", options...)
		if err != nil {
			t.Fatal(err)
		}
		o.video = append(o.video, track)
		if sender != nil {
			err = sender.AddEncoding(track)
		} else {
			var transceiver *webrtc.RTPTransceiver
			if transceiver, err = o.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err == nil {
				sender = transceiver.Sender()
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range sender.GetParameters().HeaderExtensions {
		switch e.URI {
		case sdp.SDESMidURI:
			o.mid = uint8(e.ID)
		case sdp.SDESRTPStreamIDURI:
			o.rid = uint8(e.ID)
		}
	}
	go func() { // its end is the peer's
		var err error
		for b := make([]byte, 1500); err == nil; {
			_, _, err = sender.Read(b)
		}
	}()
}

var (
	obsSSRC   = regexp.MustCompile(`a=ssrc.*\r\n`)
	obsLayers = regexp.MustCompile(`a=simulcast:recv (\S+)\r\n`)
)

// exchange posts an offer without candidates and without the SSRCs of layers; OBS stops unless all of its layers are accepted.
func (o *obs) exchange(t *testing.T, ctx context.Context, endpoint string) {
	t.Helper()
	offer, err := o.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(candidateLines.ReplaceAllString(offer.SDP, ""), "a=ice-options:trickle", "a=ice-options:ice2,trickle")
	if sound, picture, ok := strings.Cut(text, "m=video"); ok && o.rids != nil {
		text = sound + "m=video" + obsSSRC.ReplaceAllString(picture, "")
	}
	if o.answer, o.resource, err = (&wish.Client{Endpoint: endpoint}).Post(ctx, text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if m := obsLayers.FindStringSubmatch(o.answer); o.rids != nil && (m == nil || len(strings.Split(m[1], ";")) != len(o.rids)) {
		t.Fatalf("OBS gives up: not all of %d layers are accepted:\n%s", len(o.rids), o.answer)
	}
	up := make(chan struct{})
	o.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(up)
		}
	})
	if err := o.SetLocalDescription(offer); err != nil { // gathers, and tells nobody
		t.Fatal(err)
	}
	if err := o.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: o.answer}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-up:
	case <-ctx.Done():
		t.Fatal("OBS does not connect")
	}
}

// send takes a frame of all layers, and sends several at a time.
func (o *obs) send([][]byte) error {
	if err := o.audio.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(o.frame), Timestamp: uint32(o.frame * 960)}, Payload: []byte{0xfc, 0xff, 0xfe}}); err != nil {
		return err
	}
	payloads := 2 + o.frame%3
	key := o.frame%obsGOP == 0
	if key {
		payloads = 20
	}
	for i := range payloads {
		for layer := range o.video {
			p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: o.seq, Timestamp: uint32(o.frame * 1800), Marker: i == payloads-1}, Payload: obsPayload(layer, i, key)}
			_ = p.SetExtension(o.mid, []byte("1"))
			if o.rids != nil {
				_ = p.SetExtension(o.rid, []byte(o.rids[layer]))
			}
			o.burst = append(o.burst, p)
		}
		o.seq++
	}
	if o.frame++; o.frame%obsBurst != 0 {
		return nil
	}
	for i, p := range o.burst {
		if err := o.video[i%len(o.video)].WriteRTP(p); err != nil {
			return err
		}
	}
	o.burst = o.burst[:0]
	return nil
}

// obsPayload is High profile whatever the offer says.
func obsPayload(layer, i int, key bool) []byte {
	slice := make([]byte, 1000)
	switch {
	case key && i == 0:
		return aggregate([]byte{0x78}, highSPS(obsSize(layer)), h264PPS)
	case key:
		copy(slice, []byte{0x65, 0x88 >> min(i-1, 1)}) // the first begins the picture: first_mb_in_slice is 0
	default:
		copy(slice, []byte{0x41, 0x9a >> min(i, 1)})
	}
	return slice
}

// highSPS is a sequence parameter set of the High profile, level 3.1 (H.264 section 7.3.2.1.1).
func highSPS(width, height int) []byte {
	var bits strings.Builder
	for _, v := range []int{0, 1, 0, 0} { // id, 4:2:0, 8 bits of luma and of chroma
		bits.WriteString(expGolomb(v))
	}
	bits.WriteString("00")             // no lossless bypass, no scaling lists
	for _, v := range []int{0, 2, 1} { // frame_num of 4 bits, order of output is that of decoding, 1 reference
		bits.WriteString(expGolomb(v))
	}
	bits.WriteString("0")
	rows := (height + 15) / 16
	bits.WriteString(expGolomb(width/16-1) + expGolomb(rows-1) + "11") // frames only, 8x8 inference
	if crop := rows*16 - height; crop > 0 {
		bits.WriteString("1" + expGolomb(0) + expGolomb(0) + expGolomb(0) + expGolomb(crop/2))
	} else {
		bits.WriteString("0")
	}
	bits.WriteString("01") // no VUI; the stop bit
	sps := []byte{0x67, 100, 0, 31}
	for chunk := range slices.Chunk([]byte(bits.String()), 8) {
		var b byte
		for i, c := range chunk {
			b |= (c - '0') << (7 - i)
		}
		sps = append(sps, b)
	}
	return sps
}

// expGolomb is ue(v) in binary digits (H.264 section 9.1).
func expGolomb(v int) string {
	b := fmt.Sprintf("%b", v+1)
	return strings.Repeat("0", len(b)-1) + b
}

// TestOBS: OBS connects; a viewer has a picture at once although the next keyframe is far and no request brings it; all
// layers are taken; and its DELETE, which comes after it has hung up, does no harm.
func TestOBS(t *testing.T) {
	t.Parallel()
	url := startGateway(t, nil)
	for name, rids := range map[string][]string{"plain": nil, "simulcast": {"0", "1", "2"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t, 60*time.Second)
			o := newOBS(t, ctx, url+"/whip/"+name, rids)
			if err := publishFrames(ctx, o.send, func() bool { return o.frame == 60 }); err != nil {
				t.Fatal(err)
			}
			v := linkPeer(t, url+"/whep/"+name, nil, (*webrtc.MediaEngine).RegisterDefaultCodecs)
			got := make(chan *rtp.Packet, 10_000)
			v.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				for {
					p, _, err := track.ReadRTP()
					if err != nil {
						return
					}
					got <- p
				}
			})
			if _, err := v.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
			joined := make(chan error, 1)
			go func() { joined <- v.connect(ctx) }()
			if err := publishFrames(ctx, o.send, func() bool { return o.frame >= 120 && len(got) > 0 && len(joined) > 0 }); err != nil {
				t.Fatal(err)
			}
			if err := <-joined; err != nil {
				t.Fatal(err)
			}
			if o.frame >= obsGOP {
				t.Fatal("the publisher came to its next keyframe")
			}
			first := <-got
			if want := aggregate([]byte{0x78}, highSPS(obsSize(0)), h264PPS); !slices.Equal(first.Payload, want) {
				t.Errorf("the first packet is %x, want the keyframe's %x", first.Payload, want)
			}
			count, newest := 1, uint16(0) // a busy machine may lose some between kernel and client
			for ; len(got) > 0; count++ {
				p := <-got
				if p.PayloadType != first.PayloadType {
					t.Fatalf("packet %d has payload type %d", p.SequenceNumber, p.PayloadType)
				}
				if at := p.SequenceNumber - first.SequenceNumber; at < 1<<15 {
					newest = max(newest, at)
				}
			}
			if all := int(newest) + 1; count*10 < all*9 {
				t.Errorf("%d of %d packets came", count, all)
			}
			if s := streamOf(t, ctx, url, name); len(s.Tracks) != 2 || s.Tracks[0].Width != 1280 || s.Tracks[0].Height != 720 {
				t.Errorf("stream %+v", s)
			}
			o.leave(t, ctx)
			again := newOBS(t, ctx, url+"/whip/"+name, rids)
			again.leave(t, ctx)
			until(t, ctx, "the end of the stream", func() bool { return streamOf(t, ctx, url, name).State == "offline" })
		})
	}
}

// leave hangs up, and only then says so.
func (o *obs) leave(t *testing.T, ctx context.Context) {
	t.Helper()
	if err := o.GracefulClose(); err != nil {
		t.Error(err)
	}
	took := until(t, ctx, "the end of the session", func() bool { return status(t, ctx, http.MethodGet, o.resource.URL) == http.StatusNotFound })
	if took > 2*time.Second {
		t.Errorf("close_notify took %v to end the session", took)
	}
	if s := status(t, ctx, http.MethodDelete, o.resource.URL); s != http.StatusNotFound {
		t.Errorf("DELETE after the end: %d", s)
	}
}
