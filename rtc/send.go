package rtc

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// streamID is the msid of all that a viewer gets: sound and picture belong together.
const streamID = "bongsu"

// Viewer is a peer that gets a stream: the broadcast.Sink on a peer connection.
type Viewer struct {
	*Peer
	api     *API
	outputs [2]*output // by kind
}

// output is a local track whose packets come ready-made.
type output struct {
	kind    broadcast.Kind
	formats []broadcast.Format
	sender  *webrtc.RTPSender
	ssrc    uint32
	writer  atomic.Pointer[webrtc.TrackLocalWriter] // while connected
}

// Send answers a viewer's offer. Nothing is written before Connected.
func (a *API) Send(ctx context.Context, o Offer) (answer string, v *Viewer, err error) {
	m, err := engine(o.Formats, false)
	if err != nil {
		return "", nil, err
	}
	pc, err := a.connection(m, &interceptor.Registry{}, o)
	if err != nil {
		return "", nil, err
	}
	v = &Viewer{Peer: a.newPeer(pc, o.Data), api: a}
	defer func() {
		if err != nil {
			_ = v.Close()
		}
	}()
	for _, kind := range []broadcast.Kind{broadcast.Video, broadcast.Audio} {
		of := slices.DeleteFunc(slices.Clone(o.Formats), func(f broadcast.Format) bool { return f.Kind() != kind })
		if len(of) == 0 {
			continue
		}
		out := &output{kind: kind, formats: of}
		if out.sender, err = pc.AddTrack(out); err != nil {
			return "", nil, err
		}
		out.ssrc = uint32(out.sender.GetParameters().Encodings[0].SSRC)
		v.outputs[kind] = out
	}
	answer, err = v.answer(ctx, o.SDP)
	return answer, v, err
}

// Output is how the viewer gets one kind; nil if it did not ask for it.
func (v *Viewer) Output(kind broadcast.Kind) *broadcast.Output {
	out := v.outputs[kind]
	if out == nil {
		return nil
	}
	return &broadcast.Output{SSRC: out.ssrc, PayloadType: func(c broadcast.Codec) (uint8, bool) {
		f, ok := broadcast.PickFormat(out.formats, c)
		return f.PayloadType, ok
	}}
}

// Feedback has lost called for PLI and FIR, and missing for generic NACKs (RFC 4585 section 6, RFC 5104 section 4.3.1). Call
// it once.
func (v *Viewer) Feedback(lost func(), missing func(ssrc uint32, numbers []uint16)) {
	if out := v.outputs[broadcast.Video]; out != nil {
		v.run(func() { out.readRTCP(lost, missing) })
	}
}

// readRTCP reads what the viewer says of the picture, until the end.
func (o *output) readRTCP(lost func(), missing func(ssrc uint32, numbers []uint16)) {
	for {
		packets, _, err := o.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				lost()
			case *rtcp.TransportLayerNack:
				var numbers []uint16
				for _, pair := range p.Nacks {
					numbers = append(numbers, pair.PacketList()...)
				}
				missing(p.MediaSSRC, numbers)
			}
		}
	}
}

// Report implements broadcast.Sink.
func (v *Viewer) Report(_ int, r *rtcp.SenderReport) { _ = v.pc.WriteRTCP([]rtcp.Packet{r}) }

// Bind implements webrtc.TrackLocal. The codec that it names does not bind the packets, which bring their payload types.
func (o *output) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := c.CodecParameters()
	if len(codecs) == 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	w := c.WriteStream()
	o.writer.Store(&w)
	return codecs[0], nil
}

// Unbind implements webrtc.TrackLocal.
func (o *output) Unbind(webrtc.TrackLocalContext) error {
	o.writer.Store(nil)
	return nil
}

// ID implements webrtc.TrackLocal.
func (o *output) ID() string { return o.kind.String() }

// RID implements webrtc.TrackLocal.
func (o *output) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (o *output) StreamID() string { return streamID }

// Kind implements webrtc.TrackLocal.
func (o *output) Kind() webrtc.RTPCodecType {
	if o.kind == broadcast.Video {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}
