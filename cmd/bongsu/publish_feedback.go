package main

import (
	"fmt"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
)

// sendCounts is what the progress line tells.
type sendCounts struct {
	since  time.Time // of the present connection; zero while there is none
	frames int
	bytes  int
	rtt    time.Duration // RFC 3550 section 6.4.1; 0: not known
	lost   float64       // of the last report's packets, 0 to 1
	pli    int

	shown      time.Time // the last status
	shownBytes int
}

// readFeedback answers what the server says of one track, until the peer is closed.
func (p *publisher) readFeedback(sender *webrtc.RTPSender, codec broadcast.Codec) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet := packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.media.RequestKeyframe()
				p.mu.Lock()
				p.counts.pli++
				p.mu.Unlock()
			case *rtcp.ReceiverReport:
				p.report(packet.Reports, codec.Kind())
			}
		}
	}
}

func (p *publisher) report(reports []rtcp.ReceptionReport, kind broadcast.Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range reports {
		if kind == broadcast.Video || len(p.media.Codecs()) == 1 {
			p.counts.lost = float64(r.FractionLost) / 256
		}
		if r.LastSenderReport != 0 {
			p.counts.rtt = roundTrip(time.Now(), r)
		}
	}
}

// roundTrip is now - DLSR - LSR, in units of 1/65536 s (RFC 3550 section 6.4.1).
func roundTrip(now time.Time, r rtcp.ReceptionReport) time.Duration {
	const ntpEpoch = 2208988800 // seconds from 1900 to 1970
	middle := uint32(now.Unix()+ntpEpoch)<<16 | uint32(uint64(now.Nanosecond())<<16/1e9)
	return max(0, time.Duration(int32(middle-r.Delay-r.LastSenderReport))*time.Second/65536)
}

func (p *publisher) connected(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.since = since
}

func (p *publisher) count(packet *rtp.Packet, kind broadcast.Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.bytes += len(packet.Payload)
	if kind == broadcast.Video && packet.Marker || kind == broadcast.Audio && len(p.media.Codecs()) == 1 {
		p.counts.frames++
	}
}

// status is the progress line: time, bitrate since the last one, frames, round trip, losses.
func (p *publisher) status() (line string, attributes []any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.counts
	if c.since.IsZero() {
		return "connecting", []any{"state", "connecting"}
	}
	now := time.Now()
	since := c.shown
	if since.Before(c.since) {
		since, c.shownBytes = c.since, min(c.shownBytes, c.bytes)
	}
	rate := 0.0
	if elapsed := now.Sub(since).Seconds(); elapsed > 0 {
		rate = float64(c.bytes-c.shownBytes) * 8 / elapsed
	}
	c.shown, c.shownBytes = now, c.bytes
	roundTrip := "-"
	if c.rtt > 0 {
		roundTrip = c.rtt.Round(100 * time.Microsecond).String()
	}
	up := now.Sub(c.since)
	line = fmt.Sprintf("%s  %s  %d frames  round trip %s  lost %.1f%%", clock(up), bits(rate), c.frames, roundTrip, 100*c.lost)
	return line, []any{"time", clock(up), "bitrate", bits(rate), "frames", c.frames, "round_trip", roundTrip,
		"lost", fmt.Sprintf("%.1f%%", 100*c.lost), "keyframe_requests", c.pli}
}
