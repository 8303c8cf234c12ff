package check

import (
	"bytes"
	_ "embed"
	"errors"
	"io"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
)

// clip is a second of VP8 test picture, 30 frames, the first of them a keyframe.
//
//go:embed clip.ivf
var clip []byte

// clipSmall is the same in a quarter of the size, with 15 frames.
//
//go:embed clip_small.ivf
var clipSmall []byte

// The rids of a publisher with simulcast.
const (
	large = "h"
	small = "l"
)

const (
	videoClock = 90000
	videoMTU   = 1200
)

// layer is an encoding of the picture.
type layer struct {
	rid     string // "" for the only one
	every   int    // frame of the clip, one is sent
	frames  [][]byte
	n       int // of the next frame
	first   int // picture ID
	wanted  atomic.Bool
	paused  atomic.Bool
	track   *webrtc.TrackLocalStaticRTP
	packets rtp.Packetizer
	sender  *webrtc.RTPSender
	mid     func() string
	ids     map[string]uint8 // of header extensions, by their URIs
}

// newLayers gives the encodings that a publisher sends.
func newLayers(p *probe, simulcast bool) []*layer {
	if !simulcast {
		return []*layer{{every: 1, frames: framesOf(p, clip)}}
	}
	return []*layer{{rid: large, every: 1, frames: framesOf(p, clip), first: 1000}, {rid: small, every: 2, frames: framesOf(p, clipSmall), first: 20000}}
}

// newPayloader begins with a picture ID, which an encoder chooses at random (RFC 7741 section 4.2).
func newPayloader(id int) *codecs.VP8Payloader {
	payloader := &codecs.VP8Payloader{EnablePictureID: true}
	for range id {
		payloader.Payload(videoMTU, []byte{0})
	}
	return payloader
}

func framesOf(p *probe, clip []byte) (frames [][]byte) {
	file, _, err := ivfreader.NewWith(bytes.NewReader(clip))
	p.need("reading the own clip", err)
	for {
		frame, _, err := file.ParseNextFrame()
		if errors.Is(err, io.EOF) {
			return frames
		}
		p.need("reading the own clip", err)
		frames = append(frames, frame)
	}
}

// addVideo adds the picture, as one m-line.
func (c *publisher) addVideo(p *probe, simulcast bool) {
	c.layers = newLayers(p, simulcast)
	var transceiver *webrtc.RTPTransceiver
	for _, l := range c.layers {
		var options []func(*webrtc.TrackLocalStaticRTP)
		if simulcast {
			options = append(options, webrtc.WithRTPStreamID(l.rid))
		}
		var err error
		l.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: videoClock}, "video", "show", options...)
		p.need("making a track", err)
		if transceiver == nil {
			transceiver, err = c.AddTransceiverFromTrack(l.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		} else {
			err = transceiver.Sender().AddEncoding(l.track)
		}
		p.need("adding a track", err)
		l.packets = rtp.NewPacketizer(videoMTU, 0, 0, newPayloader(l.first), rtp.NewRandomSequencer(), videoClock)
		l.sender, l.mid = transceiver.Sender(), transceiver.Mid
	}
}

// negotiated learns how layers are told apart (RFC 8852 section 3).
func (l *layer) negotiated() {
	l.ids = map[string]uint8{}
	if l.rid == "" {
		return
	}
	for _, e := range l.sender.GetParameters().HeaderExtensions {
		l.ids[e.URI] = uint8(e.ID)
	}
}

// send sends the next frame, which is a keyframe if one is wanted.
func (l *layer) send() {
	if l.paused.Load() {
		return
	}
	if l.wanted.Swap(false) || l.n == len(l.frames) {
		l.n = 0
	}
	for _, packet := range l.packets.Packetize(l.frames[l.n], uint32(l.every*videoClock/30)) {
		if mid, rid := l.ids[sdp.SDESMidURI], l.ids[sdp.SDESRTPStreamIDURI]; rid > 0 {
			_ = packet.SetExtension(mid, []byte(l.mid()))
			_ = packet.SetExtension(rid, []byte(l.rid))
		}
		_ = l.track.WriteRTP(packet)
	}
	l.n++
}

func (l *layer) readRTCP() (packets []rtcp.Packet, err error) {
	if l.rid == "" {
		packets, _, err = l.sender.ReadRTCP()
	} else {
		packets, _, err = l.sender.ReadSimulcastRTCP(l.rid)
	}
	return packets, err
}
