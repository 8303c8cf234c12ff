package broadcast

import (
	"testing"
	"time"
)

// TestTakeoverIsNoBreak: from when a publisher is taken over until the new one has media the stream is live still, and no
// source with a lower priority is seen, however often it is taken over; but when the new one leaves without media it is over.
func TestTakeoverIsNoBreak(t *testing.T) {
	bubble(t, func(t *testing.T, h *Hub) {
		file := newCamera(t, publish(t, h, "s", Publication{Priority: -1}))
		file.shoot(1, true)
		newCamera(t, publish(t, h, "s", Publication{})).shoot(1, true)
		events := h.Events(t.Context())
		before, _ := h.Info("s")
		sc, s := watch(t, h, "s")
		defer s.Close()
		s.Start()
		settle(10 * time.Millisecond)
		sc.take()

		for range 2 {
			publish(t, h, "s", Publication{})
			file.shoot(1, true)
			settle(10 * time.Millisecond)
			if info, _ := h.Info("s"); info.State != Live || info.Since != before.Since || len(info.Tracks) != len(before.Tracks) {
				t.Fatalf("before %+v, now %+v", before, info)
			}
		}
		if got := sc.take(); len(got) > 0 {
			t.Errorf("%d packets of the file", len(got))
		}
		last := publish(t, h, "s", Publication{Agent: "last"})
		newCamera(t, last).shoot(1, true)
		if e := <-events; e.State != Live || e.Agent != "last" {
			t.Errorf("event %+v", e)
		}
		if got := sc.take(); len(got) == 0 {
			t.Error("nothing of the new publisher")
		}

		gone := publish(t, h, "s", Publication{})
		gone.Close()
		if e := <-events; e.State != Live || e.Agent != "" {
			t.Errorf("event %+v, want the file's", e)
		}
		settle(10 * time.Millisecond)
		if got := sc.take(); len(got) == 0 {
			t.Error("the file did not come back")
		}
	})
	bubble(t, func(t *testing.T, h *Hub) {
		newCamera(t, publish(t, h, "s", Publication{})).shoot(1, true)
		events := h.Events(t.Context())
		publish(t, h, "s", Publication{}).Close()
		if e := <-events; e.State != Offline {
			t.Errorf("event %+v", e)
		}
		if info, ok := h.Info("s"); ok {
			t.Errorf("left: %+v", info)
		}
	})
}
