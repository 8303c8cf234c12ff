package signal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"bongsu/broadcast"
	"bongsu/egress"
	"bongsu/lite"
	"bongsu/rtc"
	"bongsu/wish"
)

// maxHeld are the candidates that wait until the client has answered the server's offer.
const maxHeld = 32

// session is a WHIP or WHEP session of a line. What the client says about it is done one after the other, on a goroutine that
// there is only then.
type session struct {
	id        string
	line      *line
	publishes bool
	life      context.Context // ends with the line, or when the client says bye
	cancel    context.CancelFunc

	jobs []func() // line.mu guards both
	busy bool

	// For jobs only:
	started  *wish.Started // nil if it failed, or has only a chat
	request  *wish.Request // nil if it failed
	etag     string
	accepted atomic.Bool // the server's offer, or there was none
	held     []string    // candidates, until then
	chats    *ChatConn
}

// queue has a job done. line.mu is held.
func (s *session) queue(job func()) {
	s.jobs = append(s.jobs, job)
	if !s.busy {
		s.busy = true
		s.line.working.Go(s.run)
	}
}

func (s *session) run() {
	for {
		s.line.mu.Lock()
		if len(s.jobs) == 0 {
			s.busy = false
			s.line.mu.Unlock()
			return
		}
		job := s.jobs[0]
		s.jobs = s.jobs[1:]
		s.line.mu.Unlock()
		job()
	}
}

// tell says something about the session, unless the client has heard of its end.
func (s *session) tell(messages ...message) {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	if s.line.sessions[s.id] != s {
		return
	}
	for _, m := range messages {
		m.ID = s.id
		s.line.tellLocked(m)
	}
}

// open starts the session, and tells its description.
func (s *session) open(m *request, r *wish.Request, start Starter) {
	if start == nil {
		s.request = r
		return
	}
	started, err := start(r, []byte(m.SDP))
	switch {
	case err != nil && s.life.Err() != nil:
		s.line.remove(s, message{Type: "bye", ID: s.id, Code: "hung-up", Reason: "the client hung up before it began"})
		return
	case err != nil:
		s.report(m.Type, err)
		s.line.remove(s, refusal(m.Type, s.id, err, r.Reply))
		return
	}
	s.started, s.request, s.etag = started, r, started.ETag
	s.accepted.Store(!started.Counter)
	s.tell(s.description(m.Trickle)...)
	s.follow()
	s.line.working.Add(1)
	started.Session.AfterDone(func() {
		defer s.line.working.Done()
		s.over()
	})
}

// report logs what is not the client's mistake.
func (s *session) report(what string, err error) {
	if status, _ := Status(err); status == http.StatusInternalServerError {
		s.line.server.log.Error("session over WebSocket failed", "message", what, "error", err)
	}
}

// description tells the answer, or the server's offer, and with trickle the candidates after it.
func (s *session) description(trickle bool) []message {
	d := message{Type: "answer", SDP: s.started.SDP, ICEServers: s.line.server.servers()}
	if s.started.Counter {
		d.Type, d.Expires = "offer", s.started.Until.UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	if !trickle {
		return []message{d}
	}
	bare, mid, candidates := splitCandidates(d.SDP)
	d.SDP = bare
	all := []message{d}
	for _, c := range append(candidates, "") {
		all = append(all, message{Type: "candidate", Candidate: &c, SDPMid: &mid})
	}
	return all
}

// take does what the client says of a session that has begun.
func (s *session) take(m *request) {
	if m.Type == "bye" {
		s.end()
		return
	}
	reply, err := s.answer(m)
	if err != nil {
		s.report(m.Type, err)
		s.tell(refusal(m.Type, "", err, nil))
	} else if reply != "" {
		s.tell(message{Type: m.Type, Fragment: reply})
	}
}

func (s *session) answer(m *request) (fragment string, err error) {
	if s.started == nil { // of one that failed, the client does not hear any more
		return "", fmt.Errorf("%w: this one has only a chat", wish.ErrNoSession)
	}
	switch m.Type {
	case "answer":
		return "", s.accept(m.SDP)
	case "candidate":
		return "", s.trickle(*m.Candidate)
	case "restart":
		return s.restart(m.Fragment)
	}
	return "", s.choose(m.RID)
}

// accept takes the answer to the server's offer, and then the candidates that have been quicker.
func (s *session) accept(answer string) error {
	if err := s.started.Accept(s.life, []byte(answer)); err != nil {
		return err
	}
	s.accepted.Store(true)
	s.tell(message{Type: "ok"})
	for _, c := range s.held {
		if err := s.trickle(c); err != nil {
			s.tell(refusal("candidate", "", err, nil))
		}
	}
	s.held = nil
	s.follow()
	return nil
}

func (s *session) trickle(candidate string) error {
	if !s.accepted.Load() {
		if len(s.held) < maxHeld {
			s.held = append(s.held, candidate)
		}
		return nil
	}
	_, _, err := s.started.Patch(s.life, candidateFragment(candidate), s.etag)
	return err
}

// restart restarts ICE. Who asks again, having missed the answer, gets the same one.
func (s *session) restart(fragment string) (answer string, err error) {
	answer, etag, err := s.started.Patch(s.life, []byte(fragment), "*")
	if err != nil {
		return "", err
	}
	if answer == "" {
		return "", fmt.Errorf("%w: an ICE restart needs a new a=ice-ufrag and a new a=ice-pwd (RFC 8445 section 9)", wish.ErrMalformed)
	}
	s.etag = etag
	return answer, nil
}

// choose asks for one encoding of the picture.
func (s *session) choose(rid string) error {
	v := egress.ViewerOf(s.started.Session)
	switch {
	case !s.accepted.Load():
		return fmt.Errorf("%w: answer the server's offer first", wish.ErrNotNow)
	case v == nil:
		return fmt.Errorf("%w: this session publishes; layers are for those that play", wish.ErrUnprocessable)
	}
	if err := v.SelectLayer(egress.LayerRequest{RID: rid}); err != nil {
		return err
	}
	s.tell(message{Type: "ok"})
	return nil
}

// follow begins to tell a viewer of its stream.
func (s *session) follow() {
	v := egress.ViewerOf(s.started.Session)
	if v == nil {
		return
	}
	s.line.working.Go(func() {
		for e := range v.Events(s.life) {
			if e.Name == egress.EventLayers {
				s.tell(message{Type: "layers", Layers: e.Data})
			} else {
				s.tell(message{Type: "event", Event: e.Name, Data: e.Data})
			}
		}
	})
}

// end ends the session, of which over tells if there is more than a chat.
func (s *session) end() {
	if s.started != nil {
		s.started.End()
		return
	}
	s.line.remove(s, message{Type: "bye", ID: s.id, Code: "hung-up", Reason: "the client left the chat"})
}

// over tells why the session has ended.
func (s *session) over() {
	code, reason := s.why()
	s.line.remove(s, message{Type: "bye", ID: s.id, Code: code, Reason: reason})
	s.cancel()
}

func (s *session) why() (code, reason string) {
	if s.life.Err() != nil {
		return "hung-up", "the client hung up"
	}
	var err error
	if e, ok := s.started.Session.(interface{ Err() error }); ok {
		err = e.Err()
	}
	switch is := func(target error) bool { return errors.Is(err, target) }; {
	case is(broadcast.ErrReplaced):
		return "replaced", err.Error()
	case is(rtc.ErrHungUp), is(lite.ErrHungUp):
		return "hung-up", "the client hung up"
	case is(rtc.ErrLost), is(lite.ErrLost):
		return "lost", rtc.ErrLost.Error()
	case s.started.Counter && !time.Now().Before(s.started.Until) && !s.accepted.Load():
		return "expired", "the server's offer was not answered in time"
	case is(rtc.ErrNeverConnected), is(lite.ErrNeverConnected):
		return "unreached", rtc.ErrNeverConnected.Error()
	}
	return "closed", "the session was closed"
}
