package bench

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	mathrand "math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4/packetio"

	"bongsu/broadcast"
	"bongsu/wish"
)

// maxPending is how many packets are kept that come before the keys are known.
const maxPending = 64

var (
	errHungUp  = errors.New("the server hung up")
	errSilence = errors.New("the server did not answer connectivity checks for 30 s")
)

// viewer is a WHEP session without a peer connection: it answers and makes connectivity checks, counts packets by their clear
// headers, and decrypts a few. What follows outlet is guarded by the outlet's lock once that is open.
type viewer struct {
	tester    *Tester
	resource  *wish.Resource // to delete
	own       credentials
	loss      float64 // share of the packets that are thrown away
	nack      bool
	responses chan response // to our connectivity checks
	outlet    *outlet

	server     netip.AddrPort
	remote     credentials
	formats    []format
	handshake  *packetio.Buffer // while it lasts
	in, out    *srtp.Context    // nil before the keys are known
	streams    []*stream
	pending    []pendingPacket
	broken     uint64 // packets that could not be decrypted
	resent     uint64 // RTX packets
	ssrc       uint32 // ours, of reports
	since      int64  // when the media could flow
	heard      int64  // when the server last answered a check
	asked      int64  // for a keyframe
	ended      error
	began      time.Time
	firstFrame [2]time.Duration // to the first packet, to the first keyframe; 0: not yet
}

type pendingPacket struct {
	data []byte
	at   int64
}

// response is a success response that passed its integrity check.
type response struct {
	id   [stun.TransactionIDSize]byte
	from netip.AddrPort
}

// stream is one SSRC that a viewer receives.
type stream struct {
	arrivals
	format   *format
	ssrc     uint32
	skipped  int     // packets since the last one decrypted
	step     float64 // RTP time between two frames; 0: unknown
	anchor   uint32  // RTP time of frame number anchored
	anchored int64
	reported reported
}

// receive implements receiver: what RFC 7983 tells apart by the first byte.
func (v *viewer) receive(from netip.AddrPort, data []byte, at int64) {
	switch {
	case len(data) < 12 || v.ended != nil:
	case data[0] < 4:
		v.binding(from, data, at)
	case data[0] >= 20 && data[0] < 64:
		v.record(data)
	case data[0]>>6 != 2:
	case data[1] >= 192 && data[1] <= 223:
		v.control(data, at)
	default:
		v.media(data, at)
	}
}

// binding answers the server's connectivity checks, and takes its answers to ours (RFC 8445 section 7).
func (v *viewer) binding(from netip.AddrPort, data []byte, at int64) {
	m := &stun.Message{}
	if stun.Decode(data, m) != nil {
		return
	}
	switch m.Type {
	case stun.BindingRequest:
		integrity := stun.NewShortTermIntegrity(v.own.pwd)
		username, err := m.Get(stun.AttrUsername)
		if err != nil || !strings.HasPrefix(string(username), v.own.ufrag+":") || integrity.Check(m) != nil {
			return
		}
		reply, err := stun.Build(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}, integrity, stun.Fingerprint)
		if err == nil {
			_ = v.outlet.write(reply.Raw, from)
		}
	case stun.BindingSuccess:
		if v.remote.pwd == "" || stun.NewShortTermIntegrity(v.remote.pwd).Check(m) != nil {
			return
		}
		v.heard = at
		select {
		case v.responses <- response{m.TransactionID, from}:
		default:
		}
	}
}

// record takes a DTLS record. After the handshake only an alert is of interest: the server says goodbye.
func (v *viewer) record(data []byte) {
	const alert = 21
	switch {
	case v.handshake != nil:
		_, _ = v.handshake.Write(data)
	case data[0] == alert:
		v.ended = errHungUp
	}
}

// request is a connectivity check of the controlling side (RFC 8445 section 7.2.4).
func (v *viewer) request(id [stun.TransactionIDSize]byte, nominate bool) ([]byte, error) {
	setters := []stun.Setter{
		stun.BindingRequest, stun.NewTransactionIDSetter(id),
		stun.NewUsername(v.remote.ufrag + ":" + v.own.ufrag),
		stun.RawAttribute{Type: stun.AttrPriority, Value: binary.BigEndian.AppendUint32(nil, 1862270975)},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: binary.BigEndian.AppendUint64(nil, uint64(v.ssrc))},
	}
	if nominate {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrUseCandidate})
	}
	m, err := stun.Build(append(setters, stun.NewShortTermIntegrity(v.remote.pwd), stun.Fingerprint)...)
	if err != nil {
		return nil, err
	}
	return m.Raw, nil
}

// media counts an RTP packet, and decrypts it if it is a stream's first, if the first keyframe has not come, or if it is its turn.
func (v *viewer) media(data []byte, at int64) {
	if v.firstFrame[0] == 0 {
		v.firstFrame[0] = time.Duration(at - v.began.UnixNano())
	}
	if v.loss > 0 && mathrand.Float64() < v.loss { //nolint:gosec // a bad line is random, not secret
		return
	}
	ssrc := binary.BigEndian.Uint32(data[8:])
	s := v.stream(ssrc, data[1]&0x7f)
	switch {
	case s == nil:
		v.broken++
		return
	case s.format.rtx:
		v.resent++
		if v.in != nil {
			v.retransmission(s, data)
		}
		return
	}
	first := !s.begun
	s.add(binary.BigEndian.Uint16(data[2:]), binary.BigEndian.Uint32(data[4:]), data[1]&0x80 != 0, len(data))
	s.reported.received(binary.BigEndian.Uint32(data[4:]), s.format.rate, at)
	s.skipped++
	if v.in == nil {
		if len(v.pending) < maxPending {
			v.pending = append(v.pending, pendingPacket{append([]byte(nil), data...), at})
		}
		return
	}
	if first || s.skipped >= v.tester.config.Sample || s.frames && v.firstFrame[1] == 0 {
		v.look(s, data, at)
	}
}

// stream finds or begins the accounting of an SSRC; nil if the answer has no such payload type.
func (v *viewer) stream(ssrc uint32, payloadType uint8) *stream {
	for _, s := range v.streams {
		if s.ssrc == ssrc {
			return s
		}
	}
	for i := range v.formats {
		if f := &v.formats[i]; f.payloadType == payloadType {
			s := &stream{format: f, ssrc: ssrc}
			s.frames = f.video() && !f.rtx
			if t := v.tester; s.frames && t.publisher != nil {
				s.step = float64(f.rate) / float64(t.config.Media.FPS)
				s.span(t.spanFrom.Load())
			}
			v.streams = append(v.streams, s)
			return s
		}
	}
	return nil
}

// look reads what only a decrypted packet tells: whether it begins a keyframe, and its stamp.
func (v *viewer) look(s *stream, data []byte, at int64) {
	s.skipped = 0
	header, payload, ok := v.decrypt(data)
	if !ok {
		return
	}
	if s.frames && v.firstFrame[1] == 0 && broadcast.StartsKeyframe(s.format.mime, payload) {
		v.firstFrame[1] = time.Duration(at - v.began.UnixNano())
	}
	number, sent, ok := readStamp(payload)
	if !ok {
		return
	}
	if s.step > 0 {
		s.anchor, s.anchored = header.Timestamp, int64(number)
		if s.frame == nil {
			s.frame = s.number
		}
	}
	if sent >= v.since { // what a server kept from before is no measure of its speed
		v.outlet.latency.add(time.Duration(at - sent))
	}
}

// number is a frame's by its timestamp.
func (s *stream) number(timestamp uint32) int64 {
	steps := float64(int32(timestamp-s.anchor)) / s.step
	if steps < 0 {
		return s.anchored + int64(steps-0.5)
	}
	return s.anchored + int64(steps+0.5)
}

func (v *viewer) decrypt(data []byte) (header rtp.Header, payload []byte, ok bool) {
	plain, err := v.in.DecryptRTP(v.outlet.scratch[:0], data, nil)
	var packet rtp.Packet
	if err != nil || packet.Unmarshal(plain) != nil {
		v.broken++
		return header, nil, false
	}
	return packet.Header, packet.Payload, true
}

// retransmission takes a packet out of its RTX packet (RFC 4588 section 4).
func (v *viewer) retransmission(rtx *stream, data []byte) {
	header, payload, ok := v.decrypt(data)
	if !ok || len(payload) < 2 {
		return
	}
	for _, s := range v.streams {
		if s.format.payloadType == rtx.format.apt {
			s.recover(binary.BigEndian.Uint16(payload), header.Timestamp, header.Marker, len(data))
		}
	}
}

// control reads the server's RTCP.
func (v *viewer) control(data []byte, at int64) {
	if v.in == nil {
		return
	}
	plain, err := v.in.DecryptRTCP(nil, data, nil)
	if err != nil {
		v.broken++
		return
	}
	packets, err := rtcp.Unmarshal(plain)
	if err != nil {
		return
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			for _, s := range v.streams {
				if s.ssrc == p.SSRC {
					s.reported.sender, s.reported.senderAt = uint32(p.NTPTime>>16), at
				}
			}
		case *rtcp.Goodbye:
			v.ended = errHungUp
		}
	}
}

// ready: the keys are known, and the handshake is over.
func (v *viewer) ready(in, out *srtp.Context) {
	v.outlet.mu.Lock()
	defer v.outlet.mu.Unlock()
	v.in, v.out, v.handshake = in, out, nil
	v.since = time.Now().UnixNano()
	v.heard = v.since
	for _, p := range v.pending {
		if s := v.stream(binary.BigEndian.Uint32(p.data[8:]), p.data[1]&0x7f); s != nil {
			v.look(s, p.data, p.at)
		}
	}
	v.pending = nil
}

// random gives letters and digits (ice-char, RFC 8839 section 5.4).
func random(n int) string {
	return rand.Text()[:n]
}
