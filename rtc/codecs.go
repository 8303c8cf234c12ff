package rtc

import (
	"fmt"

	"github.com/pion/interceptor"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// engine knows exactly the offered codecs, so that the answer has the offer's payload types and nothing else. What a
// publisher sends may also be repaired by RTX.
func engine(formats []broadcast.Format, publisher bool) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range formats {
		kind := webrtc.RTPCodecTypeAudio
		if c.Kind() == broadcast.Video {
			kind = webrtc.RTPCodecTypeVideo
		}
		if err := m.RegisterCodec(parameters(c, feedback(kind, publisher)), kind); err != nil {
			return nil, err
		}
		if publisher && c.RTX != 0 {
			if err := m.RegisterCodec(retransmission(c), kind); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// feedback is what is accepted where it is offered. Sound counts for a publisher's estimate of the bandwidth, but isn't sent
// again.
func feedback(kind webrtc.RTPCodecType, publisher bool) (accepted []webrtc.RTCPFeedback) {
	if kind == webrtc.RTPCodecTypeVideo {
		accepted = []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	}
	if publisher {
		accepted = append(accepted, webrtc.RTCPFeedback{Type: "transport-cc"})
	}
	return accepted
}

func parameters(c broadcast.Format, fb []webrtc.RTCPFeedback) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: c.MimeType, ClockRate: c.ClockRate, Channels: c.Channels, SDPFmtpLine: c.Fmtp, RTCPFeedback: fb,
		},
		PayloadType: webrtc.PayloadType(c.PayloadType),
	}
}

// publisherExtensions are the header extensions that the server understands of a publisher.
func publisherExtensions(m *webrtc.MediaEngine) error {
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		for _, uri := range []string{sdp.SDESMidURI, sdp.SDESRTPStreamIDURI, sdesRepairURI, sdp.TransportCCURI} {
			if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

const sdesRepairURI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"

// connection makes a peer connection that knows only these codecs, for an offer (none if the server makes one).
func (a *API) connection(m *webrtc.MediaEngine, i *interceptor.Registry, o Offer) (*webrtc.PeerConnection, error) {
	s := a.settings
	role := webrtc.DTLSRoleServer
	if o.Passive {
		role = webrtc.DTLSRoleClient
	}
	if err := s.SetAnsweringDTLSRole(role); err != nil {
		return nil, err
	}
	s.SetLite(a.lite && !o.isLite())
	var r roaming
	s.SetICEBindingRequestHandler(r.follow)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(i), webrtc.WithSettingEngine(s))
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{a.certificate}, AlwaysNegotiateDataChannels: o.Data})
	r.pc = pc
	return pc, err
}

// retransmission describes the RTX stream of a codec (RFC 4588 section 8.1).
func retransmission(c broadcast.Format) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: c.ClockRate, SDPFmtpLine: fmt.Sprintf("apt=%d", c.PayloadType),
		},
		PayloadType: webrtc.PayloadType(c.RTX),
	}
}
