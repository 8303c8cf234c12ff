package lite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/sctp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// echo says everything back, with the channel's name.
func echo(_ context.Context, c *datachannel.DataChannel) {
	b := make([]byte, maxMessage)
	for {
		n, text, err := c.ReadDataChannel(b)
		if err != nil {
			return
		}
		if _, err := c.WriteDataChannel([]byte(c.Label+": "+string(b[:n])), text); err != nil {
			return
		}
	}
}

func newEcho(t testing.TB) *gateway {
	t.Helper()
	g := newGateway(t, defaultTimeouts())
	g.channels = echo
	return g
}

// talker is a viewer whose channels say hello when they open.
type talker struct {
	*viewer
	said   chan string
	opened chan *webrtc.DataChannel
}

func newTalker(t testing.TB) *talker {
	t.Helper()
	v := &talker{newViewer(t, viewerOptions{}), make(chan string, 10), make(chan *webrtc.DataChannel, 10)}
	v.OnDataChannel(v.greet)
	return v
}

func (v *talker) greet(c *webrtc.DataChannel) {
	c.OnMessage(func(m webrtc.DataChannelMessage) { v.said <- string(m.Data) })
	c.OnOpen(func() {
		v.opened <- c
		_ = c.SendText("hello")
	})
}

func (v *talker) opens(t testing.TB, label string) {
	t.Helper()
	c, err := v.CreateDataChannel(label, nil)
	if err != nil {
		t.Fatal(err)
	}
	v.greet(c)
}

func (v *talker) joins(ctx context.Context, t testing.TB, g *gateway) {
	t.Helper()
	answer, s := g.answer(t, v.offer(ctx, t))
	v.session = s
	if err := v.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
}

func (v *talker) hears(ctx context.Context, t testing.TB, want string) {
	t.Helper()
	if text := await(ctx, t, "echo", v.said); text != want {
		t.Errorf("%q", text)
	}
}

// TestDataChannels are opened by the viewer and by the server, and end with the session.
func TestDataChannels(t *testing.T) {
	ctx := deadline(t)
	g := newEcho(t)
	g.publish(t, vp8)
	v := newTalker(t)
	v.opens(t, "chat")
	v.joins(ctx, t, g)
	v.session.OpenChannel("early")
	g.watch(ctx, t, v.viewer)
	v.hears(ctx, t, "chat: hello")
	v.session.OpenChannel("news")
	v.hears(ctx, t, "news: hello")
	v.plays(ctx, t, 20)
	if err := v.session.Close(); err != nil {
		t.Fatal(err)
	}
	v.session.OpenChannel("late")
	for await(ctx, t, "client's end", v.states) != webrtc.PeerConnectionStateClosed {
	}
	if n := len(v.opened); n != 2 {
		t.Errorf("%d channels, want chat and news", n)
	}
}

// TestServerOpensFirst: the association begins when the server wants it, too, and costs four goroutines from then on.
func TestServerOpensFirst(t *testing.T) {
	ctx := deadline(t)
	g := newEcho(t)
	v := newTalker(t)
	if _, err := v.CreateDataChannel("unused", &webrtc.DataChannelInit{Negotiated: new(true), ID: new(uint16(100))}); err != nil { // for the m-line
		t.Fatal(err)
	}
	v.joins(ctx, t, g)
	await(ctx, t, "connection", v.session.Connected())
	v.session.OpenChannel("news")
	v.hears(ctx, t, "news: hello")
	if err := v.SCTP().Transport().Stop(); err != nil { // its Close may give up close_notify when it is slow
		t.Fatal(err)
	}
	await(ctx, t, "end", v.session.Done())
}

// TestDataIsLazy: where channels are agreed on but not used, a viewer costs what every viewer costs, and the server's wish to open
// one that nobody answers ends with the session.
func TestDataIsLazy(t *testing.T) {
	ctx := deadline(t)
	g := newEcho(t)
	before := runtime.NumGoroutine()
	c := g.dialData(t)
	c.connect(ctx, t)
	c.hide()
	_ = c.dtls.Close()
	until(ctx, t, "three goroutines", func() bool { return runtime.NumGoroutine()-before <= 3 })
	c.session.OpenChannel("nobody answers")
	if err := c.session.Close(); err != nil {
		t.Fatal(err)
	}
	if s := g.dial(t).session; s.data != nil {
		t.Error("a viewer without data channels has some")
	}
}

// TestAbort: a session outlives its association, be it the viewer who ends it, and still hears that the viewer hangs up.
func TestAbort(t *testing.T) {
	ctx := deadline(t)
	g := newEcho(t)
	c := g.dialData(t)
	c.connect(ctx, t)
	a, err := sctp.ClientWithOptions(sctp.WithNetConn(unclosed{c.dtls}), sctp.WithLoggerFactory(newQuiet()))
	if err != nil {
		t.Fatal(err)
	}
	dc, err := datachannel.Dial(a, 0, &datachannel.Config{Label: "chat", LoggerFactory: newQuiet()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dc.WriteDataChannel([]byte("hello"), true); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, _, err := dc.ReadDataChannel(b); err != nil || string(b[:n]) != "chat: hello" {
		t.Errorf("%q, %v", b[:n], err)
	}
	a.Abort("enough")
	until(ctx, t, "end of the channel", func() bool { return len(c.session.data.open) == 0 })
	_ = c.dtls.SetDeadline(time.Time{})
	for range 2 * inboxSize { // which nobody understands
		if _, err := c.dtls.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.session.Err(); err != nil {
		t.Fatal(err)
	}
	_ = c.dtls.Close()
	await(ctx, t, "end", c.session.Done())
	if err := c.session.Err(); !errors.Is(err, ErrHungUp) {
		t.Error(err)
	}
}

// TestManyChannels: more than four at a time are closed, and one that ends makes room.
func TestManyChannels(t *testing.T) {
	ctx := deadline(t)
	g := newEcho(t)
	v := newTalker(t)
	v.opens(t, "a")
	v.joins(ctx, t, g)
	v.hears(ctx, t, "a: hello")
	first := await(ctx, t, "channel", v.opened)
	for range 3 {
		v.opens(t, "a")
		v.hears(ctx, t, "a: hello")
	}
	closed := make(chan struct{})
	c, err := v.CreateDataChannel("fifth", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.OnClose(func() { close(closed) })
	await(ctx, t, "end of the fifth", closed)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, "room", func() bool { return len(v.session.data.open) == 3 })
	v.opens(t, "b")
	v.hears(ctx, t, "b: hello")
}

func (g *gateway) dialData(t testing.TB) *client {
	t.Helper()
	c := g.dial(t)
	_ = c.session.Close()
	o := bareOffer(c.certificate, "peer")
	_, media, _ := strings.Cut(o.SDP, "a=mid:1\r\n")
	i := strings.Index(media, "a=ice-ufrag")
	o.SDP = strings.Replace(o.SDP, "BUNDLE 0 1", "BUNDLE 0 1 2", 1) +
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n" + media[i:]
	o.Data = true
	_, s, err := g.server.Answer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Channels(g.channels)
	t.Cleanup(func() { _ = s.Close() })
	c.session = s
	return c
}

// TestDataAnswers: both forms of a data channel's m-line are answered in their own form, and refused where there are none.
func TestDataAnswers(t *testing.T) {
	g := newEcho(t)
	for name, want := range map[string]string{
		"whep-aiortc":        "m=application 9 DTLS/SCTP 5000\r\n",
		"whep-mediamtx-page": "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
	} {
		text, err := os.ReadFile(filepath.Join("../wish/testdata", name+".sdp"))
		if err != nil {
			t.Fatal(err)
		}
		g.channels = echo
		answer, s := g.answer(t, string(text))
		_ = s.Close()
		_, data, ok := strings.Cut(answer, want)
		if !ok || !strings.Contains(data, "a=ice-ufrag:") || !strings.Contains(data, "a=max-message-size:262144") ||
			strings.Contains(data, "sctp-port") == strings.Contains(data, "sctpmap:5000 webrtc-datachannel") {
			t.Errorf("%s:\n%s", name, answer)
		}
		g.channels = nil
		answer, s = g.answer(t, string(text))
		_ = s.Close()
		if !strings.Contains(answer, strings.Replace(want, " 9 ", " 0 ", 1)) || strings.Count(answer, "\nm=audio 9 ")+strings.Count(answer, "\nm=video 9 ") == 0 {
			t.Errorf("%s, refused:\n%s", name, answer)
		}
	}
}

// TestMaxMessage of a client, as RFC 8841 section 6 has it.
func TestMaxMessage(t *testing.T) {
	for value, want := range map[string]uint32{
		"": 64 << 10, "a=max-message-size:0\r\n": maxMessage, "a=max-message-size:1000\r\n": 1000, "a=max-message-size:1073741823\r\n": maxMessage,
		"a=max-message-size:much\r\n": 64 << 10, "a=max-message-size:18446744073709551616\r\n": 64 << 10,
	} {
		d := &sdp.SessionDescription{}
		if err := d.UnmarshalString("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + value); err != nil {
			t.Fatal(err)
		}
		if got := readMaxMessage(d.MediaDescriptions[0]); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}
