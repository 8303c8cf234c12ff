package egress

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"bongsu/broadcast"
)

// The events of WHEP (server-sent events extension).
const (
	EventActive      = "active"      // somebody publishes
	EventInactive    = "inactive"    // nobody does any more; never the first
	EventLayers      = "layers"      // the encodings of the picture
	EventReconnect   = "reconnect"   // the server is about to stop
	EventViewerCount = "viewercount" // of the stream
)

func eventNames() []string {
	return []string{EventActive, EventInactive, EventLayers, EventReconnect, EventViewerCount}
}

const (
	// maxTurns is how often a stream's coming and going is told after the fact; what was before is left out.
	maxTurns = 16
	// similar is how far a bitrate may be from the one told before, in percent, and not be news.
	similar = 50
)

// Event is something that a viewer is told of its stream.
type Event struct {
	Name string
	Data json.RawMessage // an object, on one line
	turn uint64          // of the stream's coming and going up to here; 0 for other events
}

// watch is what a listener has been told. News is the difference to what is, so that nothing need be queued for who does not
// listen at the moment.
type watch struct {
	viewer *Viewer
	names  []string // what the listener wants to hear
	turns  uint64   // as in broadcast.Status
	left   bool     // reconnect was told

	// Told at most once in a period.
	due     time.Time
	viewers int
	layers  []broadcast.LayerInfo
}

// watch begins as if nobody were publishing: the first event of a stream's coming and going is always that it is active.
func (v *Viewer) watch(names []string) *watch {
	return &watch{viewer: v, names: names, turns: v.subscriber.Status().Turns &^ 1, viewers: -1}
}

// Events gives what happens from now on, by events of these names or of all, until ctx or the session ends. It begins with
// what is. It runs on the goroutine of its caller, and nothing is kept for one who is slow: it hears what is when it listens
// again, and how the stream has come and gone meanwhile.
func (v *Viewer) Events(ctx context.Context, names ...string) iter.Seq[Event] {
	if len(names) == 0 {
		names = eventNames()
	}
	w := v.watch(names)
	return func(yield func(Event) bool) {
		for news := range w.follow(ctx) {
			for _, e := range news {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// follow gives the news whenever there is some, and nothing once in a period.
func (w *watch) follow(ctx context.Context) iter.Seq[[]Event] {
	return func(yield func([]Event) bool) {
		tick := time.NewTicker(w.viewer.service.pace.period)
		defer tick.Stop()
		leaving := w.viewer.service.leaving.Done()
		for {
			status := w.viewer.subscriber.Status()
			if !yield(w.news(status, time.Now())) {
				return
			}
			select {
			case <-tick.C:
			case <-status.Turn:
			case <-leaving:
				leaving = nil
			case <-w.viewer.Done():
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// news is what the listener has not heard yet.
func (w *watch) news(status broadcast.Status, now time.Time) (events []Event) {
	events = w.turned(status.Turns)
	if !now.Before(w.due) {
		slow := len(events)
		if w.viewer.video >= 0 && !sameLayers(w.layers, status.Layers) {
			w.layers = status.Layers
			events = w.add(events, Event{Name: EventLayers, Data: w.viewer.layersData(status.Layers)})
		}
		if w.viewers != status.Viewers {
			w.viewers = status.Viewers
			events = w.add(events, Event{Name: EventViewerCount, Data: fmt.Appendf(nil, `{"viewercount":%d}`, status.Viewers)})
		}
		if len(events) > slow {
			w.due = now.Add(w.viewer.service.pace.period)
		}
	}
	if !w.left && w.viewer.service.leaving.Err() != nil {
		w.left = true
		events = w.add(events, Event{Name: EventReconnect, Data: []byte(`{}`)})
	}
	return events
}

// turned tells how the stream has come and gone.
func (w *watch) turned(turns uint64) (events []Event) {
	if skip := int64(turns - w.turns - maxTurns); skip > 0 {
		w.turns += uint64(skip+1) &^ 1 // an even number, so that active and inactive still take turns
	}
	for w.turns < turns {
		w.turns++
		name := EventInactive
		if w.turns%2 == 1 {
			name = EventActive
		}
		events = w.add(events, Event{Name: name, Data: []byte(`{}`), turn: w.turns})
	}
	return events
}

// add adds an event that is wanted.
func (w *watch) add(events []Event, e Event) []Event {
	if slices.Contains(w.names, e.Name) {
		return append(events, e)
	}
	return events
}

// sameLayers tells whether there is nothing to tell.
func sameLayers(told, are []broadcast.LayerInfo) bool {
	return slices.EqualFunc(told, are, func(a, b broadcast.LayerInfo) bool {
		far := max(a.Bitrate, b.Bitrate)*100 > min(a.Bitrate, b.Bitrate)*(100+similar)
		return a.RID == b.RID && a.Width == b.Width && a.Height == b.Height && !far
	})
}

// layer is an encoding as the event tells it. One without a rid is the one spatial layer that there is.
type layer struct {
	RID            string `json:"rid,omitempty"`
	SpatialLayerID *int   `json:"spatialLayerId,omitempty"`
	Bitrate        int    `json:"bitrate"` // 0: paused
	Width          int    `json:"width,omitempty"`
	Height         int    `json:"height,omitempty"`
}

// layersData is the data of the event "layers": the layers of each m-line, by its place in the offer.
func (v *Viewer) layersData(infos []broadcast.LayerInfo) json.RawMessage {
	layers := make([]layer, 0, len(infos))
	for _, i := range infos {
		l := layer{RID: i.RID, Bitrate: i.Bitrate, Width: i.Width, Height: i.Height}
		if i.RID == "" {
			l.SpatialLayerID = new(int)
		}
		layers = append(layers, l)
	}
	data, _ := json.Marshal(map[string][]layer{strconv.Itoa(v.video): layers})
	return data
}
