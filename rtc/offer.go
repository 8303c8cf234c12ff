package rtc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// ErrAnswer marks a client's answer that does not fit the offer that it was given. The viewer still waits for one that does.
var ErrAnswer = errors.New("the answer does not fit the offer")

// offerTimeout is how long a viewer made by Offer waits for its Answer: longer than a WHEP counter-offer is valid, which is
// 30 s (whep-03 section 4.3.2), so that the end is the HTTP session's to tell.
const offerTimeout = 40 * time.Second

// Offer makes a viewer of the server's own offer (whep-03 section 4.3.2): an m-line for each kind of the formats, sound
// first, sendonly, with the codecs in the given order under their payload types, then one for data channels if there are to be any,
// and all candidates of the server. Answer completes it; until then the viewer has no Output and can't Restart.
func (a *API) Offer(ctx context.Context, formats []broadcast.Format, dataChannels bool) (offer string, v *Viewer, err error) {
	m, err := engine(formats, false)
	if err != nil {
		return "", nil, err
	}
	pc, err := a.connection(m, &interceptor.Registry{}, Offer{Data: dataChannels})
	if err != nil {
		return "", nil, err
	}
	v = &Viewer{Peer: a.newPeer(pc, dataChannels), api: a}
	v.timer.Reset(offerTimeout)
	defer func() {
		if err != nil {
			_ = v.Close()
		}
	}()
	for _, kind := range []broadcast.Kind{broadcast.Audio, broadcast.Video} {
		out := &output{kind: kind, formats: ofKind(formats, kind)}
		if out.formats == nil {
			continue
		}
		t, err := pc.AddTransceiverFromTrack(out, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return "", nil, err
		}
		out.sender = t.Sender()
		out.ssrc = uint32(out.sender.GetParameters().Encodings[0].SSRC)
		v.outputs[kind] = out
	}
	description, err := pc.CreateOffer(nil)
	if err != nil {
		return "", nil, fmt.Errorf("no offer can be made: %w", err)
	}
	offer, err = v.describe(ctx, description)
	return offer, v, err
}

// Answer takes the client's answer to the offer, with the formats that the client accepts under its payload types. From then
// on v is as one made by Send. The error wraps ErrAnswer if the answer doesn't fit the offer.
func (v *Viewer) Answer(_ context.Context, answer string, formats []broadcast.Format) error {
	if err := v.Err(); err != nil {
		return err
	}
	answer, accepted, err := v.accepted(answer, formats)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	v.timer.Reset(setupTimeout)
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("the answer was not understood: %w", err)
	}
	for kind, of := range accepted {
		if of == nil {
			v.outputs[kind] = nil
		} else {
			v.outputs[kind].formats = of
		}
	}
	v.offer = turned(answer)
	return nil
}

// accepted checks an answer's m-lines against those of the offer (RFC 3264 section 6) and gives the accepted formats by kind,
// nil for a kind that the client refuses. It looks before the peer connection does, which takes only one answer, and gives the
// answer in its terms.
func (v *Viewer) accepted(answer string, formats []broadcast.Format) (text string, all [2][]broadcast.Format, err error) {
	if v.pc.SignalingState() != webrtc.SignalingStateHaveLocalOffer {
		return "", all, errors.New("no answer is expected now")
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", all, err
	}
	offered := v.pc.GetTransceivers()
	if err := v.acceptedData(&d, len(offered)); err != nil {
		return "", all, err
	}
	some := false
	for i, md := range d.MediaDescriptions[:len(offered)] {
		mid, _ := md.Attribute(sdp.AttrKeyMID)
		kind := kindOf(offered[i].Kind())
		if md.MediaName.Media != kind.String() || mid != offered[i].Mid() {
			return "", all, fmt.Errorf("its m-line %d is %s with mid %q; the offer's is %s with mid %q", i, md.MediaName.Media, mid, kind, offered[i].Mid())
		}
		if md.MediaName.Port.Value == 0 {
			v.outputs[kind].refuse(md)
			continue
		}
		if all[kind] = v.outputs[kind].common(md, formats); all[kind] == nil {
			return "", all, fmt.Errorf("its m-line %d (%s) accepts none of the offered codecs", i, kind)
		}
		some = true
	}
	if !some {
		return "", all, errors.New("it accepts no m-line")
	}
	b, err := d.Marshal()
	return string(b), all, err
}

// acceptedData checks the number of m-lines, of which that of data channels is the last, and whether the client takes that.
func (v *Viewer) acceptedData(d *sdp.SessionDescription, media int) error {
	offered := media
	if v.data.agreed {
		offered++
	}
	if len(d.MediaDescriptions) != offered {
		return fmt.Errorf("it has %d m-lines, the offer has %d", len(d.MediaDescriptions), offered)
	}
	if v.data.agreed {
		last := d.MediaDescriptions[media]
		if last.MediaName.Media != "application" {
			return fmt.Errorf("its m-line %d is %s; the offer's is of data channels", media, last.MediaName.Media)
		}
		v.data.refused = last.MediaName.Port.Value == 0
	}
	return nil
}

// refuse writes a refused m-line as pion reads it: with codecs, which nobody sends.
func (o *output) refuse(md *sdp.MediaDescription) {
	md.MediaName.Formats = nil
	md.Attributes = slices.DeleteFunc(md.Attributes, func(a sdp.Attribute) bool {
		return a.Key == "rtpmap" || a.Key == "fmtp" || a.Key == "rtcp-fb"
	})
	for _, f := range o.formats {
		md.WithCodec(f.PayloadType, f.Name(), f.ClockRate, f.Channels, f.Fmtp)
	}
}

// common gives the formats that were offered and are accepted, under the client's payload types; nil if there are none.
func (o *output) common(md *sdp.MediaDescription, formats []broadcast.Format) (both []broadcast.Format) {
	for _, f := range ofKind(formats, o.kind) {
		if _, ok := broadcast.PickFormat(o.formats, f.Codec); ok && slices.Contains(md.MediaName.Formats, strconv.Itoa(int(f.PayloadType))) {
			both = append(both, f)
		}
	}
	return both
}

// ofKind gives the formats of one kind; nil if there are none.
func ofKind(formats []broadcast.Format, kind broadcast.Kind) (of []broadcast.Format) {
	for _, f := range formats {
		if f.Kind() == kind {
			of = append(of, f)
		}
	}
	return of
}

// turned is the offer that a client who gave this answer could make to say the same: an ICE restart of the client answers it
// anew, as it does with a viewer's own offer.
func turned(answer string) string {
	return strings.NewReplacer("a=setup:active", "a=setup:actpass", "a=setup:passive", "a=setup:actpass").Replace(answer)
}

func kindOf(t webrtc.RTPCodecType) broadcast.Kind {
	if t == webrtc.RTPCodecTypeVideo {
		return broadcast.Video
	}
	return broadcast.Audio
}
