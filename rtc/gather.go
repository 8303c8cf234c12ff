package rtc

import (
	"bongsu/broadcast"
	"bongsu/udp"
)

// gather collects what one writer sends through peer connections, so that the kernel gets many packets at a time.
type gather struct {
	virtuals []*udp.Virtual
	batches  []*udp.Batch // for each of virtuals
}

func newGather(port *udp.Port) gather {
	var g gather
	for _, s := range port.Socks() {
		g.virtuals = append(g.virtuals, s.Virtual())
		g.batches = append(g.batches, s.NewBatch())
	}
	return g
}

// hold has the packets of an SSRC that this goroutine writes collected until release.
func (g *gather) hold(ssrc uint32) {
	for i, v := range g.virtuals {
		v.Gather(g.batches[i], ssrc)
	}
}

func (g *gather) release(ssrc uint32) {
	for _, v := range g.virtuals {
		v.Release(ssrc)
	}
}

// Flush sends what a writer's viewers were given since the last time. The writer calls it.
func (a *API) Flush(writer int) {
	for _, b := range a.gathers[writer].batches {
		b.Flush()
	}
}

// Send implements broadcast.Sink.
func (v *Viewer) Send(writer int, burst []broadcast.Packet) {
	g := &v.api.gathers[writer]
	for kind, out := range v.outputs {
		if out == nil {
			continue
		}
		w := out.writer.Load()
		if w == nil {
			continue
		}
		g.hold(out.ssrc)
		for i := range burst {
			if p := &burst[i]; p.Kind == broadcast.Kind(kind) {
				_, _ = (*w).WriteRTP(&p.Header, p.Payload) // pion sends it before it returns
			}
		}
		g.release(out.ssrc)
	}
}
