package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// newsChecks are of what the events tell.
func newsChecks() []Check {
	const section, active, inactive, layers = "WHEP core extensions section 4", "WHEP core extensions section 4.1",
		"WHEP core extensions section 4.2", "WHEP core extensions section 4, layers"
	return []Check{
		{"V-10", Must, section, "Only the events that were asked for come", 0, onlyAsked},
		{"V-11", Must, section, "What happens between POST and GET is not lost", Alone, keptForLater},
		{"V-19", Must, active, "active comes when there is, or comes, a publisher", Alone, becomesActive},
		{"V-20", Must, inactive, "inactive never comes first", Alone, neverFirst},
		{"V-21", Interop, active, "Publishers that come and go quickly never give two active in a row", Alone, takesTurns},
		{"V-22", May, layers, "layers lists them by m-line", Alone, func(p *probe) {
			e := simulcastLayers(p)
			p.need("the event layers: "+p.check.Section, wrongLines(e.data))
			if !strings.Contains(e.data, `"`+videoLine+`"`) {
				p.failf("the event layers is %s; %s asks for the layers of m-line %s, which is the picture's", e.data, p.check.Section, videoLine)
			}
		}},
		{"V-23", Must, layers, "A layer has a rid or a number at least", Alone, func(p *probe) {
			p.need("the event layers: "+p.check.Section, wrongIDs(simulcastLayers(p).data))
		}},
		{"V-24", Interop, layers, "Ids, bitrates and sizes are numbers", Alone, func(p *probe) {
			p.need("the event layers: "+p.check.Section, wrongNumbers(simulcastLayers(p).data))
		}},
		{"V-25", May, layers, "layers comes when they change", Alone, layersChange},
		{"V-27", Interop, "WHEP core extensions section 4.4", "viewercount is a number", 0, viewerCount},
		{"V-29", Interop, section, "The core events are those of the draft, and their data JSON objects", 0, coreEvents},
	}
}

// coreNames are the events that the draft has.
func coreNames() []string {
	return []string{"active", "inactive", "layers", "reconnect", "viewercount", "scte35"}
}

func onlyAsked(p *probe) {
	x := p.startEvents("active")
	i := slices.IndexFunc(x.events, func(name string) bool { return name != "active" })
	if i < 0 {
		p.skipf("the server has no other events than active")
	}
	other := x.events[i]
	l, control := p.listen(x.subscribe(other)), p.listen(x.subscribe("active"))
	control.hears("active", 1, "in the event stream of a stream that is live")
	wait(p.ctx, eventSilence)
	for _, e := range l.events("") {
		if e.name != other {
			p.failf("an event stream of %s alone told %s", other, e.name)
		}
	}
}

// turnEvents opens a player's event stream of its stream's coming and going.
func (c *player) turnEvents() (*extension, string) {
	x := c.session.extension(relEvents)
	x.offers("active", "inactive")
	return x, x.subscribe("active", "inactive")
}

// waiting is a player who has come before the stream; the check is skipped where that can't be.
func waiting(p *probe) *player {
	if r := p.post("POST to a stream that has not begun", p.offer()); !r.success() {
		p.skipf("players may not wait: the server answers %s", r.summary())
	}
	return p.join(peerOptions{})
}

// leaves ends the publisher, as far as the server can know.
func (c *publisher) leaves() {
	c.session.delete("DELETE of the publisher's session")
	c.hangUp()
}

func keptForLater(p *probe) {
	publisher := p.publish(peerOptions{})
	player := p.play(peerOptions{})
	x, later := player.turnEvents()
	now := p.listen(x.subscribe("inactive"))
	publisher.leaves()
	if !player.session.alive() {
		p.skipf("the player's session ends with the publisher's")
	}
	now.hears("inactive", 1, "after the publisher left")
	p.listen(later).hears("inactive", 1, "in an event stream that was opened before the publisher left, and read after that")
}

func becomesActive(p *probe) {
	publisher := p.publish(peerOptions{})
	x, stream := p.play(peerOptions{}).turnEvents()
	l := p.listen(stream)
	l.hears("active", 1, "while somebody publishes").object(p)
	publisher.leaves()
	if !x.alive() {
		return // and so nothing can come later
	}
	l.hears("inactive", 1, "after the publisher left").object(p)
	p.publish(peerOptions{})
	l.hears("active", 2, "after another publisher came")
}

func neverFirst(p *probe) {
	_, stream := waiting(p).turnEvents()
	l := p.listen(stream)
	wait(p.ctx, eventSilence)
	p.publish(peerOptions{})
	l.hears("active", 1, "after somebody came to publish")
	if first := l.events("")[0]; first.name != "active" {
		p.failf("the first event of a stream that nobody published was %s", first.name)
	}
}

func takesTurns(p *probe) {
	publisher := p.publish(peerOptions{})
	player := p.play(peerOptions{})
	_, stream := player.turnEvents()
	l := p.listen(stream)
	for range 2 {
		publisher.leaves()
		if !player.session.alive() {
			p.skipf("the player's session ends with the publisher's")
		}
		publisher = p.publish(peerOptions{})
	}
	player.more(p, "after the publisher came back")
	wait(p.ctx, eventSilence)
	p.need(p.check.Section, wrongTurns(l.events("")))
}

// wrongTurns tells what is wrong with the coming and going of a stream that is live now.
func wrongTurns(heard []event) error {
	names := make([]string, 0, len(heard))
	for i, e := range heard {
		if names = append(names, e.name); e.name != []string{"active", "inactive"}[i%2] {
			return fmt.Errorf("active and inactive don't take turns; there came %s", strings.Join(names, ", "))
		}
	}
	if len(names)%2 == 0 {
		return fmt.Errorf("somebody publishes, and the last event is not active; there came %q", names)
	}
	return nil
}

// videoLine is the place of the picture in the tester's offers.
const videoLine = "1"

// simulcastLayers is the event layers of a stream with two layers, once it tells of both.
func simulcastLayers(p *probe) event {
	_, l := watchSimulcast(p)
	p.eventually(eventTimeout, func() bool { return l.over() || slices.ContainsFunc(l.events("layers"), hasBoth) })
	l.hears("layers", 1, "while a stream with two layers is live")
	all := l.events("layers")
	return all[len(all)-1]
}

func hasBoth(e event) bool {
	return strings.Contains(e.data, `"`+large+`"`) && strings.Contains(e.data, `"`+small+`"`)
}

// watchSimulcast publishes a stream with two layers, and listens to what a player is told of them.
func watchSimulcast(p *probe) (*publisher, *listener) {
	publisher := p.publish(peerOptions{simulcast: true})
	x := p.startEvents("layers")
	return publisher, p.listen(x.subscribe("layers"))
}

func layersChange(p *probe) {
	publisher, l := watchSimulcast(p)
	if !p.eventually(eventTimeout, func() bool { return l.over() || slices.ContainsFunc(l.events("layers"), bothActive) }) {
		l.hears("layers", 1, "while a stream with two layers is live")
		p.skipf("the events don't tell which layers are active")
	}
	for _, layer := range publisher.layers {
		layer.paused.Store(layer.rid == large)
	}
	if !p.eventually(eventTimeout, func() bool {
		all := l.events("layers")
		return l.over() || !bothActive(all[len(all)-1])
	}) || l.over() {
		p.failf("the publisher has paused one of two layers, and no event layers told it within %v", eventTimeout)
	}
}

// bothActive reports whether an event tells of two layers with media ("inactive if the bitrate attribute is 0 or not set").
func bothActive(e event) bool {
	lines, err := readLayers(e.data)
	active := 0
	for _, layer := range lines[videoLine] {
		if bitrate, ok := layer["bitrate"].(float64); ok && bitrate > 0 {
			active++
		}
	}
	return err == nil && active >= 2
}

var errLayers = errors.New("it must be an object whose members are m-lines, with arrays of objects")

// readLayers reads the data of an event layers.
func readLayers(data string) (lines map[string][]map[string]any, err error) {
	if err := json.Unmarshal([]byte(data), &lines); err != nil || lines == nil {
		return nil, fmt.Errorf("%w; it is %.200s", errLayers, data)
	}
	return lines, nil
}

// wrongLines tells what is wrong with the shape of the data.
func wrongLines(data string) error {
	lines, err := readLayers(data)
	for line := range lines {
		if !regexp.MustCompile(`^\d+$`).MatchString(line) {
			return fmt.Errorf("%w, named by their places; one is %q", errLayers, line)
		}
	}
	return err
}

// wrongIDs tells which layer can't be chosen, as it has no name.
func wrongIDs(data string) error {
	lines, err := readLayers(data)
	for _, layers := range lines {
		for _, layer := range layers {
			if layer["rid"] == nil && layer["spatialLayerId"] == nil && layer["temporalLayerId"] == nil {
				return fmt.Errorf("a layer must have a rid, spatialLayerId or temporalLayerId; one is %v", layer)
			}
		}
	}
	return err
}

// wrongNumbers tells which member of a layer has the wrong type.
func wrongNumbers(data string) error {
	lines, err := readLayers(data)
	for _, layers := range lines {
		for _, layer := range layers {
			if rid, ok := layer["rid"].(string); layer["rid"] != nil && (!ok || rid == "") {
				return fmt.Errorf("a rid must be a string; one is %v", layer["rid"])
			}
			for _, key := range []string{"spatialLayerId", "temporalLayerId", "bitrate", "targetBitrate", "width", "height"} {
				if n, ok := layer[key].(float64); layer[key] != nil && (!ok || n < 0) {
					return fmt.Errorf("%s must be a number of 0 or more; one is %v", key, layer[key])
				}
			}
		}
	}
	return err
}

func viewerCount(p *probe) {
	x := p.startEvents("viewercount")
	e := p.listen(x.subscribe("viewercount")).hears("viewercount", 1, "in the event stream of a viewer")
	n := -1
	if err := json.Unmarshal(e.object(p)["viewercount"], &n); err != nil || n < 0 {
		p.failf("the event viewercount has the data %s; %s asks for a number as viewercount", e.data, p.check.Section)
	}
}

func coreEvents(p *probe) {
	x, heard := everything(p)
	for _, name := range x.events {
		x.wants(slices.Contains(coreNames(), name), "events of the draft under the name of the core; %q belongs under an extension of its own", name)
	}
	for _, e := range heard {
		if e.name != "scte35" { // whose data is base64
			e.object(p)
		}
	}
}
