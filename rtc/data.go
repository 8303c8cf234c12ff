package rtc

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/pion/datachannel"
	"github.com/pion/webrtc/v4"
)

const (
	// maxMessage is the largest message of a client, in bytes.
	maxMessage = 256 << 10
	// maxChannels bounds the data channels that a client may have open at a time, maxStreams those that it may ever open.
	maxChannels = 4
	maxStreams  = 1000
)

// data is what a peer does with data channels.
type data struct {
	agreed  bool                                            // in offer and answer
	serve   func(context.Context, *datachannel.DataChannel) // set before ready closes
	ready   chan struct{}
	refused bool          // by the client's answer
	open    chan struct{} // holds one for each open channel
	ever    atomic.Int32  // how many the client has opened
}

// allowData has the client's channels taken.
func (p *Peer) allowData() {
	p.data.agreed = true
	p.data.ready, p.data.open = make(chan struct{}), make(chan struct{}, maxChannels)
	p.pc.OnDataChannel(p.accept)
}

// filter refuses the m-line of data channels in a description, where there are to be none: pion itself can't.
func (d *data) filter(sdp string) string {
	if d.agreed {
		return sdp
	}
	return strings.Replace(sdp, "\nm=application 9 ", "\nm=application 0 ", 1)
}

// Channels says what is done with data channels: serve is called for each, on a goroutine of its own. It must return when the
// context ends, which is with the peer, or when reading fails; the channel is closed after it. Call it once.
func (p *Peer) Channels(serve func(context.Context, *datachannel.DataChannel)) {
	if p.data.agreed {
		p.data.serve = serve
		close(p.data.ready)
	}
}

// OpenChannel opens an ordered and reliable data channel to a connected client (RFC 8832) and has it served as those that the
// client opens. It does nothing for a client who has no data channels.
func (p *Peer) OpenChannel(label string) {
	if !p.data.agreed || p.data.refused || p.Err() != nil {
		return
	}
	if d, err := p.pc.CreateDataChannel(label, nil); err == nil {
		p.serveWhenOpen(d)
	}
}

// accept takes a channel that the client opens.
func (p *Peer) accept(d *webrtc.DataChannel) {
	if p.data.ever.Add(1) > maxStreams {
		p.run(func() { _ = p.pc.SCTP().Stop() })
		return
	}
	p.serveWhenOpen(d)
}

func (p *Peer) serveWhenOpen(d *webrtc.DataChannel) {
	d.OnOpen(func() {
		c, err := d.Detach()
		if err != nil {
			return
		}
		p.run(func() {
			defer func() { _ = c.Close() }()
			p.serveChannel(c)
		})
	})
}

func (p *Peer) serveChannel(c datachannel.ReadWriteCloser) {
	select {
	case p.data.open <- struct{}{}:
		defer func() { <-p.data.open }()
	default:
		return
	}
	select {
	case <-p.data.ready:
		if dc, ok := c.(*datachannel.DataChannel); ok {
			p.data.serve(p.life, dc)
		}
	case <-p.life.Done():
	}
}
