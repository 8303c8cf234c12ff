package wish

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// newPeer makes a PeerConnection on loopback that knows the codecs of the offer, as the transports of this project do.
func newPeer(t testing.TB, o *Offer) *webrtc.PeerConnection {
	t.Helper()
	pc, err := makePeer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pc.GracefulClose(); err != nil {
			t.Error(err)
		}
	})
	return pc
}

func makePeer(o *Offer) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	for _, m := range o.Media {
		kind := webrtc.NewRTPCodecType(m.Kind)
		for _, c := range m.Codecs {
			if err := engine.RegisterCodec(pionCodec(c), kind); err != nil {
				return nil, err
			}
		}
		for pt, apt := range m.RTX {
			rtx := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=" + strconv.Itoa(int(apt))}
			if err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: rtx, PayloadType: webrtc.PayloadType(pt)}, kind); err != nil {
				return nil, err
			}
		}
	}
	for _, uri := range []string{sdp.SDESMidURI, sdp.SDESRTPStreamIDURI, sdp.SDESRepairRTPStreamIDURI} {
		if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	role := webrtc.DTLSRoleServer
	if o.Passive {
		role = webrtc.DTLSRoleClient
	}
	if err := settings.SetAnsweringDTLSRole(role); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
}

func pionCodec(c Codec) webrtc.RTPCodecParameters {
	p := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(c.PayloadType)}
	p.RTPCodecCapability = webrtc.RTPCodecCapability{MimeType: c.MimeType, ClockRate: c.ClockRate, Channels: c.Channels, SDPFmtpLine: c.Fmtp}
	for _, f := range c.Feedback {
		kind, parameter, _ := strings.Cut(f, " ")
		p.RTCPFeedback = append(p.RTCPFeedback, webrtc.RTCPFeedback{Type: kind, Parameter: parameter})
	}
	return p
}

// answerOf lets pion answer the offer; a player is sent the first codec of each kind.
func answerOf(ctx context.Context, t testing.TB, pc *webrtc.PeerConnection, o *Offer) string {
	t.Helper()
	if o.Role == Play {
		for _, m := range o.Media {
			if !m.isRTP() {
				continue
			}
			track, err := webrtc.NewTrackLocalStaticRTP(pionCodec(m.Codecs[0]).RTPCodecCapability, m.Kind, "stream")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pc.AddTrack(track); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.SDP}); err != nil {
		t.Fatalf("%v\n%s", err, o.SDP)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		t.Fatal("gathering didn't end")
	}
	return pc.LocalDescription().SDP
}

// TestPionAnswers runs the offers of all clients through pion and checks what goes out to them.
func TestPionAnswers(t *testing.T) {
	for name, role := range clients(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			text := offerText(t, name)
			o := mustParse(t, text, role)
			answer, err := FinishAnswer(answerOf(ctx, t, newPeer(t, o), o), o, AnswerOptions{Loopback: true})
			if err != nil {
				t.Fatal(err)
			}
			checkAnswer(t, text, answer, o)
			if t.Failed() {
				t.Log(answer)
			}
		})
	}
}

func checkAnswer(t *testing.T, offer, answer string, o *Offer) {
	t.Helper()
	if !strings.HasPrefix(answer, "v=0\r\n") || strings.Count(answer, "\n") != strings.Count(answer, "\r\n") || len(answer) >= 8192 { // W-15
		t.Errorf("the answer has %d bytes, or not all its lines end in CRLF", len(answer))
	}
	var in, out sdp.SessionDescription
	if err := in.UnmarshalString(offer); err != nil {
		t.Fatal(err)
	}
	if err := out.UnmarshalString(answer); err != nil {
		t.Fatal(err)
	}
	if len(out.MediaDescriptions) != len(in.MediaDescriptions) { // W-26
		t.Fatalf("%d m-lines, offered were %d", len(out.MediaDescriptions), len(in.MediaDescriptions))
	}
	var mids []string
	for i, md := range out.MediaDescriptions {
		mids = append(mids, o.Media[i].Mid)
		checkAnswerMedia(t, in.MediaDescriptions[i], md, &o.Media[i], o)
	}
	if groups := values(out.Attributes, "group"); len(groups) != 1 || groups[0] != "BUNDLE "+strings.Join(mids, " ") { // W-28
		t.Errorf("groups are %q, want one BUNDLE of %q", groups, mids)
	}
	lines := strings.Split(answer, "\r\n")
	candidates := 0
	for _, line := range lines { // one transport, RTP and RTCP together
		if strings.HasPrefix(line, "a=candidate:") {
			candidates++
			if strings.Fields(line)[1] != "1" {
				t.Errorf("a candidate of RTCP: %s", line)
			}
		}
	}
	if candidates == 0 || strings.Count(answer, "a=end-of-candidates\r\n") != 1 || len(values(out.MediaDescriptions[0].Attributes, "candidate")) != candidates {
		t.Errorf("%d candidates, not all in the first m-line or not ended once", candidates)
	}
}

func checkAnswerMedia(t *testing.T, in, out *sdp.MediaDescription, m *Media, o *Offer) {
	t.Helper()
	if mid, _ := out.Attribute("mid"); mid != m.Mid || out.MediaName.Media != in.MediaName.Media || !slices.Equal(out.MediaName.Protos, in.MediaName.Protos) { // W-26
		t.Errorf("%s is answered by m=%s with mid %q", m, out.MediaName, mid)
	}
	if out.MediaName.Port.Value == 0 { // W-29, W-44
		t.Errorf("%s is rejected", m)
	}
	for _, format := range out.MediaName.Formats { // W-27
		if !slices.Contains(in.MediaName.Formats, format) {
			t.Errorf("%s: %s was not offered", m, format)
		}
	}
	wantSetup := "passive" // W-39, W-40
	if o.Passive {
		wantSetup = "active" // W-41
	}
	if setup := values(out.Attributes, "setup"); !slices.Equal(setup, []string{wantSetup}) {
		t.Errorf("%s: setup is %q, want %s", m, setup, wantSetup)
	}
	if !m.isRTP() {
		return
	}
	if direction := directionOf(out.Attributes); direction != o.Role.answered() { // W-24, E-11
		t.Errorf("%s: direction is %s", m, direction)
	}
	for _, key := range []string{"rtcp-mux", "rtcp-mux-only"} { // W-30, E-20
		if len(values(out.Attributes, key)) != 1 {
			t.Errorf("%s: %d lines of a=%s", m, len(values(out.Attributes, key)), key)
		}
	}
	if rids := values(out.Attributes, "rid"); len(rids) != len(m.RIDs) { // W-98
		t.Errorf("%s: %q are answered to layers %q", m, rids, m.RIDs)
	}
	if _, hasMsid := out.Attribute("msid"); hasMsid != (o.Role == Play) { // E-14
		t.Errorf("%s: msid is there: %v", m, hasMsid)
	}
	for _, v := range values(out.Attributes, "rtpmap") {
		if pt, name, _ := strings.Cut(v, " "); name == "opus/48000/2" && !slices.ContainsFunc(values(out.Attributes, "fmtp"), func(f string) bool {
			return strings.HasPrefix(f, pt+" ") && strings.HasSuffix(f, "stereo=1;sprop-stereo=1")
		}) {
			t.Errorf("%s: Opus is not stereo", m)
		}
	}
}

// An answer that leaves out one of two kinds is not sent (W-45, E-16).
func TestPionRejectsOneKind(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	o := mustParse(t, offerText(t, "whip-obs"), Publish)
	audioOnly := *o
	audioOnly.Media = o.Media[:1]
	answer := answerOf(ctx, t, newPeer(t, &audioOnly), o)
	_, err := FinishAnswer(answer, o, AnswerOptions{})
	want(t, err, ErrUnprocessable, `m-line 1 (video, mid "1")`, "H264")
}
