package main

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	linkUnits    = 1800 // from frame to frame in RTP timestamp units
	linkPatience = 60   // frames after which those before won't come any more

	// With these, numbers and timestamps begin anew in the middle.
	linkFirstNumber = 65535 - 400
	linkFirstTime   = 1<<32 - 1 - 75*linkUnits
)

// linkPeer opens a session that goes through relay, or straight to the server if that is nil.
func linkPeer(t testing.TB, url string, relay *linkRelay, codecs func(*webrtc.MediaEngine) error) *clientPeer {
	t.Helper()
	server, err := newEndpoint(url, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	if relay != nil {
		server.HTTP.Transport = &linkTransport{server.HTTP.Transport.(*http.Transport), relay}
	}
	peer, err := newClientPeer(server, codecs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	return peer
}

// linkSource is a WHIP publisher of marked frames, with padding between some of them. It is its test's own.
type linkSource struct {
	codec linkCodec
	track *webrtc.TrackLocalStaticRTP
	tick  time.Duration // from frame to frame
	frame int           // the next
	sent  []linkSent    // by sequence number
}

// linkSent is what was published under a sequence number.
type linkSent struct {
	linkMark
	what linkWhat
}

type linkWhat uint8

const (
	linkMedia linkWhat = iota
	linkPadding
	linkSkipped // the number was left out
)

func startLinkSource(t testing.TB, ctx context.Context, url string, codec linkCodec, relay *linkRelay) *linkSource {
	t.Helper()
	capability := webrtc.RTPCodecCapability{MimeType: codec.mime, ClockRate: 90000, SDPFmtpLine: codec.fmtp, RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}}
	peer := linkPeer(t, url, relay, func(m *webrtc.MediaEngine) error {
		if codec.rtx {
			rtx := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"}
			if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: rtx, PayloadType: 97}, webrtc.RTPCodecTypeVideo); err != nil {
				return err
			}
		}
		return m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: 96}, webrtc.RTPCodecTypeVideo)
	})
	track, err := webrtc.NewTrackLocalStaticRTP(capability, "video", "link")
	if err != nil {
		t.Fatal(err)
	}
	transceiver, err := peer.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	go func() { // its end is the peer's
		for err == nil {
			_, _, err = transceiver.Sender().ReadRTCP()
		}
	}()
	if err := peer.connect(ctx); err != nil {
		t.Fatal(err)
	}
	return &linkSource{codec: codec, track: track, tick: 20 * time.Millisecond}
}

// run publishes, frame after frame, until enough says so.
func (s *linkSource) run(t testing.TB, ctx context.Context, enough func() bool) {
	t.Helper()
	tick := time.NewTicker(s.tick)
	defer tick.Stop()
	for !enough() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("at frame %d: %v", s.frame, ctx.Err())
		}
		for m := (linkMark{frame: s.frame}); m.index < m.count(); m.index++ {
			s.write(t, linkSent{m, linkMedia})
		}
		if s.frame%10 == 3 {
			s.write(t, linkSent{what: linkPadding})
		}
		s.frame++
	}
}

func (s *linkSource) until(frame int) func() bool { return func() bool { return s.frame == frame } }

func (s *linkSource) write(t testing.TB, sent linkSent) {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(linkFirstNumber + len(s.sent)), Timestamp: s.time(s.frame)}}
	if sent.what == linkMedia {
		p.Marker, p.Payload = sent.last(), s.codec.payload(sent.linkMark)
	} else {
		p.Padding, p.PaddingSize = true, 100
	}
	s.sent = append(s.sent, sent)
	if err := s.track.WriteRTP(&p); err != nil {
		t.Fatal(err)
	}
}

// skip leaves out so many sequence numbers.
func (s *linkSource) skip(numbers int) {
	for range numbers {
		s.sent = append(s.sent, linkSent{what: linkSkipped})
	}
}

func (s *linkSource) time(frame int) uint32 { return uint32(linkFirstTime + frame*linkUnits) }

// linkViewer is a WHEP viewer that keeps all that it gets.
type linkViewer struct {
	begun chan struct{} // closes with the first packet

	mu      sync.Mutex
	packets []linkPacket
	got     map[linkMark]bool
	left    map[int]int // packets that a frame still lacks
	newest  int         // frame
}

type linkPacket struct {
	number int64 // sequence number, unwrapped
	time   uint32
	marker bool
	body   []byte
	again  bool // by RTX
}

func startLinkViewer(t testing.TB, ctx context.Context, url string, relay *linkRelay) *linkViewer {
	t.Helper()
	v := &linkViewer{begun: make(chan struct{}), got: map[linkMark]bool{}, left: map[int]int{}}
	peer := linkPeer(t, url, relay, (*webrtc.MediaEngine).RegisterDefaultCodecs)
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, attributes, err := track.ReadRTP()
			if err != nil {
				return
			}
			v.add(p, attributes.Get(webrtc.AttributeRtxSsrc) != nil)
		}
	})
	if _, err := peer.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	if err := peer.connect(ctx); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *linkViewer) add(p *rtp.Packet, again bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	number := int64(p.SequenceNumber)
	if n := len(v.packets); n > 0 {
		number = v.packets[n-1].number
		number += int64(int16(p.SequenceNumber - uint16(number)))
	} else {
		close(v.begun)
	}
	v.packets = append(v.packets, linkPacket{number, p.Timestamp, p.Marker, bytes.Clone(p.Payload), again})
	m, ok := readMark(p.Payload)
	if !ok || v.got[m] {
		return
	}
	if v.got[m] = true; v.left[m.frame] == 0 {
		v.left[m.frame] = m.count()
	}
	v.left[m.frame]--
	v.newest = max(v.newest, m.frame)
}

// whole lists the frames that have come with all of their packets.
func (v *linkViewer) whole() (frames []int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for frame, left := range v.left {
		if left == 0 {
			frames = append(frames, frame)
		}
	}
	return frames
}

// settled tells whether a viewer has all frames from its first to the end, or won't get them any more.
func (v *linkViewer) settled(end int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.left) == 0 {
		return false
	}
	for frame := slices.Min(slices.Collect(maps.Keys(v.left))); frame < end; frame++ {
		if left, begun := v.left[frame]; !begun || left > 0 {
			return v.newest > end+linkPatience
		}
	}
	return true
}
