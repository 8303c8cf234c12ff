package lite

import (
	"slices"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// maxPlaces bounds the addresses of a viewer: every pair of candidates that it checks is one.
	maxPlaces = 32
	// maxProbes and probeInterval bound what a viewer can make us send to where it may not be.
	maxProbes     = 4
	probeInterval = 100 * time.Millisecond
	// pathSilence is when a path counts as left: a viewer sends RTCP several times a second.
	pathSilence = time.Second
)

// path is where the viewer's media goes.
type path struct {
	place
	batch int // of the socket
}

// probe is a check of our own that waits for its answer.
type probe struct {
	id   transactionID
	at   place
	move bool // send the media there once it has answered
	sent time.Time
}

// generationOf gives the credentials that a check's user name belongs to. Using the new ones completes a restart.
func (s *Session) generationOf(username []byte) *generation {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.next != nil && string(username) == s.next.username():
		return s.next
	case string(username) == s.current.username():
		return s.current
	}
	return nil
}

// checked is for a check with valid integrity. While nothing but checks has passed, the path is the latest that the client
// nominates, or else the first. Later it moves only to a place that has answered a probe: else a viewer could aim its media
// at somebody else.
func (s *Session) checked(at place, g *generation, nominated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	now := time.Now()
	s.hear(at, now)
	nominated = nominated || s.left(now)
	if g == s.next {
		s.forsake(s.current)
		s.current, s.next = s.next, nil
	}
	known := s.learn(at)
	current := s.path.Load()
	switch {
	case known && (current == nil || s.conn == nil && nominated):
		s.move(at)
	case !known, nominated && current.place != at:
		s.probe(at, nominated, now)
	}
}

// hear notes a sign of life.
func (s *Session) hear(at place, now time.Time) {
	s.heard.Store(now.UnixNano())
	if p := s.path.Load(); p != nil && p.place == at {
		s.alive.Store(now.UnixNano())
	}
}

// left tells that nothing comes from where the media goes any more. Then any check names the way to go on: those of Firefox
// after a change of its address carry no USE-CANDIDATE.
func (s *Session) left(now time.Time) bool {
	return s.conn != nil && now.Sub(time.Unix(0, s.alive.Load())) > pathSilence
}

// learn has what comes from a place given to this session. One that another session has must be shown to be this one's.
func (s *Session) learn(at place) bool {
	if slices.Contains(s.places, at) {
		return true
	}
	if !s.server.claim(at, s, false) {
		return false
	}
	s.keep(at)
	return true
}

func (s *Session) keep(at place) {
	if len(s.places) == maxPlaces {
		i := 0
		if p := s.path.Load(); p != nil && p.place == s.places[0] {
			i = 1
		}
		s.server.forget(s, nil, s.places[i:i+1], nil)
		s.places = slices.Delete(s.places, i, i+1)
	}
	s.places = append(s.places, at)
}

func (s *Session) move(at place) {
	s.path.Store(&path{at, s.server.socket(at.sock)})
	s.alive.Store(time.Now().UnixNano())
}

// follow is for the newest authentic SRTCP. A client sends it where it has selected, also one (Firefox) whose checks after
// a change of its address carry no USE-CANDIDATE.
func (s *Session) follow(at place) {
	if p := s.path.Load(); p == nil || p.place == at {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.probe(at, true, time.Now())
	}
}

// probe asks a place to answer, if it has not just been asked.
func (s *Session) probe(at place, move bool, now time.Time) {
	if n := len(s.probes); n > 0 && now.Sub(s.probes[n-1].sent) < probeInterval {
		return
	}
	m, err := probeMessage(s.current)
	if err != nil {
		return
	}
	if len(s.probes) == maxProbes {
		s.server.forget(s, nil, nil, s.probes[:1])
		s.probes = slices.Delete(s.probes, 0, 1)
	}
	s.probes = append(s.probes, probe{m.TransactionID, at, move, now})
	s.server.mu.Lock()
	s.server.probed[m.TransactionID] = s
	s.server.mu.Unlock()
	s.server.count.probes.Add(1)
	_ = at.sock.WriteTo(m.Raw, at.addr)
}

// responded is for the answer to a probe.
func (s *Session) responded(at place, m *stun.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.probes, func(p probe) bool { return p.id == m.TransactionID && p.at == at })
	if i < 0 || s.ended || m.Type != stun.BindingSuccess || !authentic(m, s.current.peer.key) {
		return
	}
	move := s.probes[i].move
	s.server.forget(s, nil, nil, s.probes)
	s.probes = nil
	s.heard.Store(time.Now().UnixNano())
	if !slices.Contains(s.places, at) {
		s.server.claim(at, s, true)
		s.keep(at)
	}
	if move || s.path.Load() == nil {
		s.server.count.moves.Add(1)
		s.move(at)
	}
}

func (s *Session) forsake(g *generation) { s.server.forget(s, []string{g.own.ufrag}, nil, nil) }
