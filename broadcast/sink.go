package broadcast

import (
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Packet is one RTP packet on its way to a viewer. Its payload is shared by all viewers: read it, never write it, and don't
// keep it after Send has returned.
type Packet struct {
	Kind    Kind
	Header  rtp.Header
	Payload []byte
	Again   bool // sent once more because the viewer missed it: RTX where that was negotiated (RFC 4588)
}

// Sink is where a subscriber's packets go: a transport. Its methods are called by one writer goroutine at a time, whose
// number they are told so that a transport can gather the packets of many viewers; they must not block, and what can't be
// sent is lost.
type Sink interface {
	Send(writer int, burst []Packet)
	Report(writer int, report *rtcp.SenderReport)
}

// Output is how a viewer gets one kind of media, as its session negotiated.
type Output struct {
	SSRC uint32
	// PayloadType gives the negotiated payload type for a codec; ok is false when the viewer can't take it.
	PayloadType func(Codec) (pt uint8, ok bool)
}
