package check

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// streamChecks are of the stream that a player asks for: whether there is one, and what becomes of it.
func streamChecks() []Check {
	const section = "whep-03 section 4.3.8"
	return []Check{
		{"E-17", Interop, "RFC 9110 section 15.5.5", "A stream that nobody knows: 404, unless players may come first", 0, unknownStream},
		{"E-18", Must, section, "A stream that nobody publishes now: 409 with Retry-After, unless players may wait", Alone, offlineStream},
		{"E-19", May, section, "A player that waits gets media as soon as the stream begins", Alone, playerWaits},
		{"E-45", Interop, section, "When the publisher leaves, the player's session ends, or goes on with the next publisher", Alone, publisherReturns},
		{"E-46", Interop, "RFC 3550 section 8", "A next publisher with other payload types and SSRCs goes on in the player's RTP stream", Alone, publisherChanges},
	}
}

func unknownStream(p *probe) {
	if !strings.Contains(p.config.WHEP, streamMark) {
		p.skipf("the tester doesn't know how to name another stream: give the WHEP endpoint with %s in it", streamMark)
	}
	p.stream = "check-" + token(4) + "-nobody-knows"
	r := p.post("POST to a stream that nobody knows", p.offer())
	if r.success() {
		p.skipf("players may come before the stream begins")
	}
	r.wants(slices.Contains([]int{403, 404, 409}, r.StatusCode), "404")
}

func offlineStream(p *probe) {
	if p.post("POST to a stream that has not begun", p.offer()).success() {
		p.skipf("players may wait for the stream")
	}
	publisher := p.publish(peerOptions{})
	p.play(peerOptions{}) // and stays, so that the server has reason to remember the stream
	publisher.session.delete("DELETE of the publisher's session")
	publisher.hangUp()
	var r *reply
	p.eventually(sessionEnd, func() bool {
		r = p.post("POST to a stream whose publisher has left", p.offer())
		return r.client()
	})
	if r.success() {
		p.skipf("players may wait for the stream")
	}
	if r.gone() {
		p.skipf("the server forgets a stream with its publisher: it answers %s", r.summary())
	}
	r.wants(r.StatusCode == http.StatusConflict, "409 Conflict")
	_, err := strconv.ParseUint(r.Header.Get("Retry-After"), 10, 31)
	r.wants(err == nil, "whole seconds in Retry-After; it is %q", r.Header.Get("Retry-After"))
}

func playerWaits(p *probe) {
	if r := p.post("POST to a stream that has not begun", p.offer()); !r.success() {
		p.skipf("players may not wait: the server answers %s", r.summary())
	}
	player := p.join(peerOptions{})
	p.publish(peerOptions{})
	player.more(p, "after the stream began")
}

func publisherReturns(p *probe) {
	player := leftAlone(p)
	p.publish(peerOptions{})
	player.more(p, "after the publisher came back")
}

// leftAlone is a player whose publisher has left; the check passes here if that ends the session.
func leftAlone(p *probe) *player {
	publisher := p.publish(peerOptions{vp8: 100})
	player := p.play(peerOptions{})
	publisher.session.delete("DELETE of the publisher's session")
	publisher.hangUp()
	if !player.session.alive() {
		p.skipf("the player's session ends with the publisher's")
	}
	return player
}

func publisherChanges(p *probe) {
	player := leftAlone(p)
	before := player.stats("video")
	p.publish(peerOptions{vp8: 120})
	player.more(p, "after another publisher began")
	after := player.stats("video")
	if after.changed > 0 || after.payloadType != before.payloadType {
		p.failf("after another publisher began, %d packets of the player's video came with another SSRC; no renegotiation told it", after.changed)
	}
}

// mediaChecks are of the packets.
func mediaChecks() []Check {
	return []Check{
		{"E-47", Interop, "RFC 7741 section 4.3", "A player's picture begins with a keyframe", 0, beginsWithKeyframe},
		{"E-48", Interop, "RFC 4585 section 6.3.1", "Requests for keyframes are not passed on one by one", Alone, keyframeRequests},
		{"E-49", Interop, "whep-03 section 4.3.5", "What a player sends does no harm", 0, playerSends},
	}
}

func beginsWithKeyframe(p *probe) {
	player := p.play(peerOptions{})
	if !player.stats("video").startsAtKeyframe {
		p.failf("the first packet of video is not the start of a keyframe: nobody can decode it")
	}
}

// keyframeRequests has a player ask for a keyframe 40 times in two seconds.
func keyframeRequests(p *probe) {
	publisher := p.publish(peerOptions{})
	player := p.play(peerOptions{})
	before := publisher.asked.Load()
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
	defer cancel()
	for wait(ctx, 50*time.Millisecond) {
		_ = player.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: player.stats("video").ssrc}})
	}
	if asked := publisher.asked.Load() - before; asked > 8 {
		p.failf("a player's 40 requests for a keyframe within 2 s reached the publisher as %d; each costs every other player's bandwidth", asked)
	}
	player.more(p, "after many keyframe requests")
}

// playerSends has a player report, estimate and lie, and wants its media to go on.
func playerSends(p *probe) {
	player := p.play(peerOptions{})
	ssrc := player.stats("video").ssrc
	err := player.WriteRTCP([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 255, TotalLost: 1 << 20}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 10_000, SSRCs: []uint32{ssrc}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{1, 2, 3})},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: ssrc + 1, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{1, 2, 3})},
		&rtcp.Goodbye{Sources: []uint32{ssrc}},
	})
	p.need("sending RTCP", err)
	player.more(p, "after RTCP of every kind")
	if s := player.state.Load(); s != int32(webrtc.PeerConnectionStateConnected) {
		p.failf("after RTCP of every kind the player is no longer connected")
	}
}
