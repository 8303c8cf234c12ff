package channel_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"bongsu/broadcast"
	"bongsu/channel"
)

// parrot is a chat that says everything back, and who said it.
func parrot(_ context.Context, conn *channel.Conn, who channel.Who) {
	for {
		frame, err := conn.ReadFrame()
		if err != nil {
			return
		}
		if err := conn.WriteFrame(fmt.Appendf(nil, "%s %v %s %v %v: %s", who.Stream, who.Publisher, who.Token, who.Address, who.Loopback, frame)); err != nil {
			return
		}
	}
}

// TestChat: the client opens the channel, every way, and it goes on through a restart of ICE. Other channels are closed.
func TestChat(t *testing.T) {
	for _, way := range ways() {
		t.Run(way, func(t *testing.T) {
			g := start(t, channel.Channels{Chat: parrot})
			c := newClient(deadline(t), t)
			if way == offered {
				c.connect(g, way)
			}
			c.channel("chat", nil)
			if way != offered {
				c.connect(g, way)
			}
			chat := await(c, "channel", c.opened)
			if err := chat.Send([]byte("binary is left out")); err != nil {
				t.Fatal(err)
			}
			says(t, chat, "안녕")
			heard := fmt.Sprintf("lobby %v key 127.0.0.1 true: ", way == publisher)
			c.hears("chat", heard+"안녕")
			for _, refused := range []struct {
				label string
				init  *webrtc.DataChannelInit
			}{{"data", nil}, {"other", nil}, {"chat", &webrtc.DataChannelInit{Ordered: new(false)}}, {"chat", &webrtc.DataChannelInit{MaxRetransmits: new(uint16(3))}}} {
				c.channel(refused.label, refused.init)
				if label := await(c, "end of a refused channel", c.closed); label != refused.label {
					t.Errorf("%s is closed, want %s", label, refused.label)
				}
			}
			if way != offered {
				c.restart()
			}
			says(t, chat, "again")
			c.hears("chat", heard+"again")
			if err := chat.Close(); err != nil {
				t.Fatal(err)
			}
			await(c, "end", c.closed)
		})
	}
}

// TestServerOpensChat: the client needs to do nothing but to offer data channels, or to accept them.
func TestServerOpensChat(t *testing.T) {
	for _, way := range ways() {
		t.Run(way, func(t *testing.T) {
			g := start(t, channel.Channels{Chat: parrot, OpenChat: true})
			c := newClient(deadline(t), t)
			if way != offered {
				c.channel("negotiated", &webrtc.DataChannelInit{Negotiated: new(true), ID: new(uint16(100))})
			}
			c.connect(g, way)
			chat := await(c, "channel", c.opened)
			for chat.Label() != "chat" {
				chat = await(c, "channel", c.opened)
			}
			says(t, chat, "hello")
			c.hears("chat", fmt.Sprintf("lobby %v key 127.0.0.1 true: hello", way == publisher))
		})
	}
}

// TestNoChannels: where there are none, an offer of data channels is refused, and nothing else of it.
func TestNoChannels(t *testing.T) {
	g := start(t, channel.Channels{})
	source := newClient(deadline(t), t)
	for _, way := range ways()[:3] {
		t.Run(way, func(t *testing.T) {
			c := newClient(deadline(t), t)
			if way == publisher {
				c = source
			}
			c.channel("chat", nil)
			var answer string
			c.remote = func(s string) string { answer = s; return s }
			c.connect(g, way)
			if line := dataLine(answer); !strings.HasPrefix(line, "0 UDP/DTLS/SCTP") || strings.Count(answer, "\nm=application") != 1 {
				t.Errorf("m=application %s", line)
			}
			source.live(g)
			if way != publisher {
				await(c, "packet", c.packets)
				c.restart()
				await(c, "packet after the restart", c.packets)
				await(c, "another packet", c.packets)
			}
		})
	}
	t.Run("after some other m-lines", func(t *testing.T) {
		c := newClient(deadline(t), t).connect(g, offered)
		await(c, "packet", c.packets)
	})
}

// TestUnansweredAssociation: a client that has agreed on data channels, and then does nothing for them, has all the rest, and can
// go.
func TestUnansweredAssociation(t *testing.T) {
	g := start(t, channel.Channels{Chat: parrot, OpenChat: true})
	source := newClient(deadline(t), t)
	for _, way := range ways()[:3] {
		t.Run(way, func(t *testing.T) {
			c := newClient(deadline(t), t)
			if way == publisher {
				c = source
			}
			c.channel("never opens", nil)
			c.remote = func(s string) string { return strings.Replace(s, "\nm=application 9 ", "\nm=application 0 ", 1) }
			c.connect(g, way)
			source.live(g)
			if way != publisher {
				await(c, "packet", c.packets)
				c.restart()
				for range 20 {
					await(c, "packet after the restart", c.packets)
				}
				if err := c.resource.Delete(c.ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestData: what the publisher sends comes to all viewers as it was sent, and what viewers send to nobody.
func TestData(t *testing.T) {
	g := start(t, channel.Channels{Data: channel.Data{Enabled: true}})
	ctx := deadline(t)
	source := newClient(ctx, t)
	out := source.channel("data", nil)
	source.connect(g, publisher)
	await(source, "channel", source.opened)
	source.live(g)
	var viewers []*client
	for i, way := range []string{lean, pc, offered, lean} {
		c := newClient(ctx, t)
		if way == offered {
			c.connect(g, way)
		}
		in := c.channel("data", []*webrtc.DataChannelInit{nil, {Ordered: new(false)}, nil, {MaxPacketLifeTime: new(uint16(10000))}}[i])
		if way != offered {
			c.connect(g, way)
		}
		await(c, "channel", c.opened)
		if i == 0 && in.SendText("may I?") != nil {
			t.Error("not sent")
		}
		viewers = append(viewers, c)
	}
	for _, c := range viewers { // a channel is open for the client before it is for the server
		c.until("first message", func() bool { says(t, out, "ping"); return len(c.messages) > 0 })
	}
	big := make([]byte, channel.MaxMessage)
	if _, err := rand.Read(big); err != nil {
		t.Fatal(err)
	}
	sent := []message{{"data", true, []byte("한글")}, {"data", false, []byte{0, 1, 2}}, {"data", true, nil}, {"data", false, nil}, {"data", false, big}, {"data", true, []byte("end")}}
	send := func() {
		for _, m := range sent {
			if m.text {
				says(t, out, string(m.data))
			} else if err := out.Send(m.data); err != nil {
				t.Fatal(err)
			}
		}
	}
	send()
	for i, c := range viewers {
		want := sent
		for len(want) > 0 {
			got := await(c, "message", c.messages)
			if got.text && string(got.data) == "ping" {
				continue
			}
			at := 0
			for i == 1 && at < len(want)-1 && !same(got, want[at]) { // unordered
				at++
			}
			if !same(got, want[at]) {
				t.Fatalf("viewer %d: %d bytes, text %v; want %d bytes, text %v", i, len(got.data), got.text, len(want[at].data), want[at].text)
			}
			want = append(append([]message(nil), want[:at]...), want[at+1:]...)
		}
	}
	for _, c := range []*client{source, viewers[0], viewers[1]} {
		c.restart()
	}
	says(t, out, "after the restart")
	for _, c := range viewers {
		c.hears("data", "after the restart")
	}
	if len(source.messages) > 0 {
		t.Error("the publisher got something")
	}
}

func same(a, b message) bool {
	return a.label == b.label && a.text == b.text && bytes.Equal(a.data, b.data)
}

// TestViewersSend: where they may, to the publisher and to all others.
func TestViewersSend(t *testing.T) {
	g := start(t, channel.Channels{Data: channel.Data{Enabled: true, Viewers: true}})
	ctx := deadline(t)
	all := map[string]*client{}
	out := map[string]*webrtc.DataChannel{}
	for _, way := range ways() {
		c := newClient(ctx, t)
		if way == offered {
			c.connect(g, way)
		}
		out[way] = c.channel("data", nil)
		if way != offered {
			c.connect(g, way)
		}
		await(c, "channel", c.opened)
		if way == publisher {
			c.live(g)
		}
		all[way] = c
	}
	for _, way := range ways()[1:] {
		c := all[way]
		c.until("first message", func() bool { says(t, out[publisher], "ping"); return len(c.messages) > 0 })
	}
	for _, from := range ways() {
		says(t, out[from], "from "+from)
		for _, to := range ways() {
			if to == from {
				continue
			}
			for {
				if m := await(all[to], "message", all[to].messages); string(m.data) == "from "+from {
					break
				} else if string(m.data) != "ping" {
					t.Fatalf("%s heard %q, not what %s said", to, m.data, from)
				}
			}
		}
	}
}

// TestTakeover: after it, the new publisher is heard, and the channel of the old one ends.
func TestTakeover(t *testing.T) {
	g := start(t, channel.Channels{Data: channel.Data{Enabled: true}})
	ctx := deadline(t)
	viewer := newClient(ctx, t)
	viewer.channel("data", nil)
	viewer.connect(g, lean)
	await(viewer, "channel", viewer.opened)
	for i := range 2 {
		source := newClient(ctx, t)
		out := source.channel("data", nil)
		source.connect(g, publisher)
		await(source, "channel", source.opened)
		word := fmt.Sprintf("publisher %d", i)
		viewer.until(word, func() bool { // not before the source has a picture
			says(t, out, word)
			for len(viewer.messages) > 0 {
				if m := <-viewer.messages; string(m.data) == word {
					return true
				}
			}
			return false
		})
		if i == 0 {
			defer await(source, "end of the old channel", source.closed)
		}
	}
}

// TestSlowViewers: one who reads nothing holds nobody up. It loses a reliable channel, and of a lossy one the old messages.
func TestSlowViewers(t *testing.T) {
	g := start(t, channel.Channels{Data: channel.Data{Enabled: true}})
	ctx := deadline(t)
	source, err := g.hub.Publish("lobby", broadcast.Publication{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	from := source.Messenger()
	defer from.Close()
	layer := source.AddLayer(broadcast.Codec{MimeType: "audio/opus", ClockRate: 48000, Channels: 2}, "", nil)
	layer.Write(sound())

	quick, slow, lossy := newClient(ctx, t), newClient(ctx, t), newClient(ctx, t)
	quick.channel("data", nil)
	hold := make(chan struct{})
	last := make(chan byte, 1000)
	for c, init := range map[*client]*webrtc.DataChannelInit{slow: nil, lossy: {MaxRetransmits: new(uint16(0)), Ordered: new(false)}} {
		d := c.channel("data", init)
		d.OnMessage(func(m webrtc.DataChannelMessage) {
			<-hold
			if c == lossy {
				last <- m.Data[0]
			}
		})
	}
	for _, c := range []*client{quick, slow, lossy} {
		c.connect(g, lean)
		await(c, "channel", c.opened)
	}
	quick.until("first message", func() bool {
		from.Send(broadcast.Message{Data: []byte{0}})
		return len(quick.messages) > 0
	})
	const n = 60
	for i := 1; i <= n; i++ {
		m := broadcast.Message{Data: bytes.Repeat([]byte{byte(i)}, 128<<10)}
		from.Send(m)
		for await(quick, "message", quick.messages).data[0] != byte(i) {
		}
	}
	close(hold)
	if label := await(slow, "end of the slow channel", slow.closed); label != "data" {
		t.Error(label)
	}
	got := 0
	lossy.until("new message", func() bool { // which may be lost, too
		from.Send(broadcast.Message{Data: []byte{n + 1}})
		for len(last) > 0 {
			if <-last == n+1 {
				return true
			}
			got++
		}
		return false
	})
	if got >= n {
		t.Errorf("%d of %d messages came to who did not read", got, n)
	}
}

// TestTooMuch: who sends too much loses the channel, and the operator of a publisher is told why.
func TestTooMuch(t *testing.T) {
	g := start(t, channel.Channels{Data: channel.Data{Enabled: true}})
	ctx := deadline(t)
	for _, c := range []struct {
		reason string
		send   func(*webrtc.DataChannel)
	}{
		{"sends too much", func(d *webrtc.DataChannel) {
			for range 1000 {
				_ = d.SendText("x")
			}
		}},
		{"message is too large", func(d *webrtc.DataChannel) { _ = d.Send(make([]byte, channel.MaxMessage+1)) }},
	} {
		source := newClient(ctx, t)
		source.remote = func(s string) string {
			return strings.Replace(s, "a=max-message-size:262144", "a=max-message-size:300000", 1)
		}
		d := source.channel("data", nil)
		source.connect(g, publisher)
		await(source, "channel", source.opened)
		c.send(d)
		await(source, "end", source.closed)
		source.until("log", func() bool { return strings.Contains(g.log.String(), c.reason) })
	}
}

func sound() *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{0xf8, 1}}
}
