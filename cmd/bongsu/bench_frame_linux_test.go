package main

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"
)

// benchFrame makes the packets of a synthetic H.264 broadcast: FU-A fragments that end with the time they were sent.
type benchFrame struct {
	sequence uint16
	payload  [benchPayload]byte
}

func newBenchFrame() *benchFrame { return &benchFrame{} }

func (f *benchFrame) packet(frame, i int) *rtp.Packet {
	nal := byte(1)
	if frame%(2*benchRate) == 0 {
		nal = 5
	}
	f.payload[0], f.payload[1], f.payload[2] = 0x7c, nal, 0x88
	if i == 0 {
		f.payload[1] |= 0x80
	}
	if i == benchPackets-1 {
		f.payload[1] |= 0x40
	}
	binary.BigEndian.PutUint64(f.payload[benchPayload-8:], uint64(time.Now().UnixNano()))
	f.sequence++
	return &rtp.Packet{
		Header:  rtp.Header{Version: 2, Marker: i == benchPackets-1, SequenceNumber: f.sequence, Timestamp: uint32(frame) * 90000 / benchRate},
		Payload: f.payload[:],
	}
}
