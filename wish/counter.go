package wish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
)

// counterTime is how long a counter-offer is good (whep-03 section 4.3.2).
const counterTime = 30 * time.Second

// preference is what a client prefers that wants the server's offer (RFC 7240 section 2).
const preference = "counter-offer"

// Answerer is a session that begins with an offer of the server (whep-03 section 4.3.2).
type Answerer interface {
	Restarter
	// Answer takes the client's answer. After an error, which wraps ErrUnprocessable if it is the client's mistake, the offer
	// still stands, and Answer may be called again; it is never called at the same time as another method, nor again once it
	// has succeeded.
	Answer(ctx context.Context, a *Answer) error
}

// counterOffer is the offer of a resource.
type counterOffer struct {
	answerer Answerer
	media    []string // kind and mid of its m-lines, in their order
	state    counterState
	end      *time.Timer
}

// counterState is guarded by the resource's iceSession.mu.
type counterState int

const (
	counterPending counterState = iota
	counterAccepted
	counterExpired
)

// prefersCounter reads Prefer in all its lines (RFC 7240 section 2).
func prefersCounter(h http.Header) bool {
	for p := range strings.SplitSeq(strings.Join(h.Values("Prefer"), ","), ",") {
		name, _, _ := strings.Cut(p, ";")
		if strings.EqualFold(strings.TrimSpace(name), preference) {
			return true
		}
	}
	return false
}

// openCounter opens a session that waits for the answer to the server's offer.
func (e *Endpoint) openCounter(r *Request, p *place) (*Started, error) {
	res, o := e.resource(r), &counterOffer{}
	res.counter = o
	offer, err := p.open(res, func() (string, Session, error) {
		offer, s, err := e.Counter(r)
		if err != nil {
			return "", s, err
		}
		o.answerer = s
		offer, o.media, err = finishOffer(offer, r.Loopback)
		return offer, s, err
	})
	if err != nil {
		return nil, err
	}
	started := &Started{ID: res.id, ETag: res.ice.etag, SDP: offer, Counter: true, Session: res.session, res: res}
	started.Until = time.Now().Add(e.Resources.counterTime)
	res.ice.mu.Lock()
	o.end = time.AfterFunc(e.Resources.counterTime, res.expire)
	res.ice.mu.Unlock()
	return started, nil
}

// finishOffer does for an offer of the server what FinishAnswer does for its answers, and lists the m-lines.
func finishOffer(offer string, loopback bool) (finished string, media []string, err error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(offer); err != nil {
		return "", nil, fmt.Errorf("unreadable counter-offer: %w", err)
	}
	if len(d.MediaDescriptions) == 0 {
		return "", nil, errors.New("the counter-offer has no m-line")
	}
	var candidates []string
	for _, md := range d.MediaDescriptions {
		candidates = append(candidates, values(md.Attributes, sdp.AttrKeyCandidate)...)
		md.Attributes = slices.DeleteFunc(md.Attributes, func(a sdp.Attribute) bool {
			return a.Key == sdp.AttrKeyCandidate || a.Key == sdp.AttrKeyEndOfCandidates
		})
		m := Media{Kind: md.MediaName.Media, rsize: true}
		if m.isRTP() {
			finishRTCP(md, &m)
		}
		mid, _ := md.Attribute(sdp.AttrKeyMID)
		media = append(media, m.Kind+" "+mid)
	}
	finished, err = marshalAnswer(&d, d.MediaDescriptions[0], ourCandidates(candidates, loopback))
	return finished, media, err
}

// accept takes the answer to the counter-offer. One that is refused may be followed by a better one.
func (res *resource) accept(ctx context.Context, body []byte) error {
	res.ice.mu.Lock()
	defer res.ice.mu.Unlock()
	o := res.counter
	switch {
	case res.ended() || o != nil && o.state == counterExpired:
		return errEnded()
	case o == nil:
		return fmt.Errorf("%w: it was the client's offer that opened the session, and it has its answer", ErrNotNow)
	case o.state == counterAccepted:
		return fmt.Errorf("%w: its offer has been answered", ErrNotNow)
	}
	a, err := ParseAnswer(body)
	if err != nil {
		return err
	}
	if err := o.fits(a); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restartTimeout)
	defer cancel()
	err = o.answerer.Answer(ctx, a)
	if res.ended() {
		return errEnded()
	}
	if err != nil {
		return err
	}
	o.state = counterAccepted
	o.end.Stop()
	res.ice.ufrag, res.ice.pwd = a.ufrag, a.pwd
	return nil
}

// fits compares the m-lines of offer and answer (RFC 3264 section 6).
func (o *counterOffer) fits(a *Answer) error {
	var answered []string
	for _, m := range a.Media {
		answered = append(answered, m.Kind+" "+m.Mid)
	}
	if !slices.Equal(answered, o.media) {
		return fmt.Errorf("%w: the answer's m-lines (kind and mid) are %q, the offer's %q; answer all of them in their order", ErrUnprocessable, answered, o.media)
	}
	return nil
}

// expire ends a session whose offer nobody has accepted in time.
func (res *resource) expire() {
	res.ice.mu.Lock()
	late := res.counter.state == counterPending
	if late {
		res.counter.state = counterExpired
	}
	res.ice.mu.Unlock()
	if late {
		res.end()
	}
}

// counterType is the media type of a counter-offer, with its end (whep-03 section 4.3.2).
func counterType(until time.Time) string {
	return fmt.Sprintf(`%s;valid-until="%s"`, mediaTypeSDP, until.UTC().Format(http.TimeFormat))
}
