package rtc

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/webrtc/v4"
)

// TestDataChannels: a client may have four at a time and some hundreds ever; those that it opens before there is somebody to serve
// them wait.
func TestDataChannels(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	pc := client(t)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	said, closed := make(chan string, 10), make(chan string, 10)
	open := func(label string) *webrtc.DataChannel {
		c, err := pc.CreateDataChannel(label, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.OnOpen(func() { _ = c.SendText("hello") })
		c.OnMessage(func(m webrtc.DataChannelMessage) { said <- string(m.Data) })
		c.OnClose(func() { closed <- label })
		return c
	}
	first := open("first")
	answer, v, err := a.Send(ctx, Offer{SDP: offerOf(t, ctx, pc), Formats: formats, Data: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	if !strings.Contains(answer, "a=max-message-size:262144\r\n") {
		t.Error(answer)
	}
	accept(t, pc, answer)
	await(t, ctx, "connection", v.Connected())
	v.Channels(func(_ context.Context, c *datachannel.DataChannel) {
		b := make([]byte, 100)
		for {
			n, text, err := c.ReadDataChannel(b)
			if err != nil {
				return
			}
			_, _ = c.WriteDataChannel(append([]byte(c.Label+": "), b[:n]...), text)
		}
	})
	for _, label := range []string{"first", "second", "third", "fourth"} {
		if label != "first" {
			open(label)
		}
		if text := await(t, ctx, "echo", said); text != label+": hello" {
			t.Errorf("%q", text)
		}
	}
	open("fifth")
	if label := await(t, ctx, "end of the fifth", closed); label != "fifth" {
		t.Error(label)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if label := await(t, ctx, "end of the first", closed); label != "first" {
		t.Error(label)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(v.data.open) == maxChannels {
		await(t, ctx, "room", tick.C)
	}
	open("sixth")
	if text := await(t, ctx, "echo", said); text != "sixth: hello" {
		t.Errorf("%q", text)
	}
	v.data.ever.Store(maxStreams)
	open("too many")
	for range 4 { // all end
		if label := await(t, ctx, "end", closed); label == "" {
			t.Error("which?")
		}
	}
	v.OpenChannel("after the end of all")
}

// TestNoDataChannels: where the server has none, OpenChannel and Channels do nothing.
func TestNoDataChannels(t *testing.T) {
	ctx := deadline(t)
	a := testAPI(t, Config{})
	offer, v, err := a.Offer(ctx, formats, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	if strings.Contains(offer, "m=application") {
		t.Error(offer)
	}
	v.Channels(func(context.Context, *datachannel.DataChannel) { t.Error("a channel") })
	v.OpenChannel("chat")
}

// TestOfferOfData: the client may refuse the server's data channels, and nothing else.
func TestOfferOfData(t *testing.T) {
	for name, c := range map[string]struct {
		change func(string) string
		ok     bool
	}{
		"accepted":   {func(s string) string { return s }, true},
		"refused":    {func(s string) string { return strings.Replace(s, "m=application 9 ", "m=application 0 ", 1) }, true},
		"left out":   {func(s string) string { s, _, _ = strings.Cut(s, "m=application"); return s }, false},
		"of another": {func(s string) string { return strings.Replace(s, "m=application", "m=text", 1) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			a := testAPI(t, Config{})
			offer, v, err := a.Offer(ctx, formats, true)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = v.Close() }()
			if i := strings.Index(offer, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"); i < strings.Index(offer, "m=video") {
				t.Errorf("data channels come last:\n%s", offer)
			}
			err = v.Answer(ctx, c.change(answerOf(t, ctx, client(t), offer)), formats)
			if (err == nil) != c.ok {
				t.Fatal(err)
			}
			if v.data.refused != (name == "refused") {
				t.Error("refused?")
			}
			if c.ok {
				await(t, ctx, "connection", v.Connected())
				v.OpenChannel("chat")
			}
		})
	}
}
