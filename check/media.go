package check

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

const (
	videoFrame = time.Second / 30
	audioFrame = 20 * time.Millisecond
)

// silence is an Opus frame of 20 ms (RFC 6716 section 3.1: one frame of CELT, stereo, full band).
func silence() []byte { return []byte{0xfc, 0xff, 0xfe} }

// publisher sends the clip, over and over, and silence with it.
type publisher struct {
	*peer
	audio  *webrtc.TrackLocalStaticSample
	layers []*layer     // of the picture
	asked  atomic.Int64 // keyframe requests that came
}

// publish sends a stream to the WHIP endpoint until the check ends.
func (p *probe) publish(o peerOptions) *publisher {
	c := &publisher{peer: p.newPeer(o)}
	if o.only != "video" {
		c.addAudio(p)
	}
	if o.only != "audio" {
		c.addVideo(p, o.simulcast)
	}
	c.connect(p, "POST of a client that publishes", p.at(p.config.WHIP), o)
	if o.simulcast && !strings.Contains(c.answer, "a=simulcast:recv") {
		p.skipf("the server takes no simulcast")
	}
	for _, l := range c.layers {
		l.negotiated()
	}
	ctx, cancel := context.WithCancel(p.ctx)
	var running sync.WaitGroup
	p.defers(func(context.Context) {
		cancel()
		_ = c.Close()
		running.Wait()
	})
	running.Go(func() { c.send(ctx) })
	for _, l := range c.layers {
		running.Go(func() { c.listen(l) })
	}
	if p.check.Needs&(Pair|Alone) != 0 {
		p.awaitLive()
	}
	return c
}

// awaitLive waits until the server lets players in: it may want to see media first (whep-03 section 4.3.8).
func (p *probe) awaitLive() {
	var r *reply
	live := p.eventually(mediaTimeout, func() bool {
		r = p.send("POST of a player after the stream began", http.MethodPost, p.at(p.config.WHEP), string(newOffer("recvonly")), "Content-Type", mediaTypeSDP)
		return r.StatusCode != http.StatusConflict && !r.gone()
	})
	r.wants(live, "an answer once somebody publishes; this came for %v", mediaTimeout)
	if location, err := r.Location(); err == nil && r.success() {
		p.send("DELETE of that player", http.MethodDelete, location.String(), "")
	}
}

func (c *publisher) addAudio(p *probe) {
	var err error
	capability := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	c.audio, err = webrtc.NewTrackLocalStaticSample(capability, "audio", "show")
	p.need("making a track", err)
	_, err = c.AddTransceiverFromTrack(c.audio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	p.need("adding a track", err)
}

// send sends until ctx ends.
func (c *publisher) send(ctx context.Context) {
	video, audio := time.NewTicker(videoFrame), time.NewTicker(audioFrame)
	defer video.Stop()
	defer audio.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-video.C:
			for _, l := range c.layers {
				if n%l.every == 0 {
					l.send()
				}
			}
			n++
		case <-audio.C:
			if c.audio != nil {
				_ = c.audio.WriteSample(media.Sample{Data: silence(), Duration: audioFrame})
			}
		}
	}
}

// listen reads what the server asks for, until the peer is closed.
func (c *publisher) listen(l *layer) {
	for {
		packets, err := l.readRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				c.asked.Add(1)
				l.wanted.Store(true)
			}
		}
	}
}

// player receives a stream and counts.
type player struct {
	*peer
	mu      sync.Mutex
	seen    map[string]*stats
	picture picture
}

// stats are what came of a kind.
type stats struct {
	ssrc             uint32
	payloadType      uint8
	packets, frames  int
	changed          int  // packets that had another SSRC than the first
	gaps             int  // packets that did not follow the one before
	startsAtKeyframe bool // the first packet of video is the first of a keyframe
	last             uint16
}

// play watches the stream at the WHEP endpoint until the check ends, and wants media to come.
func (p *probe) play(o peerOptions) *player {
	c := p.join(o)
	c.more(p, "after POST")
	return c
}

// join is play that doesn't wait for media.
func (p *probe) join(o peerOptions) *player {
	c := p.newPlayer(o)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if o.only == "" || o.only == kind.String() {
			_, err := c.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
			p.need("adding a transceiver", err)
		}
	}
	c.connect(p, "POST of a client that plays", p.at(p.config.WHEP), o)
	return c
}

// newPlayer makes a player that counts what comes.
func (p *probe) newPlayer(o peerOptions) *player {
	c := &player{peer: p.newPeer(o), seen: map[string]*stats{}}
	c.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			c.add(track.Kind().String(), packet)
		}
	})
	return c
}

func (c *player) add(kind string, packet *rtp.Packet) {
	if len(packet.Payload) == 0 {
		return // padding
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kind == "video" {
		c.picture.add(packet)
	}
	s := c.seen[kind]
	if s == nil {
		s = &stats{ssrc: packet.SSRC, payloadType: packet.PayloadType, last: packet.SequenceNumber - 1, startsAtKeyframe: keyframe(packet.Payload)}
		c.seen[kind] = s
	}
	s.packets++
	if packet.SSRC != s.ssrc {
		s.changed++
	}
	if packet.SequenceNumber != s.last+1 {
		s.gaps++
	}
	if s.last = packet.SequenceNumber; packet.Marker || kind == "audio" {
		s.frames++
	}
}

// keyframe reports whether a VP8 payload begins a keyframe (RFC 7741 section 4.3).
func keyframe(payload []byte) bool {
	var d codecs.VP8Packet
	frame, err := d.Unmarshal(payload)
	return err == nil && d.S == 1 && d.PID == 0 && len(frame) > 0 && frame[0]&1 == 0
}

// stats are those of a kind until now.
func (c *player) stats(kind string) stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.seen[kind]; s != nil {
		return *s
	}
	return stats{}
}

// more wants more frames of every kind that the player has asked for.
func (c *player) more(p *probe, when string) {
	for _, t := range c.GetTransceivers() {
		kind := t.Kind().String()
		before := c.stats(kind).frames
		if !p.eventually(mediaTimeout, func() bool { return c.stats(kind).frames >= before+15 }) {
			p.failf("%s, %d frames of %s came within %v; the stream has more", when, c.stats(kind).frames-before, kind, mediaTimeout)
		}
	}
}
