package wish_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"bongsu/lite"
	"bongsu/rtc"
	"bongsu/udp"
	"bongsu/wish"
)

// publishers are the offers of testdata that publish, and what they get: the DTLS role, then by mid the codecs with their
// payload types as offered, and the simulcast layers. Clients of one kind share their library's offer: OBS (libdatachannel),
// FFmpeg, GStreamer and meetecho's client (webrtcbin), browsers and the pages that edit their offers, apps on libwebrtc,
// go2rtc (pion), live777 (webrtc-rs).
var publishers = map[string]string{
	"whip-chromium":           "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45",
	"whip-chromium-sendrecv":  "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45",
	"whip-chromium-simulcast": "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45, recv q;h;~f",
	"whip-eyevinn":            "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45",
	"whip-ffmpeg":             "active; 0: opus 111; 1: H264 106",
	"whip-ffmpeg-active":      "passive; 0: opus 111; 1: H264 106",
	"whip-ffmpeg-video":       "active; 1: H264 106",
	"whip-firefox":            "passive; 0: opus 109, G722 9, PCMU 0, PCMA 8; 1: VP8 120, VP9 121, H264 126, H264 97",
	"whip-go2rtc":             "passive; 0: H264 102; 1: PCMA 8",
	"whip-gstreamer":          "passive; video0: VP8 96; audio1: opus 99",
	"whip-gstreamer-single":   "passive; audio0: opus 100",
	"whip-larix":              "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: H264 96, H264 98",
	"whip-live777":            "passive; 0: H264 102, H264 127, H264 125, H264 108, H264 123; 1: opus 111, G722 9, PCMU 0, PCMA 8",
	"whip-mediamtx-page":      "passive; 0: opus 111; 1: H264 102, H264 104, H264 106, H264 108, H264 112",
	"whip-medooze":            "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45",
	"whip-meetecho":           "passive; audio0: opus 100; video1: VP8 96",
	"whip-obs":                "passive; 0: opus 111; 1: H264 96",
	"whip-obs-av1":            "passive; 0: opus 111; 1: AV1 96",
	"whip-obs-hevc":           "passive; 0: opus 111; 1: H265 96",
	"whip-obs-simulcast":      "passive; 0: opus 111; 1: H264 96, recv 0;1;2",
	"whip-safari":             "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: H264 96, H264 98, H265 100, VP8 102, VP9 104, AV1 106",
	"whip-unity":              "passive; 0: VP8 96, VP9 98, AV1 39, H264 102, H264 104, H264 106",
}

// players are the offers that play, and what they get over both transports.
var players = map[string]string{
	"whep-aiortc":              "passive; 0: opus 96, PCMU 0, PCMA 8; 1: VP8 97, H264 99; 2: data",
	"whep-chromium":            "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45",
	"whep-chromium-sendrecv":   "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45",
	"whep-eyevinn":             "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45",
	"whep-firefox":             "passive; 0: opus 109, G722 9, PCMU 0, PCMA 8; 1: VP8 120, VP9 121, H264 126, H264 97",
	"whep-go2rtc":              "passive; 0: VP8 96, H264 102, H264 104, H264 106, H264 108, H264 127, H264 39, H265 116, AV1 45, VP9 98, VP9 100, H264 112; 1: opus 111, G722 9, PCMU 0, PCMA 8",
	"whep-gstreamer":           "passive; video0: VP8 101, VP9 102, H264 103, H265 104, AV1 105; audio1: opus 96",
	"whep-gstreamer-clientsrc": "passive; video0: VP8 96, H264 97, VP9 98, H265 101, AV1 102; audio1: opus 99",
	"whep-live777":             "passive; 0: VP8 96, VP9 98, VP9 100, H264 102, H264 127, H264 125, H264 108, H264 123, AV1 41, H265 126; 1: opus 111, G722 9, PCMU 0, PCMA 8",
	"whep-mediamtx-page":       "passive; 0: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45; 1: opus 111, G722 9, PCMU 0, PCMA 8; 2: data",
	"whep-mediamtx-reader":     "passive; 0: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45; 1: opus 111, G722 9, PCMU 0, PCMA 8",
	"whep-medooze":             "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, VP9 100, H264 102, H264 104, H264 106, H264 108, H264 112, AV1 45",
	"whep-meetecho":            "passive; video0: VP8 101, VP9 102, H264 103, H265 104, AV1 105",
	"whep-safari":              "passive; 0: H264 96, H264 98, H265 100, VP8 102, VP9 104; 1: opus 111, G722 9, PCMU 0, PCMA 8",
	"whep-unity":               "passive; 0: opus 111, G722 9, PCMU 0, PCMA 8; 1: VP8 96, VP9 98, AV1 39, H264 102, H264 104, H264 106",
}

// transports are the two that answer offers, on one port whose public address is publicIP.
type transports struct {
	api  *rtc.API
	lean *lite.Server
}

const publicIP = "203.0.113.5"

func newTransports(t *testing.T) transports {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	port, err := udp.Listen("127.0.0.1:0", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	public := []netip.Addr{netip.MustParseAddr(publicIP)}
	api, err := rtc.New(port, rtc.Config{PublicIPs: public, Writers: 1}, log)
	if err != nil {
		t.Fatal(err)
	}
	lean, err := lite.New(port, 1, lite.Config{PublicIPs: public}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lean.Close() })
	port.Start(lean.Handle)
	return transports{api, lean}
}

// closer is a session of either transport.
type closer interface{ Close() error }

func (tr transports) publish(ctx context.Context, o *wish.Offer) (string, closer, error) {
	return tr.api.Receive(ctx, rtc.Offer{SDP: o.SDP, Passive: o.Passive, Formats: o.Formats(), Data: true}, func(*rtc.RemoteTrack) {})
}

func (tr transports) play(ctx context.Context, o *wish.Offer) (string, closer, error) {
	return tr.api.Send(ctx, rtc.Offer{SDP: o.SDP, Passive: o.Passive, Formats: o.Formats(), Data: true})
}

func (tr transports) playLean(_ context.Context, o *wish.Offer) (string, closer, error) {
	return tr.lean.Answer(lite.Offer{SDP: o.SDP, Passive: o.Passive, Formats: o.Formats(), Data: true})
}

// TestOffersOfClients has the offer of every client in testdata answered, over both transports if it plays, and compares the
// answer's properties with what was found right for it.
func TestOffersOfClients(t *testing.T) {
	tr := newTransports(t)
	files, err := filepath.Glob("testdata/wh?p-*.sdp")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sdp")
		answers, role, table := map[string]func(context.Context, *wish.Offer) (string, closer, error){"pc": tr.publish}, wish.Publish, publishers
		if strings.HasPrefix(name, "whep-") {
			answers, role, table = map[string]func(context.Context, *wish.Offer) (string, closer, error){"pc": tr.play, "lean": tr.playLean}, wish.Play, players
		}
		for transport, answer := range answers {
			t.Run(name+" "+transport, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				o, err := wish.ParseOffer(text, role)
				if err != nil {
					t.Fatal(err)
				}
				got, session, err := answer(ctx, o)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = session.Close() }()
				if got, err = wish.FinishAnswer(got, o, wish.AnswerOptions{}); err != nil {
					t.Fatal(err)
				}
				want := table[name]
				if s := summary(t, got); s != want {
					t.Errorf("the answer has\n%q, want\n%q\n%s", s, want, got)
				}
			})
		}
	}
	if n := len(publishers) + len(players); n != len(files) {
		t.Errorf("%d clients are in the tables, %d in testdata", n, len(files))
	}
}

// summary says what matters of an answer, after checking what is the same for all: CRLF, less than 8 KiB, one BUNDLE, RTP and
// RTCP on one port, and first a candidate that FFmpeg and whepsrc can use, who take no other.
func summary(t *testing.T, answer string) string {
	t.Helper()
	if len(answer) >= 8192 || strings.Count(answer, "\n") != strings.Count(answer, "\r\n") || !strings.HasPrefix(answer, "v=0\r\n") {
		t.Errorf("%d bytes, or not all lines end in CRLF", len(answer))
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		t.Fatal(err)
	}
	_, first, _ := strings.Cut(answer, "\r\na=candidate:")
	if f := strings.Fields(first); len(f) < 8 || f[1] != "1" || f[2] != "udp" || f[4] != publicIP || f[7] != "host" {
		t.Errorf("the first candidate is %.60q", first)
	}
	group, _ := d.Attribute(sdp.AttrKeyGroup)
	bundle, roles := "BUNDLE", []string(nil)
	var lines []string
	for _, md := range d.MediaDescriptions {
		mid, _ := md.Attribute(sdp.AttrKeyMID)
		if md.MediaName.Port.Value == 0 {
			lines = append(lines, mid+": off")
			continue
		}
		bundle += " " + mid
		if role, _ := md.Attribute(sdp.AttrKeyConnectionSetup); !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
		lines = append(lines, mid+": "+media(t, md))
	}
	if group != bundle {
		t.Errorf("a=group:%s, want %s", group, bundle)
	}
	return strings.Join(append(roles, lines...), "; ")
}

// media says which codecs an m-line has, under which payload types, and its layers. Retransmissions are left out: the lean
// transport has them and a PeerConnection has not.
func media(t *testing.T, md *sdp.MediaDescription) string {
	t.Helper()
	if md.MediaName.Media == "application" {
		return "data"
	}
	if _, only := md.Attribute("rtcp-mux-only"); !only {
		t.Errorf("m=%s has no a=rtcp-mux-only", md.MediaName)
	}
	var codecs []string
	for _, pt := range md.MediaName.Formats {
		for _, a := range md.Attributes {
			number, encoding, _ := strings.Cut(a.Value, " ")
			if name, _, _ := strings.Cut(encoding, "/"); a.Key == "rtpmap" && number == pt && name != "rtx" {
				codecs = append(codecs, fmt.Sprintf("%s %s", name, pt))
			}
		}
	}
	if simulcast, ok := md.Attribute("simulcast"); ok {
		codecs = append(codecs, simulcast)
	}
	return strings.Join(codecs, ", ")
}
