package lite

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/rtcp"

	"bongsu/broadcast"
	"bongsu/udp"
)

// cname names the source in RTCP: the same for picture and sound, which belong together (RFC 7022 section 4.2).
const cname = "bongsu"

// sender seals what a writer sends. It is the writer's own.
type sender struct {
	tracks      *[2]*track
	rtp, rtcp   sealer
	reportIndex uint32 // of the latest SRTCP packet
}

// Send implements broadcast.Sink. Packets wait in the writer's batch for Flush.
func (s *Session) Send(writer int, burst []broadcast.Packet) {
	p, out := s.path.Load(), s.sender.Load()
	if p == nil || out == nil {
		return
	}
	b := s.server.batches[writer][p.batch]
	for i := range burst {
		out.send(b, p.addr, &burst[i])
	}
}

func (x *sender) send(b *udp.Batch, to netip.AddrPort, p *broadcast.Packet) {
	t := x.tracks[p.Kind]
	if t == nil {
		return
	}
	if p.Again {
		if pt := t.rtx(p.Header.PayloadType); pt != 0 {
			x.sendRTX(b, to, p, t, pt)
			return
		}
	}
	index, ok := t.indexOf(p.Header.SequenceNumber, p.Again)
	if !ok {
		return
	}
	dst := b.Reserve(p.Header.MarshalSize() + len(p.Payload) + maxOverhead)
	n, err := p.Header.MarshalTo(dst)
	if err == nil {
		b.Commit(x.rtp.sealRTP(dst, n, p.Payload, p.Header.SSRC, index), to)
	}
}

// sendRTX sends a packet in the retransmission stream: the original number stands before the payload (RFC 4588 section 4).
func (x *sender) sendRTX(b *udp.Batch, to netip.AddrPort, p *broadcast.Packet, t *track, pt uint8) {
	const osn = 2
	h := p.Header
	h.SSRC, h.PayloadType, h.SequenceNumber = t.rtxSSRC, pt, uint16(t.rtxIndex)
	dst := b.Reserve(h.MarshalSize() + osn + len(p.Payload) + maxOverhead)
	n, err := h.MarshalTo(dst)
	if err != nil {
		return
	}
	body := dst[n : n+osn+len(p.Payload)]
	binary.BigEndian.PutUint16(body, p.Header.SequenceNumber)
	copy(body[osn:], p.Payload)
	b.Commit(x.rtp.sealRTP(dst, n, body, h.SSRC, t.rtxIndex), to)
	t.rtxIndex++
}

// Report implements broadcast.Sink.
func (s *Session) Report(writer int, r *rtcp.SenderReport) {
	p, out := s.path.Load(), s.sender.Load()
	if p == nil || out == nil {
		return
	}
	if kind, ok := kindOf(&s.tracks, r.SSRC); ok {
		s.feedback.reported(kind, r, time.Now())
	}
	b := s.server.batches[writer][p.batch]
	b.Commit(out.report(b, r), p.addr)
}

// report writes a sender report and the CNAME that must go with it (RFC 3550 section 6.1).
func (x *sender) report(b *udp.Batch, r *rtcp.SenderReport) int {
	const (
		reportSize      = 28
		chunkSize       = 4 + 2 + len(cname) // SSRC, item header
		descriptionSize = 4 + (chunkSize/4+1)*4
		size            = reportSize + descriptionSize
	)
	dst := b.Reserve(size + maxOverhead)
	be := binary.BigEndian
	be.PutUint32(dst, 0x80<<24|typeSR<<16|(reportSize/4-1))
	be.PutUint32(dst[4:], r.SSRC)
	be.PutUint64(dst[8:], r.NTPTime)
	be.PutUint32(dst[16:], r.RTPTime)
	be.PutUint32(dst[20:], r.PacketCount)
	be.PutUint32(dst[24:], r.OctetCount)
	d := dst[reportSize:size]
	clear(d)
	be.PutUint32(d, uint32(0x81<<24|typeSDES<<16|(descriptionSize/4-1)))
	be.PutUint32(d[4:], r.SSRC)
	d[8], d[9] = byte(rtcp.SDESCNAME), byte(len(cname))
	copy(d[10:], cname)
	x.reportIndex++
	return x.rtcp.sealRTCP(dst, size, x.reportIndex)
}
