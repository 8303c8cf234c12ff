package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"bongsu/wish"
)

const (
	trickleTimeout  = 5 * time.Second
	restartTimeout  = 8 * time.Second  // from a restart's offer to a connection
	restartPatience = 25 * time.Second // of all tries: the server has given up on the session by then
	unreached       = 3 * time.Second  // without a connection, before ICE servers are tried that came with the answer
	tcpAfter        = time.Second      // without a connection, before ICE-TCP is tried
)

// guard is the session's signaling after its start: it tells the server of candidates, and restarts ICE when the network
// has changed (RFC 9725 section 4.3). The peer is lost if that does not help.
func (p *clientPeer) guard(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	p.tick = tick.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.down.Done():
			return
		case <-p.candidates:
			p.trickle(ctx)
			continue
		case <-p.changed:
		case <-p.tick:
			p.tryTCP()
			p.trickle(ctx) // what failed before
		}
		why := p.trouble()
		if why == "" {
			continue
		}
		if p.up.Err() == nil && !p.fresh {
			p.gone()
			return
		}
		p.log.Info("restarting ICE", "why", why)
		p.fresh = false
		if err := p.restart(ctx); err != nil {
			if ctx.Err() == nil {
				p.log.Warn("ICE could not be restarted", "err", err)
			}
			p.gone()
			return
		}
		p.log.Info("ICE restarted; the session goes on")
	}
}

// trouble tells why ICE should be restarted; "" if it should not.
func (p *clientPeer) trouble() string {
	switch state := p.ICEConnectionState(); state {
	case webrtc.ICEConnectionStateFailed:
		return "no candidate can be reached"
	case webrtc.ICEConnectionStateDisconnected:
		if p.up.Err() != nil {
			return "the server is not heard of any more"
		}
	case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
		if address := p.lostAddress(); address != "" {
			return "this machine has no longer the address " + address
		}
	default:
		if p.fresh && p.up.Err() == nil && time.Since(p.posted) > unreached {
			return "there are ICE servers to ask"
		}
	}
	return ""
}

// lostAddress gives the address from which media goes if this machine has it no longer; else "".
func (p *clientPeer) lostAddress() string {
	pair, err := p.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil || pair.Local == nil {
		return ""
	}
	address := pair.Local.Address
	switch pair.Local.Typ {
	case webrtc.ICECandidateTypeHost:
	case webrtc.ICECandidateTypeSrflx:
		address = pair.Local.RelatedAddress
	default:
		return ""
	}
	ip := net.ParseIP(address)
	all, err := p.endpoint.addresses()
	if err != nil || ip == nil || ip.IsUnspecified() {
		return ""
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return ""
		}
	}
	return address
}

// trickle tells the server of candidates that it does not know. Without them media may come through all the same.
func (p *clientPeer) trickle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, trickleTimeout)
	defer cancel()
	if err := p.resource.Trickle(ctx, p.LocalDescription().SDP); err != nil {
		p.log.Debug("candidates could not be sent", "err", err)
	}
}

// holdTCP takes the TCP candidates (RFC 6544) out of the server's description: if they were there from the beginning, they
// might be chosen just because a packet was lost.
func (p *clientPeer) holdTCP(description string) string {
	var out strings.Builder
	p.tcp, p.tcpAt = nil, time.Now().Add(tcpAfter)
	for line := range strings.Lines(description) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "a=candidate:") && len(fields) > 2 && strings.EqualFold(fields[2], "tcp") {
			p.tcp = append(p.tcp, strings.TrimPrefix(strings.TrimSpace(line), "a="))
		} else {
			out.WriteString(line)
		}
	}
	return out.String()
}

// tryTCP has ICE-TCP tried if nothing else has worked for a while.
func (p *clientPeer) tryTCP() {
	if p.ICEConnectionState() != webrtc.ICEConnectionStateChecking || time.Now().Before(p.tcpAt) {
		return
	}
	for _, c := range p.tcp {
		if err := p.AddICECandidate(webrtc.ICECandidateInit{Candidate: c}); err != nil {
			p.log.Debug("ICE-TCP", "candidate", c, "err", err)
		}
	}
	p.tcp = nil
}

// restart restarts ICE until it works, the session is found to have ended, or patience has.
func (p *clientPeer) restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	for backoff := firstBackoff; ; backoff = min(2*backoff, longestBackoff) {
		err := p.tryRestart(ctx)
		var status *wish.StatusError
		final := errors.As(err, &status) && status.Code == http.StatusNotFound || p.down.Err() != nil
		if err == nil || final || !temporary(err) || ctx.Err() != nil {
			return err
		}
		wait := nextTry(err, backoff)
		p.log.Debug("restarting ICE again", "err", err, "next_try", wait)
		pause(ctx, wait)
	}
}

// tryRestart restarts ICE once. Each try has credentials of its own, since the server may know those of one whose answer
// was lost.
func (p *clientPeer) tryRestart(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, restartTimeout, fmt.Errorf("%w after an ICE restart", errConnect))
	defer cancel()
	if p.SignalingState() != webrtc.SignalingStateStable { // the last try had no answer; pion has no rollback
		if err := p.accept(p.remote); err != nil {
			return err
		}
	}
	if err := p.offer(ctx, &webrtc.OfferOptions{ICERestart: true}); err != nil {
		return err
	}
	answer, err := p.resource.Restart(ctx, p.LocalDescription().SDP, p.remote)
	if err != nil {
		return err
	}
	if err := p.accept(answer); err != nil {
		return err
	}
	for {
		switch p.ICEConnectionState() {
		case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted:
			return nil
		}
		select {
		case <-p.candidates:
			p.trickle(ctx)
		case <-p.changed:
		case <-p.tick:
			p.tryTCP()
		case <-p.down.Done():
			return errConnected
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
