package rtc

import (
	"context"
	"strings"

	"github.com/pion/webrtc/v4"
)

// Trickle tells the peer of candidates of the client, values of a=candidate (RFC 8838). It does without those that it can't
// use, and knows those that it was told before.
func (p *Peer) Trickle(candidates []string) {
	for _, c := range candidates {
		_ = p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: "candidate:" + c})
	}
}

// Restart restarts ICE with the client's new credentials and candidates (RFC 9725 section 4.3.3): it answers the old offer
// anew with nothing else changed, so that DTLS, SSRCs and media go on. It gives the new answer; with the credentials of the last
// restart it gives that one's answer again, for a client that has lost it. After an error it may be tried again. The caller
// makes one call of Trickle or Restart at a time.
func (p *Peer) Restart(ctx context.Context, ufrag, password string, candidates []string) (answer string, err error) {
	if err := p.Err(); err != nil {
		return "", err
	}
	if answer, err = p.answer(ctx, withCredentials(p.offer, ufrag, password)); err != nil {
		return "", err
	}
	p.Trickle(candidates)
	return answer, nil
}

// withCredentials is an offer with other ICE credentials, and without candidates.
func withCredentials(offer, ufrag, password string) string {
	var out strings.Builder
	for line := range strings.Lines(offer) {
		switch name, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); name {
		case "a=ice-ufrag":
			out.WriteString(name + ":" + ufrag + "\r\n")
		case "a=ice-pwd":
			out.WriteString(name + ":" + password + "\r\n")
		case "a=candidate", "a=end-of-candidates":
		default:
			out.WriteString(line)
		}
	}
	return out.String()
}
