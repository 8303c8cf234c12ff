package broadcast

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	h264 = Codec{MimeType: "video/H264", ClockRate: 90000, Fmtp: "packetization-mode=1"}
	opus = Codec{MimeType: "audio/opus", ClockRate: 48000, Channels: 2}
	sps  = []byte{0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0xa0, 0x5b, 0x20}
	pps  = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
)

// screen is a viewer's end: it keeps what it is sent.
type screen struct {
	mu      sync.Mutex
	packets []Packet
	at      []time.Time
	reports []rtcp.SenderReport
	closed  bool
	late    int // calls after closed
}

func (s *screen) Send(_ int, burst []Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.late++
	}
	for _, p := range burst {
		p.Payload = bytes.Clone(p.Payload)
		s.packets = append(s.packets, p)
		s.at = append(s.at, time.Now())
	}
}

func (s *screen) Report(_ int, r *rtcp.SenderReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, *r)
}

// take gives what has come since the last call.
func (s *screen) take() []Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packets
	s.packets, s.at = nil, nil
	return p
}

func any96(Codec) (uint8, bool) { return 96, true }

func watch(t *testing.T, h *Hub, name string) (*screen, *Subscriber) {
	t.Helper()
	sc := &screen{}
	s, err := h.Subscribe(name, Subscription{Sink: sc, Video: &Output{SSRC: 1, PayloadType: any96}, Audio: &Output{SSRC: 2, PayloadType: any96}})
	if err != nil {
		t.Fatal(err)
	}
	return sc, s
}

// camera is a publisher of video: frames of some packets at 30 a second.
type camera struct {
	t     *testing.T
	layer *Layer
	seq   uint16
	time  uint32
	frame int
	size  int // bytes of a packet
	asked int
}

func newCamera(t *testing.T, src *Source) *camera {
	c := &camera{t: t, seq: 65530, time: 1 << 31, size: 100}
	c.layer = src.AddLayer(h264, "", func() { c.asked++ })
	return c
}

func (c *camera) write(payload []byte, marker bool) {
	c.layer.Write(&rtp.Packet{Header: rtp.Header{SequenceNumber: c.seq, Timestamp: c.time, Marker: marker}, Payload: payload})
	c.seq++
}

// shoot sends a frame of n packets; a keyframe brings its parameter sets.
func (c *camera) shoot(n int, key bool) {
	kind := byte(0x41)
	if key {
		kind = 0x65
		c.write(sps, false)
		c.write(pps, false)
	}
	for i := range n {
		b := make([]byte, c.size)
		b[0], b[1], b[2] = kind, byte(c.frame), byte(i)
		c.write(b, i == n-1)
	}
	c.frame++
	c.time += 3000
	settle(time.Second / 30)
}

// settle lets virtual time pass.
func settle(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// bubble runs a test in virtual time with a hub of its own.
func bubble(t *testing.T, f func(t *testing.T, h *Hub)) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Writers: 2})
		defer h.Close()
		f(t, h)
	})
}

func publish(t *testing.T, h *Hub, name string, p Publication) *Source {
	t.Helper()
	src, err := h.Publish(name, p)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// contiguous checks that the video numbers have no gap and the timestamps don't go back.
func contiguous(t *testing.T, packets []Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		a, b := packets[i-1].Header, packets[i].Header
		if b.SequenceNumber != a.SequenceNumber+1 {
			t.Errorf("packet %d has number %d after %d", i, b.SequenceNumber, a.SequenceNumber)
		}
		if int32(b.Timestamp-a.Timestamp) < 0 {
			t.Errorf("packet %d goes back in time by %d", i, a.Timestamp-b.Timestamp)
		}
		if a.SSRC != b.SSRC {
			t.Errorf("packet %d has another SSRC", i)
		}
	}
}
