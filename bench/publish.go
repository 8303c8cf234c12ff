package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

const (
	maxPayload  = 1180 // bytes, so that a packet with all its headers fits any path
	audioFrame  = 20 * time.Millisecond
	audioBytes  = 160 // 64 kbit/s
	audioClock  = 48000
	videoClock  = 90000
	layerFactor = 3 // a layer has so many times the bitrate of the one below
)

var errPublish = errors.New("the synthetic stream can't be published")

// Media says what is published.
type Media struct {
	Codec     string        `json:"codec"`   // "H264", "VP8", "VP9", "AV1", "H265"
	Bitrate   int           `json:"bitrate"` // bit/s of the video, of its highest layer
	FPS       int           `json:"fps"`
	GOP       time.Duration `json:"-"`         // from keyframe to keyframe
	Simulcast int           `json:"simulcast"` // layers; 0 and 1: one without a rid
	Audio     bool          `json:"audio"`
	AnswerPLI bool          `json:"answerPLI"` // send a keyframe when asked for one, as a browser does; OBS and FFmpeg don't
}

// packets is how many equal packets a frame of the layer takes, and their payload's size.
func (m Media) packets(layer int) (n, size int) {
	bytes := m.Bitrate / 8 / m.FPS
	for range layer {
		bytes /= layerFactor
	}
	n = (bytes + maxPayload - 1) / maxPayload
	return max(n, 1), max(bytes/max(n, 1), 64)
}

// publisher sends a synthetic stream: frames of equal packets at even times, each with a stamp. Nothing in them is a picture,
// but their heads are right, so that a server finds frames, keyframes, parameter sets and sizes.
type publisher struct {
	media    Media
	codec    *codec
	peer     *webrtc.PeerConnection
	resource *wish.Resource
	layers   []*layer
	audio    *webrtc.TrackLocalStaticRTP
	next     atomic.Int64 // number of the next frame
	wanted   atomic.Bool  // a keyframe is
	late     *lateness
}

// layer is one encoding of the video.
type layer struct {
	track    *webrtc.TrackLocalStaticRTP
	sender   *webrtc.RTPSender
	packet   rtp.Packet
	payload  [maxPayload]byte
	n, size  int
	mid, rid string
	ids      [2]uint8 // of their header extensions; 0: none
}

// newPublisher makes the peer connection; Close it.
func newPublisher(m Media, loopback bool) (*publisher, error) {
	c, err := findCodec(m.Codec)
	if err != nil {
		return nil, err
	}
	p := &publisher{media: m, codec: c, late: &lateness{}}
	if p.peer, err = publishingPeer(c, loopback); err != nil {
		return nil, err
	}
	if err := p.addTracks(); err != nil {
		_ = p.peer.Close()
		return nil, err
	}
	return p, nil
}

func publishingPeer(c *codec, loopback bool) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	video := webrtc.RTPCodecCapability{MimeType: c.mime(), ClockRate: videoClock, SDPFmtpLine: c.fmtp, RTCPFeedback: feedback}
	err := errors.Join(
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: video, PayloadType: webrtc.PayloadType(c.payloadType)}, webrtc.RTPCodecTypeVideo),
		engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus(), PayloadType: opusType}, webrtc.RTPCodecTypeAudio),
	)
	for _, uri := range []string{sdp.SDESMidURI, sdp.SDESRTPStreamIDURI} {
		err = errors.Join(err, engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo))
	}
	registry := &interceptor.Registry{}
	err = errors.Join(err, webrtc.ConfigureNack(engine, registry), webrtc.ConfigureRTCPReports(registry))
	if err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(loopback)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	return api.NewPeerConnection(webrtc.Configuration{})
}

func opus() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: audioClock, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
}

func (p *publisher) addTracks() error {
	capability := webrtc.RTPCodecCapability{MimeType: p.codec.mime(), ClockRate: videoClock, SDPFmtpLine: p.codec.fmtp}
	var sender *webrtc.RTPSender
	for i := range max(p.media.Simulcast, 1) {
		var options []func(*webrtc.TrackLocalStaticRTP)
		l := &layer{}
		if p.media.Simulcast > 1 {
			l.rid = fmt.Sprint(i)
			options = append(options, webrtc.WithRTPStreamID(l.rid))
		}
		track, err := webrtc.NewTrackLocalStaticRTP(capability, "video", "bench", options...)
		if err != nil {
			return err
		}
		if sender == nil {
			sender, err = p.peer.AddTrack(track)
		} else {
			err = sender.AddEncoding(track)
		}
		if err != nil {
			return err
		}
		l.track, l.sender = track, sender
		l.n, l.size = p.media.packets(i)
		for j := range l.payload {
			l.payload[j] = byte(0x80 | j) // no zeros: nothing looks like a start code
		}
		p.layers = append(p.layers, l)
	}
	if !p.media.Audio {
		return nil
	}
	var err error
	if p.audio, err = webrtc.NewTrackLocalStaticRTP(opus(), "audio", "bench"); err != nil {
		return err
	}
	_, err = p.peer.AddTrack(p.audio)
	return err
}

// connect posts the offer and waits until media can flow.
func (p *publisher) connect(ctx context.Context, c *wish.Client) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	up, connected := context.WithCancel(context.Background())
	defer connected()
	down, failed := context.WithCancel(context.Background())
	defer failed()
	p.peer.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			connected()
		case webrtc.PeerConnectionStateFailed:
			failed()
		}
	})
	offer, err := p.peer.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.peer)
	if err := p.peer.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	text, resource, err := c.Post(ctx, p.peer.LocalDescription().SDP)
	if err != nil {
		return err
	}
	p.resource = resource
	if err := p.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: text}); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	select {
	case <-up.Done():
		p.extensions()
		return nil
	case <-down.Done():
		return fmt.Errorf("%w: %w", errPublish, errUnreachable)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errPublish, context.Cause(ctx))
	}
}

// extensions are what tells simulcast layers apart (RFC 8852).
func (p *publisher) extensions() {
	mid := ""
	for _, t := range p.peer.GetTransceivers() {
		if t.Kind() == webrtc.RTPCodecTypeVideo {
			mid = t.Mid()
		}
	}
	for _, l := range p.layers {
		if l.mid = mid; l.rid == "" {
			continue
		}
		for _, e := range l.sender.GetParameters().HeaderExtensions {
			switch e.URI {
			case sdp.SDESMidURI:
				l.ids[0] = uint8(e.ID)
			case sdp.SDESRTPStreamIDURI:
				l.ids[1] = uint8(e.ID)
			}
		}
	}
}

// listen reads what the server asks for, until the peer is closed.
func (p *publisher) listen(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.wanted.Store(p.media.AnswerPLI)
			}
		}
	}
}

// Close ends the session and waits.
func (p *publisher) Close(ctx context.Context) error {
	var err error
	if p.resource != nil {
		err = p.resource.Delete(ctx)
	}
	return errors.Join(err, p.peer.GracefulClose())
}
