package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
	"bongsu/ingest"
	"bongsu/wish"
)

const (
	clipVideo = "../../ingest/demo/clip.h264"
	clipAudio = "../../ingest/demo/clip.ogg"
)

// receiving collects what publishers send to a testEndpoint.
type receiving struct {
	kind   webrtc.RTPCodecType
	mime   string
	packet *rtp.Packet
	peer   int
}

func receiver(t *testing.T, ask time.Duration) (*testEndpoint, <-chan receiving) {
	packets := make(chan receiving, 1000)
	e := newTestEndpoint(t, func(n int, pc *webrtc.PeerConnection) {
		pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
			if ask > 0 {
				pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
			}
			for {
				p, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				select {
				case packets <- receiving{track.Kind(), track.Codec().MimeType, p, n}:
				default:
				}
			}
		})
	})
	return e, packets
}

// TestPublish: a file with sound arrives by WHIP, in order and in step; the end is a DELETE.
func TestPublish(t *testing.T) {
	e, packets := receiver(t, time.Second)
	log := newTestLog()
	cmd := PublishCmd{Files: []string{clipAudio, clipVideo}, To: e.URL + "/endpoint", Token: "open-sesame", Loop: true}
	stop, done := start(t, func(ctx context.Context) error { return cmd.Run(ctx, io.Discard, log.Logger) })

	pictures, sounds := 0, 0
	last := map[webrtc.RTPCodecType]*rtp.Packet{}
	keyframe := false
	for pictures < 40 || sounds < 60 {
		got := within(t, 20*time.Second, "media", packets)
		if before := last[got.kind]; before != nil {
			if got.packet.SequenceNumber != before.SequenceNumber+1 {
				t.Fatalf("%s packet %d after %d", got.kind, got.packet.SequenceNumber, before.SequenceNumber)
			}
			if step := got.packet.Timestamp - before.Timestamp; got.kind == webrtc.RTPCodecTypeAudio && step != 960 || step != 0 && step != 960 && step != 3000 {
				t.Fatalf("%s timestamp moved by %d", got.kind, step)
			}
		}
		last[got.kind] = got.packet
		switch {
		case got.kind == webrtc.RTPCodecTypeAudio:
			sounds++
		case got.packet.Marker:
			pictures++
		}
		keyframe = keyframe || got.kind == webrtc.RTPCodecTypeVideo && broadcast.StartsKeyframe(got.mime, got.packet.Payload)
	}
	if !keyframe {
		t.Error("no keyframe among the first pictures")
	}
	stop()
	if err := within(t, 10*time.Second, "the end", done); err != nil {
		t.Error(err)
	}
	if got := e.sessionsDeleted(); len(got) != 1 || got[0] != "a" {
		t.Errorf("sessions deleted: %v", got)
	}
	if e.tokens[0] != "Bearer open-sesame" {
		t.Errorf("authorized by %q", e.tokens[0])
	}
	if !strings.Contains(log.String(), "publishing") {
		t.Errorf("log:\n%s", log)
	}
}

// TestPublishReconnects: a server that hangs up, and then is busy, gets the stream again, from where it was.
func TestPublishReconnects(t *testing.T) {
	e, packets := receiver(t, 0)
	e.refuse = func(n int) int { return map[int]int{1: 503, 2: 409}[n] }
	log := newTestLog()
	cmd := PublishCmd{Files: []string{clipVideo}, To: e.URL + "/endpoint", Loop: true}
	stop, done := start(t, func(ctx context.Context) error { return cmd.Run(ctx, io.Discard, log.Logger) })
	first := within(t, 20*time.Second, "the first session", packets)
	e.mu.Lock()
	e.peers[0].Close()
	e.mu.Unlock()
	var second receiving
	for second.peer == 0 {
		second = within(t, 20*time.Second, "the second session", packets)
	}
	if second.peer != 3 {
		t.Errorf("the stream came back with POST %d, want the one after two refusals", second.peer)
	}
	if moved := second.packet.SequenceNumber - first.packet.SequenceNumber; moved == 0 || moved > 2000 {
		t.Errorf("sequence number %d, then %d", first.packet.SequenceNumber, second.packet.SequenceNumber)
	}
	stop()
	if err := within(t, 10*time.Second, "the end", done); err != nil {
		t.Error(err)
	}
	if got := strings.Join(e.sessionsDeleted(), ""); got != "ad" {
		t.Errorf("sessions deleted: %s", got)
	}
	for _, want := range []string{"the connection was lost", "503", "409", "next_try="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, log)
		}
	}
}

// TestPublishEnds: without --loop the end of the file is the end, with DELETE.
func TestPublishEnds(t *testing.T) {
	e, packets := receiver(t, 0)
	cmd := PublishCmd{Files: []string{"../../ingest/testdata/vp8.ivf"}, To: e.URL + "/endpoint"}
	_, done := start(t, func(ctx context.Context) error { return cmd.Run(ctx, io.Discard, newTestLog().Logger) })
	if err := within(t, 20*time.Second, "the end", done); err != nil {
		t.Error(err)
	}
	if got := within(t, time.Second, "a packet", packets); got.mime != webrtc.MimeTypeVP8 {
		t.Errorf("received %s", got.mime)
	}
	if got := e.sessionsDeleted(); len(got) != 1 {
		t.Errorf("sessions deleted: %v", got)
	}
}

// TestPublishRefused: what trying again can't help is an error at once.
func TestPublishRefused(t *testing.T) {
	e, _ := receiver(t, 0)
	e.refuse = func(int) int { return 401 }
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("not a video"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		files []string
		to    string
		check func(error) bool
	}{
		{"token", []string{clipVideo}, e.URL + "/endpoint", func(err error) bool {
			var status *wish.StatusError
			return errors.As(err, &status) && status.Code == 401
		}},
		{"URL", []string{clipVideo}, "lobby", func(err error) bool { return errors.Is(err, errEndpoint) }},
		{"file", []string{text}, e.URL + "/endpoint", func(err error) bool { return errors.Is(err, ingest.ErrMedia) }},
		{"absent", []string{"absent.h264"}, e.URL + "/endpoint", func(err error) bool { return errors.Is(err, os.ErrNotExist) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := PublishCmd{Files: test.files, To: test.to}
			_, done := start(t, func(ctx context.Context) error { return cmd.Run(ctx, io.Discard, newTestLog().Logger) })
			if err := within(t, 10*time.Second, "the error", done); !test.check(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 250_000_000, time.UTC)
	middle := uint32(now.Unix()+2208988800)<<16 | 1<<14
	for _, test := range []struct {
		ago, delay uint32 // 1/65536 s
		want       time.Duration
	}{{0, 0, 0}, {1 << 16, 1 << 15, 500 * time.Millisecond}, {1 << 14, 1 << 14, 0}, {100, 200, 0}, {1 << 20, 1<<20 - 1<<13, 125 * time.Millisecond}} {
		if got := roundTrip(now, rtcp.ReceptionReport{LastSenderReport: middle - test.ago, Delay: test.delay}); got != test.want {
			t.Errorf("sent %d ago, held for %d: %v, want %v", test.ago, test.delay, got, test.want)
		}
	}
}
