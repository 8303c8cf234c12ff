package chat

import (
	"encoding/json"
	"time"
)

const (
	tickEvery = 500 * time.Millisecond // between two presence or reaction events
	hereEvery = 10 * time.Second       // a node tells how many members it has, if nothing changes
	hereFor   = 30 * time.Second       // and is taken for gone after so long a silence
	maxNamed  = 20                     // who comes and goes is told by name up to so many at once
)

// here is what a node tells the others of its members.
type here struct {
	Type    string   `json:"type"`
	Node    string   `json:"node"`
	Viewers int      `json:"viewers"`
	Joined  []Person `json:"joined,omitempty"`
	Left    []Person `json:"left,omitempty"`
}

// presenceEvent is what members get to know of it.
type presenceEvent struct {
	Type    string   `json:"type"`
	Viewers int      `json:"viewers"`
	Joined  []Person `json:"joined,omitempty"`
	Left    []Person `json:"left,omitempty"`
}

type reactionsEvent struct {
	Type   string         `json:"type"`
	Counts map[string]int `json:"counts"`
}

// presence merges who comes and goes, and reactions, to at most one event of each kind in tickEvery.
type presence struct {
	changed   map[string]struct{} // identities
	reactions map[string]int
	soon      bool // the next tick comes within tickEvery
	told      time.Time
	nodes     map[string]nodeHere
}

type nodeHere struct {
	viewers int
	at      time.Time
}

func newPresence() presence {
	return presence{changed: map[string]struct{}{}, reactions: map[string]int{}, nodes: map[string]nodeHere{}}
}

// soon has the next tick come. The caller holds mu.
func (r *room) soon() {
	if !r.presence.soon && !r.closed {
		r.presence.soon = true
		r.timers[1].Reset(tickEvery)
	}
}

// tick tells all nodes, this one too, what has changed.
func (r *room) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.presence
	p.soon = false
	if r.closed {
		return
	}
	now := time.Now()
	if len(p.reactions) > 0 {
		r.tell(reactionsEvent{Type: "reactions", Counts: p.reactions})
		p.reactions = map[string]int{}
	}
	if len(p.changed) > 0 || now.Sub(p.told) >= hereEvery {
		p.told = now
		r.tell(r.whoCame())
	}
	r.forgetSpeakers(now)
	if len(r.members) > 0 {
		r.timers[1].Reset(hereEvery)
	}
}

// whoCame gives what changed since the last time. Who came and went between is not mentioned. The caller holds mu.
func (r *room) whoCame() here {
	h := here{Type: "here", Node: r.rooms.node}
	for identity := range r.presence.changed {
		s := r.speakers[identity]
		if s == nil || s.announced == (len(s.members) > 0) {
			continue
		}
		if s.announced = !s.announced; s.announced {
			h.Joined = append(h.Joined, s.person())
		} else {
			h.Left = append(h.Left, s.person())
		}
	}
	clear(r.presence.changed)
	h.Viewers = r.present
	if len(h.Joined)+len(h.Left) > maxNamed || len(r.members) >= r.rooms.config.BatchFrom {
		h.Joined, h.Left = nil, nil
	}
	return h
}

// everywhere counts the viewers at all nodes: identities, not their windows. The caller holds mu.
func (r *room) everywhere() int {
	n, now := r.present, time.Now()
	for node, h := range r.presence.nodes {
		switch {
		case node == r.rooms.node:
		case now.Sub(h.at) > hereFor:
			delete(r.presence.nodes, node)
		default:
			n += h.viewers
		}
	}
	return n
}

// tell brings an event of the moment to all nodes; nobody keeps it.
func (r *room) tell(v any) {
	if err := r.rooms.nc.Publish(subjectRoom+"."+r.token, encode(v)); err != nil {
		r.rooms.log.Warn("The bus does not take an event", "stream", r.stream, "error", err)
	}
}

// takeMoment takes an event of the moment from the bus.
func (r *room) takeMoment(raw []byte) {
	var h here
	if err := json.Unmarshal(raw, &h); err != nil {
		r.note(nil, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed || !r.loaded:
	case h.Type != "here":
		r.push(raw)
	default:
		before := r.presence.nodes[h.Node]
		r.presence.nodes[h.Node] = nodeHere{viewers: h.Viewers, at: time.Now()}
		if before.viewers != h.Viewers || h.Joined != nil || h.Left != nil {
			r.push(encode(presenceEvent{Type: "presence", Viewers: r.everywhere(), Joined: h.Joined, Left: h.Left}))
		}
	}
}
