package broadcast

import (
	"time"

	"github.com/pion/rtcp"
)

// clock says which moment on the hub's wall clock an RTP timestamp stands for.
type clock struct {
	rtp uint32
	at  time.Time
}

// rtpAt gives the RTP timestamp of a moment, rate units a second.
func (c *clock) rtpAt(t time.Time, rate uint32) uint32 {
	d := t.Sub(c.at)
	return c.rtp + uint32(int64(d.Seconds()*float64(rate)))
}

// senderReport fills in a report of what was sent until now (RFC 3550 section 6.4.1).
func senderReport(ssrc uint32, now time.Time, rtpTime uint32, packets, octets uint64) *rtcp.SenderReport {
	return &rtcp.SenderReport{SSRC: ssrc, NTPTime: ntpTime(now), RTPTime: rtpTime, PacketCount: uint32(packets), OctetCount: uint32(octets)}
}

// ntpTime is the time in NTP's format: seconds since 1900 in 32.32 bits (RFC 3550 section 4).
func ntpTime(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}
