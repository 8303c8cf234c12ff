package main

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"bongsu/egress"
)

const (
	linkJoin   = linkGOP + 7 // frames that are there when the viewers come
	linkFrames = 160         // frames that are looked at
)

// TestBadLinks has every codec go over links that lose, double, displace and change addresses, past the end of all numbers
// and timestamps.
func TestBadLinks(t *testing.T) {
	for _, transport := range []string{egress.TransportAuto, egress.TransportPC} {
		url := startGateway(t, func(c *Config) { c.Egress.Transport = transport })
		for name, codec := range linkCodecs() {
			t.Run(transport+"/viewer/"+name, func(t *testing.T) {
				t.Parallel()
				link := badViewer{url: url, name: "viewer-" + name, codec: codec, rebind: transport == egress.TransportAuto}
				link.test(t, limited(t, 50*time.Second))
			})
			t.Run(transport+"/publisher/"+name, func(t *testing.T) {
				t.Parallel()
				testBadPublisher(t, limited(t, 50*time.Second), url, "publisher-"+name, codec)
			})
		}
		t.Run(transport+"/wrap", func(t *testing.T) {
			t.Parallel()
			link := badViewer{url: url, name: "wrap", codec: linkCodecs()["VP8"], skip: 25_000}
			link.test(t, limited(t, 50*time.Second))
		})
	}
}

// badViewer is a viewer behind a bad link, and another beside it who must not notice.
type badViewer struct {
	url, name string
	codec     linkCodec
	rebind    bool // the link changes its address in the middle
	skip      int  // numbers that the publisher leaves out, three times: the viewers' begin anew, too
}

func (c *badViewer) test(t *testing.T, ctx context.Context) {
	source := startLinkSource(t, ctx, c.url+"/whip/"+c.name, c.codec, nil)
	source.run(t, ctx, source.until(linkJoin))
	relay := startLinkRelay(t, uint64(len(c.name)))
	bad := startLinkViewer(t, ctx, c.url+"/whep/"+c.name, relay)
	good := startLinkViewer(t, ctx, c.url+"/whep/"+c.name, nil)
	for _, v := range []*linkViewer{bad, good} {
		select {
		case <-v.begun:
		case <-ctx.Done():
			t.Fatal("no media")
		}
	}
	for i := range 3 {
		source.run(t, ctx, source.until(50+10*i))
		source.skip(c.skip)
	}
	if c.rebind {
		relay.rebind()
		source.tick *= 5 // few are lost meanwhile: pion's receiver takes no more than 50 repaired packets at a time
		source.run(t, ctx, func() bool { return relay.rebound.Load() > 0 })
		t.Logf("the viewer's address changed: no media for %d frames of %v", source.frame-70, source.tick)
		source.tick /= 5
	}
	source.run(t, ctx, func() bool {
		return source.frame >= linkFrames && bad.settled(linkFrames) && good.settled(linkFrames)
	})
	relay.check(t)
	b, g := newLinkReport(t, source, bad, "bad"), newLinkReport(t, source, good, "good")
	g.nothingMissing(t)
	if c.skip == 0 {
		b.mostlyWhole(t, 95)
	} else {
		b.mostlyWhole(t, 90) // at a jump the viewer forgets what it lacks
	}
	shift := b.numbers[b.first] - g.numbers[b.first]
	for m, number := range b.numbers {
		if want, known := g.numbers[m]; known && number-want != shift {
			t.Errorf("frame %d, packet %d has number %d; the other viewer's numbers make it %d", m.frame, m.index, number, want+shift)
		}
	}
}

// testBadPublisher has the publisher behind a bad link: the server is the one who asks again. So many packets come that a
// repeated one is hundreds late.
func testBadPublisher(t *testing.T, ctx context.Context, url, name string, codec linkCodec) {
	relay := startLinkRelay(t, uint64(len(name)))
	source := startLinkSource(t, ctx, url+"/whip/"+name, codec, relay)
	source.tick = 5 * time.Millisecond
	source.run(t, ctx, source.until(linkJoin))
	viewer := startLinkViewer(t, ctx, url+"/whep/"+name, nil)
	source.run(t, ctx, func() bool { return source.frame >= linkFrames && viewer.settled(linkFrames) })
	relay.check(t)
	newLinkReport(t, source, viewer, "viewer").mostlyWhole(t, 95)
}

// linkReport is what a viewer got, in order.
type linkReport struct {
	name    string
	source  *linkSource
	packets []linkPacket       // by number, each once
	numbers map[linkMark]int64 // of the marked ones
	first   linkMark           // the one with the lowest number
	whole   int                // frames of linkFrames
	missing int64              // numbers before linkFrames that did not come and were not skipped
}

// newLinkReport checks what holds for every viewer: each packet is one that was published, comes once, and stands where its
// number and timestamp say.
func newLinkReport(t *testing.T, s *linkSource, v *linkViewer, name string) *linkReport {
	t.Helper()
	r := &linkReport{name: name, source: s, numbers: map[linkMark]int64{}}
	v.mu.Lock()
	all := slices.Clone(v.packets)
	v.mu.Unlock()
	repeats := r.sort(t, all)
	r.place(t)
	if !r.first.key() {
		t.Errorf("%s: the first frame, %d, is no keyframe", name, r.first.frame)
	}
	for _, frame := range v.whole() {
		if frame < linkFrames {
			r.whole++
		}
	}
	t.Logf("%s: %d packets, %d of them repeated; from frame %d on %d of %d whole", name, len(all), repeats, r.first.frame, r.whole, linkFrames-r.first.frame)
	return r
}

// sort puts the packets in order and leaves out those that are there twice, which have to be the same.
func (r *linkReport) sort(t *testing.T, all []linkPacket) (repeats int) {
	t.Helper()
	slices.SortStableFunc(all, func(a, b linkPacket) int { return int(a.number - b.number) })
	originals := 0
	for i, p := range all {
		if i == 0 || p.number != all[i-1].number {
			r.packets = append(r.packets, p)
			originals = 0
		} else if last := all[i-1]; p.time != last.time || p.marker != last.marker || !bytes.Equal(p.body, last.body) {
			t.Errorf("%s: two packets have the number %d", r.name, p.number)
		}
		if p.again {
			repeats++
		} else if originals++; originals > 1 {
			t.Errorf("%s: packet %d came twice", r.name, p.number)
		}
	}
	return repeats
}

// place compares numbers and timestamps with the source's.
func (r *linkReport) place(t *testing.T) {
	t.Helper()
	places := map[linkMark]int{}
	for place, sent := range r.source.sent {
		if sent.what == linkMedia {
			places[sent.linkMark] = place
		}
	}
	var offset uint32
	var last linkMark
	others := int64(0) // packets without a mark since last
	for _, p := range r.packets {
		m, ok := readMark(p.body)
		place, published := places[m]
		if !ok || !published {
			others++
			r.unmarked(t, p)
			continue
		}
		if number, twice := r.numbers[m]; twice {
			t.Errorf("%s: frame %d, packet %d came with the numbers %d and %d", r.name, m.frame, m.index, number, p.number)
		}
		if len(r.numbers) == 0 {
			r.first, offset = m, p.time-r.source.time(m.frame)
		} else {
			r.follow(t, last, m, places[last], place, p.number-r.numbers[last]-1-others)
		}
		if p.time-r.source.time(m.frame) != offset || p.marker != m.last() {
			t.Errorf("%s: frame %d, packet %d has the timestamp %d and marker %v, want %d and %v", r.name, m.frame, m.index, p.time, p.marker, r.source.time(m.frame)+offset, m.last())
		}
		r.numbers[m], last, others = p.number, m, 0
	}
}

// follow checks that the gap in the numbers between two packets has room for what was published between them, and for
// nothing else.
func (r *linkReport) follow(t *testing.T, last, m linkMark, from, to int, gap int64) {
	t.Helper()
	if to <= from {
		t.Errorf("%s: frame %d, packet %d comes after frame %d, packet %d", r.name, m.frame, m.index, last.frame, last.index)
		return
	}
	var media, skipped, others int64
	for _, sent := range r.source.sent[from+1 : to+1] {
		switch sent.what {
		case linkMedia:
			media++
			if r.source.codec.sets != nil && sent.key() && sent.index < 2 {
				others++ // the server may have put parameter sets before it
			}
		case linkSkipped:
			skipped++
		case linkPadding:
			others++ // it is left out if it comes in time
		}
	}
	media-- // m itself
	if gap < media+skipped || gap > media+skipped+others {
		t.Errorf("%s: between frame %d, packet %d and frame %d, packet %d the viewer misses %d numbers; published were %d, skipped %d, and %d more may be",
			r.name, last.frame, last.index, m.frame, m.index, gap, media, skipped, others)
	}
	if m.frame < linkFrames {
		r.missing += gap - skipped
	}
}

// unmarked is for what the server puts in: parameter sets, or padding that came too late to be left out.
func (r *linkReport) unmarked(t *testing.T, p linkPacket) {
	t.Helper()
	switch {
	case len(p.body) == 0:
	case bytes.Equal(p.body, r.source.codec.sets):
	default:
		t.Errorf("%s: packet %d is none that was published: %x", r.name, p.number, p.body[:min(len(p.body), 40)])
	}
}

// nothingMissing wants all packets from the first keyframe on, without a gap, and parameter sets before each keyframe.
func (r *linkReport) nothingMissing(t *testing.T) {
	t.Helper()
	if all := linkFrames - r.first.frame; r.first.index != 0 || r.whole != all || r.missing != 0 {
		t.Errorf("%s: from frame %d, packet %d on %d frames of %d are whole and %d packets are missing", r.name, r.first.frame, r.first.index, r.whole, all, r.missing)
	}
	for i, p := range r.packets {
		m, ok := readMark(p.body)
		if !ok || !m.key() || m.index > 0 || m.hasSets() || r.source.codec.sets == nil {
			continue
		}
		if i == 0 || !bytes.Equal(r.packets[i-1].body, r.source.codec.sets) || r.packets[i-1].time != p.time {
			t.Errorf("%s: keyframe %d has no parameter sets before it", r.name, m.frame)
		}
	}
}

// mostlyWhole wants nearly all to have been repaired.
func (r *linkReport) mostlyWhole(t *testing.T, percent int) {
	t.Helper()
	if all := linkFrames - r.first.frame; all < linkFrames/2 || 100*r.whole < percent*all {
		t.Errorf("%s: from frame %d on only %d frames of %d are whole", r.name, r.first.frame, r.whole, all)
	}
}
