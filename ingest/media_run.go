package ingest

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/pion/rtp"
)

// Run plays in real time, from where the last Run ended. It gives each packet to send with the number of its track
// (as in Codecs) and the moment that it stands for; the packet is send's to keep, but its payload type is not set.
// It returns nil at the end of the media, and the context's error when that ends first. One Run at a time.
func (m *Media) Run(ctx context.Context, send func(track int, p *rtp.Packet, at time.Time)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		n, err := m.first(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t := m.tracks[n]
		due := m.due(t.next.at)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		t.send(m.shift, func(p *rtp.Packet) { send(n, p, due) })
	}
}

// due is the moment of a media time. A frame that came too late to be sent then moves the clock of all tracks on:
// a live input that stalls, or a pause between two Runs, must not be followed by a rush to catch up.
func (m *Media) due(at time.Duration) time.Time {
	now := time.Now()
	if m.start.IsZero() {
		m.start = now
	}
	due := m.start.Add(at + m.shift)
	if late := now.Sub(due); late > m.slack {
		m.shift += late
		return now
	}
	return due
}

// first finds the track whose frame is due first, with that frame in hand; io.EOF after the last one.
func (m *Media) first(ctx context.Context) (int, error) {
	found := -1
	for i, t := range m.tracks {
		next := m.lead
		if i > 0 {
			next = m.follow
		}
		if err := next(ctx, t); errors.Is(err, io.EOF) {
			continue
		} else if err != nil {
			return 0, err
		}
		if found < 0 || t.next.at < m.tracks[found].next.at {
			found = i
		}
	}
	if found < 0 {
		return 0, io.EOF
	}
	return found, nil
}

// lead fetches the leading track's next frame, and begins the next loop at its end or, when asked for a keyframe, near it.
func (m *Media) lead(ctx context.Context, t *track) error {
	err := t.fetch(ctx)
	switch {
	case errors.Is(err, io.EOF) && m.loop:
		m.length = t.end - m.begin
		m.begin = t.end
	case err == nil && m.hurry.Swap(false) && m.loop && t.next.at > m.begin && m.begin+m.length-t.next.at < nearEnd && m.length > 0:
		m.begin = t.next.at
	default:
		return err
	}
	m.pass++
	// Sound alone goes on where it ended; its first packets are not again a decoder's run-in.
	at := m.begin
	if err := t.rewind(m.pass, at); err != nil {
		return err
	}
	t.origin = at
	return t.fetch(ctx)
}

// follow fetches the next frame of the sound that goes with a leading picture. It begins again whenever the picture does:
// silence fills it up when it is shorter, and what is over is left out when it is longer, so that lips stay in sync.
func (m *Media) follow(ctx context.Context, t *track) error {
	for {
		err := t.fetch(ctx)
		if errors.Is(err, io.EOF) && m.loop {
			t.next, t.ready = frame{data: opusSilence, at: t.end, dur: 20 * time.Millisecond}, true
		} else if err != nil {
			return err
		}
		if t.pass != m.pass && t.next.at+t.next.dur > m.begin-t.frames.preSkip() {
			if err := t.rewind(m.pass, m.begin); err != nil {
				return err
			}
			continue
		}
		if t.next.at+time.Millisecond > t.end {
			return nil
		}
		t.ready = false // its time has been filled by what the loop before ended with
	}
}
