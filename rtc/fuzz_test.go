package rtc

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
	"bongsu/wish"
)

// FuzzOffer: what wish accepts has an answer, with every codec that it kept under its payload type, and every simulcast layer.
func FuzzOffer(f *testing.F) {
	files, err := filepath.Glob("../wish/testdata/wh?p-*.sdp")
	if err != nil || len(files) == 0 {
		f.Fatalf("no offers: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, strings.Contains(file, "whep-"))
	}
	a := testAPI(f, Config{})
	f.Fuzz(func(t *testing.T, body []byte, play bool) {
		role := wish.Publish
		if play {
			role = wish.Play
		}
		o, err := wish.ParseOffer(body, role)
		if err != nil {
			return
		}
		offer := Offer{SDP: o.SDP, Passive: o.Passive, Formats: o.Formats()}
		var answer string
		var p interface{ Close() error }
		if play {
			answer, p, err = a.Send(t.Context(), offer)
		} else {
			answer, p, err = a.Receive(t.Context(), offer, func(*RemoteTrack) {})
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, o.SDP)
		}
		defer func() { _ = p.Close() }()
		if answer, err = wish.FinishAnswer(answer, o, wish.AnswerOptions{}); err != nil {
			t.Fatalf("%v\n%s\n%s", err, o.SDP, answer)
		}
		checkCodecs(t, o, answer)
	})
}

func checkCodecs(t *testing.T, o *wish.Offer, answer string) {
	t.Helper()
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		t.Fatal(err)
	}
	for i, m := range o.Media {
		layers, _ := d.MediaDescriptions[i].Attribute("simulcast")
		if n := len(strings.FieldsFunc(layers, func(r rune) bool { return r == ';' || r == ' ' })); n != 0 && n != len(m.RIDs)+1 || n == 0 && len(m.RIDs) > 0 {
			t.Errorf("%q for layers %q\n%s", layers, m.RIDs, o.SDP)
		}
		formats := d.MediaDescriptions[i].MediaName.Formats
		for _, c := range m.Codecs {
			if len(slices.Compact(slices.Sorted(slices.Values(formats)))) != len(formats) {
				t.Errorf("a payload type twice in %q", formats)
			}
			if !slices.Contains(formats, strconv.Itoa(int(c.PayloadType))) {
				t.Errorf("%s: %s %d is not in %q\n%s\n%s", m.Kind, c.Name(), c.PayloadType, formats, o.SDP, answer)
			}
		}
	}
}

// FuzzAnswer: an answer to the server's own offer is taken, or the viewer still waits for one.
func FuzzAnswer(f *testing.F) {
	a := testAPI(f, Config{})
	ctx := deadline(f)
	offer, v, err := a.Offer(ctx, formats, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(answerOf(f, ctx, client(f), offer)))
	_ = v.Close()
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := wish.ParseAnswer(body)
		if err != nil {
			return
		}
		_, v, err := a.Offer(t.Context(), formats, false)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = v.Close() }()
		err = v.Answer(t.Context(), answer.SDP, answer.Formats())
		switch state := v.pc.SignalingState(); {
		case err == nil:
			if v.Output(broadcast.Audio) == nil && v.Output(broadcast.Video) == nil {
				t.Error("an answer to nothing")
			}
		case !errors.Is(err, ErrAnswer) || state != webrtc.SignalingStateHaveLocalOffer:
			t.Errorf("state %s after %v\n%s", state, err, answer.SDP)
		}
	})
}

// FuzzPackets has a publisher send whatever RTP and RTCP on its connection, which stays up.
func FuzzPackets(f *testing.F) {
	ctx := deadline(f)
	a := testAPI(f, Config{})
	pc := client(f)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		f.Fatal(err)
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		f.Fatal(err)
	}
	hub := broadcast.New(broadcast.Config{Writers: 1})
	f.Cleanup(hub.Close)
	source, err := hub.Publish("lobby", broadcast.Publication{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(source.Close)
	answer, p, err := a.Receive(ctx, Offer{SDP: offerOf(f, ctx, pc), Formats: formats}, func(rt *RemoteTrack) {
		layer := source.AddLayer(rt.Codec, "", rt.RequestKeyframe)
		var packet rtp.Packet
		for rt.ReadRTP(&packet) == nil {
			layer.Write(&packet)
		}
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = p.Close() })
	accept(f, pc, answer)
	await(f, ctx, "connection", p.Connected())
	ssrc := uint32(sender.GetParameters().Encodings[0].SSRC)
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 0x10, 0}, false)
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, true)
	f.Add([]byte{0x81, 203, 0, 1, 0, 0, 0, 1}, true)
	f.Fuzz(func(t *testing.T, data []byte, control bool) {
		if len(data) > 1200 || len(data) < 12 {
			return
		}
		if control {
			data = slices.Clone(data)
			binary.BigEndian.PutUint32(data[4:], ssrc) // of the stream that the server knows
			raw := rtcp.RawPacket(data)
			_ = pc.WriteRTCP([]rtcp.Packet{&raw})
		} else {
			var packet rtp.Packet
			if packet.Unmarshal(data) == nil {
				_ = track.WriteRTP(&packet)
			}
		}
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
	})
}
