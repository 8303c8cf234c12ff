package lite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pion/datachannel"
	"github.com/pion/webrtc/v4"
)

// echo says everything back, with the channel's name.
func echo(_ *Session, c *datachannel.DataChannel) {
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

// TestDataChannels are opened by the viewer and by the server, and end with the session.
func TestDataChannels(t *testing.T) {
	ctx := deadline(t)
	g := newGatewayWith(t, Config{Channel: echo}, defaultTimeouts())
	g.publish(t, vp8)
	v := newViewer(t, viewerOptions{})
	said, theirs := make(chan string, 10), make(chan *webrtc.DataChannel, 1)
	chat, err := v.CreateDataChannel("chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	chat.OnOpen(func() { _ = chat.SendText("hello") })
	chat.OnMessage(func(m webrtc.DataChannelMessage) { said <- string(m.Data) })
	v.OnDataChannel(func(c *webrtc.DataChannel) {
		c.OnMessage(func(m webrtc.DataChannelMessage) { said <- c.Label() + " got " + string(m.Data) })
		theirs <- c
	})
	answer, s := g.answer(t, v.offer(ctx, t))
	v.session = s
	if err := v.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenChannel(ctx, "early"); !errors.Is(err, ErrNoData) {
		t.Errorf("a channel before the connection: %v", err)
	}
	g.watch(ctx, t, v)
	if text := await(ctx, t, "echo", said); text != "chat: hello" {
		t.Errorf("%q", text)
	}
	c, err := s.OpenChannel(ctx, "news")
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "channel of the server", theirs)
	if _, err := c.WriteDataChannel([]byte("on air"), true); err != nil {
		t.Fatal(err)
	}
	if text := await(ctx, t, "news", said); text != "news got on air" {
		t.Errorf("%q", text)
	}
	v.plays(ctx, t, 20)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenChannel(ctx, "late"); !errors.Is(err, ErrNoData) {
		t.Errorf("a channel after the end: %v", err)
	}
	for await(ctx, t, "client's end", v.states) != webrtc.PeerConnectionStateClosed {
	}
}

// TestServerOpensFirst: the association begins when the server wants it, too, and costs four goroutines from then on.
func TestServerOpensFirst(t *testing.T) {
	ctx := deadline(t)
	g := newGatewayWith(t, Config{Channel: echo}, defaultTimeouts())
	v := g.join(ctx, t, viewerOptions{data: true})
	opened := make(chan *webrtc.DataChannel, 1)
	v.OnDataChannel(func(c *webrtc.DataChannel) { opened <- c })
	await(ctx, t, "connection", v.session.Connected())
	if _, err := v.session.OpenChannel(ctx, "news"); err != nil {
		t.Fatal(err)
	}
	if c := await(ctx, t, "channel", opened); c.Label() != "news" {
		t.Errorf("%q", c.Label())
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "end", v.session.Done())
}

// TestDataIsLazy: where channels are agreed on but not used, a viewer costs what every viewer costs.
func TestDataIsLazy(t *testing.T) {
	ctx := deadline(t)
	g := newGatewayWith(t, Config{Channel: echo}, defaultTimeouts())
	before := runtime.NumGoroutine()
	c := g.dialData(t)
	c.connect(ctx, t)
	c.hide()
	_ = c.dtls.Close()
	until(ctx, t, "three goroutines", func() bool { return runtime.NumGoroutine()-before <= 3 })
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.session.OpenChannel(ctx, "nobody answers"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := g.dial(t).session.OpenChannel(ctx, "not offered"); !errors.Is(err, ErrNoData) {
		t.Errorf("%v", err)
	}
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
	_, s, err := g.server.Answer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c.session = s
	return c
}

// TestDataAnswers: both forms of a data channel's m-line are answered in their own form.
func TestDataAnswers(t *testing.T) {
	g := newGatewayWith(t, Config{Channel: echo}, defaultTimeouts())
	for name, want := range map[string]string{
		"whep-aiortc":        "m=application 9 DTLS/SCTP 5000\r\n",
		"whep-mediamtx-page": "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
	} {
		text, err := os.ReadFile(filepath.Join("../wish/testdata", name+".sdp"))
		if err != nil {
			t.Fatal(err)
		}
		answer, s := g.answer(t, string(text))
		_ = s.Close()
		_, data, ok := strings.Cut(answer, want)
		if !ok || !strings.Contains(data, "a=ice-ufrag:") || !strings.Contains(data, "a=max-message-size:65536") ||
			strings.Contains(data, "sctp-port") == strings.Contains(data, "sctpmap:5000 webrtc-datachannel") {
			t.Errorf("%s:\n%s", name, answer)
		}
	}
}
