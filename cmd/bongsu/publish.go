package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"golang.org/x/term"

	"bongsu/broadcast"
	"bongsu/ingest"
)

// PublishCmd sends files to a WHIP server.
type PublishCmd struct {
	Files []string `arg:"" name:"file" help:"H.264 Annex B (.h264), IVF with VP8, VP9 or AV1 (.ivf), Ogg Opus (.ogg), or - for standard input. One video, one audio, or one of each."`
	To    string   `required:"" placeholder:"URL" help:"WHIP endpoint, such as http://localhost:8080/whip/lobby."`
	Token string   `placeholder:"T" env:"BONGSU_TOKEN" help:"Stream key or bearer token, if the server asks for one."`
	Loop  bool     `help:"Begin again at the end."`
	FPS   float64  `placeholder:"N" help:"Frames a second of an H.264 file that does not say it itself (default: 30)."`
}

// Help is what "bongsu publish --help" says below the usage line.
func (PublishCmd) Help() string {
	return `The media is sent in real time and as it is, without encoding it again. Encode without B-frames and with a keyframe every
second or two. If the network changes, the session goes on over the new one; if the connection breaks, publish connects again
and goes on where it was.

    bongsu publish clip.h264 clip.ogg --loop --to http://localhost:8080/whip/lobby
    ffmpeg -re -i talk.mp4 -c:v libx264 -bf 0 -g 60 -f h264 - | bongsu publish - --to http://localhost:8080/whip/lobby`
}

// Run publishes until the files are over or ctx ends.
func (c *PublishCmd) Run(ctx context.Context, stdout io.Writer, log *slog.Logger) error {
	server, err := newEndpoint(c.To, c.Token)
	if err != nil {
		return err
	}
	defer server.Close()
	inputs := make([]ingest.Input, len(c.Files))
	live := false
	for i, name := range c.Files {
		inputs[i] = ingest.File(name)
		if name == "-" {
			inputs[i], live = standardInput(ctx), true
		}
	}
	media, err := ingest.OpenMediaFrom(ingest.FileConfig{Loop: c.Loop, FPS: c.FPS}, inputs...)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer media.Close()
	for _, note := range media.Notes() {
		log.Warn(note)
	}
	p := &publisher{endpoint: server, media: media, log: log}
	progress := startProgress(stdout, log, p.status)
	defer progress.Close()
	wait := pause
	if live { // what comes while nobody can take it is let go, as a camera would
		wait = func(ctx context.Context, d time.Duration) {
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			_ = media.Run(ctx, func(int, *rtp.Packet, time.Time) {})
			<-ctx.Done()
		}
	}
	return keepTrying(ctx, log, wait, p.session)
}

// standardInput is a pipe into this process. The end of ctx ends waiting for it.
func standardInput(ctx context.Context) ingest.Input {
	return ingest.Input{Name: "standard input", Live: true, Open: func() (io.ReadCloser, error) {
		if term.IsTerminal(int(os.Stdin.Fd())) {
			return nil, errors.New("standard input is a terminal; pipe media into it: ffmpeg ... -f h264 - | bongsu publish - --to URL")
		}
		in, err := os.Open("/dev/stdin") // unlike os.Stdin it can be closed while it is being read
		if err != nil {
			return nil, fmt.Errorf("standard input must be a pipe or a file: %w", err)
		}
		context.AfterFunc(ctx, func() { in.Close() })
		return in, nil
	}}
}

// publisher sends a media to an endpoint, in one session after another.
type publisher struct {
	endpoint *endpoint
	media    *ingest.Media
	log      *slog.Logger

	mu     sync.Mutex
	counts sendCounts
}

// session is one connection: it returns nil when the media is over.
func (p *publisher) session(ctx context.Context) error {
	var readers sync.WaitGroup
	defer readers.Wait()
	codecs := p.media.Codecs()
	peer, err := newClientPeer(p.endpoint, func(m *webrtc.MediaEngine) error { return registerCodecs(m, codecs) }, p.log)
	if err != nil {
		return err
	}
	defer peer.Close()
	tracks := make([]*webrtc.TrackLocalStaticRTP, len(codecs))
	for i, codec := range codecs {
		if tracks[i], err = webrtc.NewTrackLocalStaticRTP(capability(codec), codec.Kind().String(), "bongsu"); err != nil {
			return err
		}
		transceiver, err := peer.AddTransceiverFromTrack(tracks[i], webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return err
		}
		readers.Go(func() { p.readFeedback(transceiver.Sender(), codec) })
	}
	if err := peer.connect(ctx); err != nil {
		return err
	}
	p.log.Info("publishing", "to", p.endpoint.Endpoint, "codecs", names(codecs))
	p.connected(time.Now())
	defer p.connected(time.Time{})
	ctx, cancel := peer.while(ctx)
	defer cancel()
	return p.media.Run(ctx, func(track int, packet *rtp.Packet, _ time.Time) {
		if tracks[track].WriteRTP(packet) == nil {
			p.count(packet, codecs[track].Kind())
		}
	})
}

// registerCodecs offers these alone, so that the server takes the file's or says that it can't.
func registerCodecs(m *webrtc.MediaEngine, codecs []broadcast.Codec) error {
	for i, codec := range codecs {
		kind := webrtc.NewRTPCodecType(codec.Kind().String())
		if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability(codec), PayloadType: webrtc.PayloadType(96 + i)}, kind); err != nil {
			return err
		}
	}
	return nil
}

func capability(c broadcast.Codec) webrtc.RTPCodecCapability {
	capability := webrtc.RTPCodecCapability{MimeType: c.MimeType, ClockRate: c.ClockRate, Channels: c.Channels, SDPFmtpLine: c.Fmtp}
	if c.Kind() == broadcast.Video {
		capability.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	}
	return capability
}

func names(codecs []broadcast.Codec) (names []string) {
	for _, c := range codecs {
		names = append(names, c.Name())
	}
	return names
}
