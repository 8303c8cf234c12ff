package rtc

import (
	"slices"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

const (
	// pathSilence is when a path counts as left. A client sends media, reports or checks on its path more often.
	pathSilence = 1500 * time.Millisecond
	// maxPaths bounds what is kept of the addresses that a client has checked.
	maxPaths = 16
)

// roaming follows a client to a new address within the ICE session, as when its NAT gives it another port. Pion moves a
// controlled agent only to a pair that is nominated and of no lower priority, but many a client does not know that its address
// has changed, and nominates nothing.
type roaming struct {
	pc    *webrtc.PeerConnection // set before the first check
	paths []*ice.CandidatePair   // that the client has checked, the latest last; the ICE agent's own
}

// follow tells whether the media should go to the pair of an authentic check (RFC 8445 section 7.3): the client has answered
// there, so that nobody's media can be aimed at somebody else, and nothing comes from elsewhere any more. The ICE agent calls it,
// one check at a time.
func (r *roaming) follow(_ *stun.Message, _, _ ice.Candidate, pair *ice.CandidatePair) bool {
	r.paths = slices.DeleteFunc(r.paths, func(p *ice.CandidatePair) bool { return p == pair })
	alone := !slices.ContainsFunc(r.paths, heard)
	if len(r.paths) == maxPaths {
		r.paths = slices.Delete(r.paths, 0, 1)
	}
	r.paths = append(r.paths, pair)
	switch r.pc.ConnectionState() {
	case webrtc.PeerConnectionStateConnected, webrtc.PeerConnectionStateDisconnected:
		return alone && pair.ResponsesReceived() > 0
	}
	return false // the client is choosing still
}

func heard(p *ice.CandidatePair) bool { return time.Since(p.Remote.LastReceived()) < pathSilence }
