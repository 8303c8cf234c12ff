package bench

import (
	"context"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"
)

const (
	careTick     = 50 * time.Millisecond // NACKs go out this often
	careTicks    = 50                    // a viewer's report and consent check go out once in so many ticks
	askEvery     = 500 * time.Millisecond
	consentLimit = 30 * time.Second // RFC 7675 section 5.1
	maxNACK      = 64
)

// reported is what receiver reports need of an SSRC (RFC 3550 section 6.4.1).
type reported struct {
	sender           uint32 // middle of the last sender report's NTP time
	senderAt         int64
	transit          int64 // RTP time units
	jitter           float64
	expected, loaded uint64 // at the last report
}

// received keeps the interarrival jitter (RFC 3550 appendix A.8).
func (r *reported) received(timestamp, rate uint32, at int64) {
	arrival := uint32(at / 1000 * int64(rate) / 1e6)
	transit := int64(int32(arrival - timestamp))
	d := transit - r.transit
	if d < 0 {
		d = -d
	}
	if r.transit != 0 {
		r.jitter += (float64(d) - r.jitter) / 16
	}
	r.transit = transit
}

// report makes a reception report, and remembers what it said.
func (s *stream) report(now int64) rtcp.ReceptionReport {
	expected := s.highest - s.first + 1
	got := s.Packets - s.Duplicates
	r := rtcp.ReceptionReport{
		SSRC: s.ssrc, LastSequenceNumber: uint32(s.highest), Jitter: uint32(s.reported.jitter),
		TotalLost: uint32(max(int64(expected-got), 0)) & 0x7fffff,
	}
	if interval := expected - s.reported.expected; interval > 0 {
		if lost := int64(interval) - int64(got-s.reported.loaded); lost > 0 {
			r.FractionLost = uint8(min(lost*256/int64(interval), 255))
		}
	}
	s.reported.expected, s.reported.loaded = expected, got
	if s.reported.sender != 0 {
		r.LastSenderReport = s.reported.sender
		r.Delay = uint32((now - s.reported.senderAt) * 65536 / 1e9)
	}
	return r
}

// care keeps the sessions alive until ctx ends: consent checks (RFC 7675), receiver reports, and what a viewer asks for.
func (t *Tester) care(ctx context.Context) {
	ticker := time.NewTicker(careTick)
	defer ticker.Stop()
	for tick := 0; ; tick++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now().UnixNano()
		for i, v := range t.watching() {
			v.care(now, i%careTicks == tick%careTicks)
		}
	}
}

func (v *viewer) care(now int64, turn bool) {
	v.outlet.mu.Lock()
	defer v.outlet.mu.Unlock()
	if v.ended != nil || v.out == nil {
		return
	}
	if turn && time.Duration(now-v.heard) > consentLimit {
		v.ended = errSilence
		return
	}
	if turn {
		if check, err := v.request(stun.NewTransactionID(), false); err == nil {
			_ = v.outlet.write(check, v.server)
		}
	}
	asked := v.ask(nil, now)
	if !turn && len(asked) == 0 {
		return
	}
	raw, err := rtcp.Marshal(append([]rtcp.Packet{v.receiverReport(now)}, asked...)) // a report comes first (RFC 3550 section 6.1)
	if err != nil {
		return
	}
	if raw, err = v.out.EncryptRTCP(nil, raw, nil); err == nil {
		_ = v.outlet.write(raw, v.server)
	}
}

func (v *viewer) receiverReport(now int64) *rtcp.ReceiverReport {
	r := &rtcp.ReceiverReport{SSRC: v.ssrc}
	for _, s := range v.streams {
		if s.begun && len(r.Reports) < 31 {
			r.Reports = append(r.Reports, s.report(now))
		}
	}
	return r
}

// ask adds what the viewer wants of the server: lost packets (generic NACK, RFC 4585 section 6.2.1), and a keyframe while none
// has come (PLI, section 6.3.1).
func (v *viewer) ask(packets []rtcp.Packet, now int64) []rtcp.Packet {
	for _, s := range v.streams {
		if !s.frames || !s.begun {
			continue
		}
		if v.nack {
			var room [maxNACK]uint16
			if list := s.missing(room[:0]); len(list) > 0 {
				packets = append(packets, &rtcp.TransportLayerNack{SenderSSRC: v.ssrc, MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(list)})
			}
		}
		if v.tester.config.PLI && v.firstFrame[1] == 0 && now-v.asked > int64(askEvery) {
			v.asked = now
			packets = append(packets, &rtcp.PictureLossIndication{SenderSSRC: v.ssrc, MediaSSRC: s.ssrc})
		}
	}
	return packets
}
