package rtc

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

var candidateLine = regexp.MustCompile(`a=candidate:(.*)\r\n`)

func value(text, key string) string {
	_, rest, _ := strings.Cut(text, "a="+key+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// restartOffer has a client restart ICE, and gives what it would PATCH.
func restartOffer(t *testing.T, ctx context.Context, pc *webrtc.PeerConnection) (ufrag, password string, candidates []string) {
	t.Helper()
	o, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "candidates", gathered)
	text := pc.LocalDescription().SDP
	for _, m := range candidateLine.FindAllStringSubmatch(text, -1) {
		candidates = append(candidates, m[1])
	}
	return value(text, "ice-ufrag"), value(text, "ice-pwd"), candidates
}

// TestRestartBeforeConnection: candidates come by Trickle, or with a restart of a connection that there never was.
func TestRestartBeforeConnection(t *testing.T) {
	for _, restart := range []bool{false, true} {
		ctx := deadline(t)
		a := testAPI(t, Config{})
		pc := client(t)
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
		offer := offerOf(t, ctx, pc)
		answer, v, err := a.Send(ctx, Offer{SDP: candidateLine.ReplaceAllString(offer, ""), Formats: formats})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = v.Close() }()
		// Neither side knows a place to send to.
		accept(t, pc, candidateLine.ReplaceAllString(answer, ""))
		v.Trickle([]string{"", "1 1 udp", "1 1 udp 1 x.local 5000 typ host", "1 1 tcp 1 127.0.0.1 9 typ host tcptype active"})
		var candidates []string
		for _, m := range candidateLine.FindAllStringSubmatch(offer, -1) {
			candidates = append(candidates, m[1])
		}
		if restart {
			var ufrag, password, next string
			ufrag, password, candidates = restartOffer(t, ctx, pc)
			if next, err = v.Restart(ctx, ufrag, password, nil); err != nil {
				t.Fatal(err)
			}
			if value(next, "ice-ufrag") == value(answer, "ice-ufrag") || value(next, "mid") != value(answer, "mid") || value(next, "ssrc") != value(answer, "ssrc") {
				t.Errorf("was\n%s\nis\n%s", answer, next)
			}
			accept(t, pc, candidateLine.ReplaceAllString(next, ""))
		}
		v.Trickle(candidates)
		v.Trickle(candidates)
		await(t, ctx, "connection", v.Connected())
	}
}

// TestRestartOfSimulcast: the layers of a publisher go on, each as the track that it was.
func TestRestartOfSimulcast(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	pc := client(t)
	rids := []string{"a", "b"}
	var tracks []*webrtc.TrackLocalStaticRTP
	var sender *webrtc.RTPSender
	for _, rid := range rids {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s", webrtc.WithRTPStreamID(rid))
		if err != nil {
			t.Fatal(err)
		}
		tracks = append(tracks, track)
		if sender == nil {
			sender, err = pc.AddTrack(track)
		} else {
			err = sender.AddEncoding(track)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := make(chan string, 10)
	got := map[string]chan rtp.Header{"a": make(chan rtp.Header, 1000), "b": make(chan rtp.Header, 1000)}
	answer, p, err := a.Receive(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats}, func(rt *RemoteTrack) {
		seen <- rt.RID
		var packet rtp.Packet
		for rt.ReadRTP(&packet) == nil {
			select {
			case got[rt.RID] <- packet.Header:
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
	mid, rid := extensions(t, sender)
	stop, stopped := make(chan struct{}), make(chan struct{})
	defer func() { close(stop); <-stopped }()
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(0); ; seq++ {
			select {
			case <-tick.C:
				for i, track := range tracks {
					h := rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 450, Marker: true}
					_ = h.SetExtension(mid, []byte("0"))
					_ = h.SetExtension(rid, []byte(rids[i]))
					_ = track.WriteRTP(&rtp.Packet{Header: h, Payload: []byte{0x10, 0}})
				}
			case <-stop:
				return
			}
		}
	}()
	before := map[string]uint32{}
	for range rids {
		name := await(t, ctx, "layer", seen)
		before[name] = await(t, ctx, "packet", got[name]).SSRC
	}
	ufrag, password, candidates := restartOffer(t, ctx, pc)
	if answer, err = p.Restart(ctx, ufrag, password, candidates); err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		if s == webrtc.ICEConnectionStateConnected {
			close(up)
		}
	})
	accept(t, pc, answer)
	await(t, ctx, "new path", up)
	for _, name := range rids {
		for len(got[name]) > 0 {
			<-got[name]
		}
		for range 20 {
			if h := await(t, ctx, "packet after the restart", got[name]); h.SSRC != before[name] {
				t.Fatalf("layer %s has SSRC %d, before %d", name, h.SSRC, before[name])
			}
		}
	}
	if len(seen) > 0 {
		t.Errorf("layer %s came again", <-seen)
	}
}

// extensions gives the numbers of the header extensions for mid and rid.
func extensions(t *testing.T, s *webrtc.RTPSender) (mid, rid uint8) {
	t.Helper()
	for _, e := range s.GetParameters().HeaderExtensions {
		switch e.URI {
		case "urn:ietf:params:rtp-hdrext:sdes:mid":
			mid = uint8(e.ID)
		case "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id":
			rid = uint8(e.ID)
		}
	}
	if mid == 0 || rid == 0 {
		t.Fatal("mid or rid was not negotiated")
	}
	return mid, rid
}

// TestRestartThatIsNotUsed: the session ends when the client gives no sign in its new ICE session (W-72).
func TestRestartThatIsNotUsed(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	a.settings.SetICETimeouts(200*time.Millisecond, 300*time.Millisecond, 50*time.Millisecond)
	pc := client(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	answer, v, err := a.Send(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	accept(t, pc, answer)
	await(t, ctx, "connection", v.Connected())
	if _, err := v.Restart(ctx, "another", "aPasswordThatIsNeverUsed1", nil); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "end", v.Done())
	if !errors.Is(v.Err(), ErrLost) {
		t.Errorf("Err = %v", v.Err())
	}
	if _, err := v.Restart(ctx, "another", "aPasswordThatIsNeverUsed2", nil); !errors.Is(err, ErrLost) {
		t.Errorf("a restart after the end: %v", err)
	}
	v.Trickle([]string{"1 1 udp 1 127.0.0.1 9 typ host"})
}

// TestRestartAgain: a restart that is repeated as its answer was lost has the same answer, and one that comes after another
// that failed half-way works.
func TestRestartAgain(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	pc := client(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	answer, v, err := a.Send(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	accept(t, pc, answer)
	await(t, ctx, "connection", v.Connected())
	up := make(chan struct{}, 10)
	pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		if s == webrtc.ICEConnectionStateConnected {
			up <- struct{}{}
		}
	})

	// One comes only as far as its offer, and one is given up while it gathers.
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: withCredentials(v.offer, "half", "aPasswordThatIsNeverUsed1")}
	if err := v.pc.SetRemoteDescription(offer); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _ = v.Restart(over, "more", "aPasswordThatIsNeverUsed2", nil) // its candidates may be there at once

	ufrag, password, candidates := restartOffer(t, ctx, pc)
	next, err := v.Restart(ctx, ufrag, password, candidates)
	if err != nil {
		t.Fatal(err)
	}
	again, err := v.Restart(ctx, ufrag, password, candidates)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ice-ufrag", "ice-pwd"} {
		if value(next, name) == value(answer, name) || value(again, name) != value(next, name) {
			t.Errorf("%s was %q, then %q, then %q", name, value(answer, name), value(next, name), value(again, name))
		}
	}
	if a, b := candidateLine.FindAllString(next, -1), candidateLine.FindAllString(again, -1); len(a) == 0 || !slices.Equal(a, b) {
		t.Errorf("candidates %q, then %q", a, b)
	}
	accept(t, pc, again)
	await(t, ctx, "new path", up)
	if last, err := v.Restart(ctx, ufrag, password, candidates); err != nil || value(last, "ice-ufrag") != value(again, "ice-ufrag") {
		t.Errorf("repeated when it was in use: %v\n%s", err, last)
	}
	select {
	case <-v.Done():
		t.Errorf("the session ended: %v", v.Err())
	default:
	}
}
