package rtc

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// RemoteTrack is one encoding that a publisher sends.
type RemoteTrack struct {
	Codec broadcast.Codec // of the packet that was read last: a publisher may change among those agreed upon
	RID   string          // of a simulcast encoding (RFC 8853), else empty

	payloadType uint8 // that Codec stands for
	peer        *Peer
	track       *webrtc.TrackRemote
	receiver    *webrtc.RTPReceiver
	buffer      [1500]byte
}

// Receive answers a publisher's offer. onTrack gets each encoding when its first packet comes, on a goroutine of its own, on
// which it should read until the error.
func (a *API) Receive(ctx context.Context, o Offer, onTrack func(*RemoteTrack)) (answer string, p *Peer, err error) {
	m, err := engine(o.Formats, true)
	if err != nil {
		return "", nil, err
	}
	if err := publisherExtensions(m); err != nil {
		return "", nil, err
	}
	var i interceptor.Registry
	if err := webrtc.ConfigureNack(m, &i); err != nil {
		return "", nil, err
	}
	if err := webrtc.ConfigureRTCPReports(&i); err != nil {
		return "", nil, err
	}
	if err := webrtc.ConfigureTWCCSender(m, &i); err != nil {
		return "", nil, err
	}
	pc, err := a.connection(m, &i, o)
	if err != nil {
		return "", nil, err
	}
	p = a.newPeer(pc, o.Data)
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		if strings.EqualFold(t.Codec().MimeType, webrtc.MimeTypeRTX) {
			return
		}
		p.run(func() {
			onTrack(&RemoteTrack{Codec: codecOf(t.Codec()), RID: t.RID(), payloadType: uint8(t.PayloadType()), peer: p, track: t, receiver: r})
		})
	})
	answer, err = p.answer(ctx, o.SDP)
	if err != nil {
		_ = p.Close()
		return "", nil, err
	}
	return answer, p, nil
}

func codecOf(p webrtc.RTPCodecParameters) broadcast.Codec {
	return broadcast.Codec{MimeType: p.MimeType, ClockRate: p.ClockRate, Channels: p.Channels, Fmtp: p.SDPFmtpLine}
}

// ReadRTP waits for the next packet and puts it into p without its padding. p's payload is valid until the next call. What can't
// be of the track is passed over: a packet longer than an Ethernet frame, or of a payload type that was not agreed upon.
func (t *RemoteTrack) ReadRTP(p *rtp.Packet) error {
	for {
		n, _, err := t.track.Read(t.buffer[:])
		switch {
		case errors.Is(err, io.ErrShortBuffer), errors.Is(err, webrtc.ErrCodecNotFound):
		case err != nil:
			return err
		case p.Unmarshal(t.buffer[:n]) == nil && (p.PayloadType == t.payloadType || t.turn(p.PayloadType)):
			return nil
		}
	}
}

// turn follows the publisher to another codec of the same kind.
func (t *RemoteTrack) turn(payloadType uint8) bool {
	c := codecOf(t.track.Codec())
	if c.Kind() != t.Codec.Kind() || strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) {
		return false
	}
	t.payloadType, t.Codec = payloadType, c
	return true
}

// RequestKeyframe sends a PLI (RFC 4585 section 6.3.1).
func (t *RemoteTrack) RequestKeyframe() {
	_ = t.peer.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.track.SSRC())}})
}

// ReadReports reads the publisher's RTCP until the track's end and calls onReport for each sender report of this encoding.
func (t *RemoteTrack) ReadReports(onReport func(rtpTime uint32, ntp time.Time)) {
	for {
		var packets []rtcp.Packet
		var err error
		if t.RID != "" {
			packets, _, err = t.receiver.ReadSimulcastRTCP(t.RID)
		} else {
			packets, _, err = t.receiver.ReadRTCP()
		}
		if err != nil {
			return
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == uint32(t.track.SSRC()) {
				onReport(sr.RTPTime, timeOf(sr.NTPTime))
			}
		}
	}
}

// timeOf turns NTP time, seconds since 1900 in 32.32 bits, into a time.
func timeOf(ntp uint64) time.Time {
	const since1900 = 2208988800
	return time.Unix(int64(ntp>>32)-since1900, int64(ntp&0xffffffff*1e9>>32))
}
