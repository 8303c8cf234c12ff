package main

import (
	"testing"
	"time"

	"bongsu/egress"
)

// rebindPatience is how long media may stay away after the change of an address: what a client needs to notice nothing and to
// check its path twice.
const rebindPatience = 10 * time.Second

// TestNewAddress: a client whose address changes, as when its NAT forgets it, goes on in the same session with the same
// streams, on links that lose packets, too: publishers, and viewers over both transports.
func TestNewAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		transport string
		publisher bool
	}{
		"publisher":   {egress.TransportAuto, true},
		"viewer/auto": {egress.TransportAuto, false},
		"viewer/pc":   {egress.TransportPC, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := limited(t, 60*time.Second)
			url := startGateway(t, func(cfg *Config) { cfg.Egress.Transport = c.transport })
			relay := startLinkRelay(t, 7)
			var up, down *linkRelay
			if c.publisher {
				up = relay
			} else {
				down = relay
			}
			source := startLinkSource(t, ctx, url+"/whip/s", linkCodecs()["VP8"], up)
			source.run(t, ctx, source.until(linkJoin))
			viewer := startLinkViewer(t, ctx, url+"/whep/s", down)
			has := func(frames int) func() bool { return func() bool { return len(viewer.whole()) >= frames } }
			source.run(t, ctx, has(50))
			for range 2 {
				relay.rebind()
				at, before := time.Now(), viewer.latest()
				begin := source.frame
				source.run(t, ctx, func() bool { return viewer.latest() > max(before, begin)+10 })
				if took := time.Since(at); took > rebindPatience {
					t.Errorf("no media for %v", took)
				} else {
					t.Logf("media again %v after the change", took.Round(100*time.Millisecond))
				}
			}
			if s := streamOf(t, ctx, url, "s"); s.State != "live" || s.Viewers != 1 {
				t.Errorf("stream %+v", s)
			}
		})
	}
}

// latest is the newest frame of which there is something.
func (v *linkViewer) latest() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.newest
}
