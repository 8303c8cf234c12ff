package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
)

// chatty is a gateway where nobody talks too fast, and one stream has a key.
func chatty(c *Config) {
	c.Keys = map[string]string{"방": "secret"}
	c.Chat.Rooms.Rate, c.Chat.Rooms.Burst, c.Chat.Rooms.RoomBurst = 1000, 1000, 1000
	c.Chat.Rooms.Administrator = "south"
}

// startCamera publishes, and joins the chat by the same connection.
func startCamera(t testing.TB, ctx context.Context, url string) (*signalPeer, *talker) {
	t.Helper()
	camera := newSignalPeer(t)
	camera.film(t)
	c := talkByChannel(t, ctx, camera)
	camera.connect(t, ctx, url+"/whip/방", "secret", nil)
	return camera, c
}

// startAudience watches, by the lean transport unless change makes the offer one for a PeerConnection.
func startAudience(t testing.TB, ctx context.Context, url string, change func(string) string) (*signalPeer, *talker) {
	t.Helper()
	p := newSignalPeer(t)
	p.watch(t)
	c := talkByChannel(t, ctx, p)
	p.connect(t, ctx, url+"/whep/방", "", change)
	return p, c
}

func passive(sdp string) string { return strings.ReplaceAll(sdp, "a=setup:actpass", "a=setup:passive") }

// TestChatEverywhere: whatever way one comes, it is the same room, and all see the same in the same order.
func TestChatEverywhere(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, chatty)
	_, camera := startCamera(t, ctx, url)
	_, lean := startAudience(t, ctx, url, nil)
	_, full := startAudience(t, ctx, url, passive)
	alone := talkBySocket(t, ctx, dialSignal(t, ctx, url), "talk", "방")
	socket := dialSignal(t, ctx, url)
	viewer := newSignalPeer(t)
	viewer.watch(t)
	socket.say("type", "play", "id", "view", "stream", "방", "sdp", viewer.offer(t, ctx, nil))
	viewer.accept(t, webrtc.SDPTypeAnswer, socket.hear("answer", "view").SDP)
	beside := talkBySocket(t, ctx, socket, "view", "")
	events := talkByHTTP(t, ctx, url, "방", `{"type":"join","name":"events"}`)

	if role := camera.join(`{"type":"join","name":"카메라"}`).You.Role; role != "broadcaster" {
		t.Errorf("who publishes is %s", role)
	}
	all := map[string]*talker{"lean": lean, "full": full, "alone": alone, "beside": beside}
	for name, c := range all {
		if you := c.join(fmt.Sprintf(`{"type":"join","name":%q}`, name)).You; you.Role != "viewer" || you.Name != name {
			t.Errorf("%s is %+v", name, you)
		}
	}
	all["events"], all["camera"] = events, camera
	events.next("welcome")
	for name, c := range all {
		go func() {
			for i := range 5 {
				c.message(fmt.Sprintf("%s %d", name, i))
			}
		}()
	}
	want := camera.messages(5 * len(all))
	if !slices.IsSorted(want) || len(slices.Compact(slices.Clone(want))) != len(want) {
		t.Errorf("ids do not rise: %v", want)
	}
	delete(all, "camera")
	for name, c := range all {
		if got := c.messages(len(want)); !slices.Equal(got, want) {
			t.Errorf("%s has seen\n%v, the broadcaster\n%v", name, got, want)
		}
	}
	late := talkByHTTP(t, ctx, url, "방", `{"type":"join"}`)
	if got := late.messages(len(want)); !slices.Equal(got, want) {
		t.Errorf("the history is\n%v, what was said\n%v", got, want)
	}
}

// TestChatModeration: who has the power may use it, and it works on every way.
func TestChatModeration(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { chatty(c); c.Web.TrustProxy = true })
	_, camera := startCamera(t, ctx, url)
	camera.join(`{"type":"join"}`)
	_, troll := startAudience(t, ctx, url, nil)
	them := troll.join(`{"type":"join","name":"troll"}`)
	troll.message("buy")
	said := camera.next("message")

	for name, headers := range map[string][]string{
		"administrator": {"Authorization: Bearer south"}, "broadcaster": {"Authorization: Bearer secret"}, "viewer": {"Authorization: Bearer wrong"},
	} {
		if role := talkByHTTP(t, ctx, url, "방", `{"type":"join"}`, headers...).next("welcome").You.Role; role != name {
			t.Errorf("%v makes a %s, want %s", headers, role, name)
		}
	}
	owner := talkByHTTP(t, ctx, url, "방", `{"type":"join","credential":"secret"}`)
	if role := owner.next("welcome").You.Role; role != "broadcaster" {
		t.Errorf("who shows the stream's key is %s", role)
	}
	owner.say(fmt.Sprintf(`{"type":"delete","id":%q}`, said.ID))
	if e := troll.next("delete"); e.Target != said.ID {
		t.Errorf("%+v", e)
	}
	troll.say(`{"type":"clear"}`)
	if e := troll.next("error"); e.Code != "forbidden" {
		t.Errorf("%+v", e)
	}
	camera.say(fmt.Sprintf(`{"type":"ban","member":%q}`, them.You.ID))
	if e := troll.next("error"); e.Code != "banned" {
		t.Errorf("%+v", e)
	}
	wait(ctx, t, "end of the channel", troll.ended)
	status, _, text, _ := fetch(ctx, http.MethodPost, url+"/chat/방", fmt.Sprintf(`{"type":"join","token":%q}`, them.Token))
	if status != http.StatusForbidden || !strings.Contains(text, `"banned"`) {
		t.Errorf("the banned one may come back: %d %s", status, text)
	}

	const address = "X-Forwarded-For: 203.0.113.9"
	spam := talkByHTTP(t, ctx, url, "방", `{"type":"join"}`, address)
	camera.say(fmt.Sprintf(`{"type":"ban","member":%q,"address":true,"seconds":60}`, spam.next("welcome").You.ID))
	if e := spam.next("error"); e.Code != "banned" || e.RetryAfter == 0 {
		t.Errorf("%+v", e)
	}
	wait(ctx, t, "end of the events", spam.ended)
	if status, _, text, _ := fetch(ctx, http.MethodPost, url+"/chat/방", `{"type":"join"}`, address); status != http.StatusForbidden {
		t.Errorf("the banned address may come back: %d %s", status, text)
	}
	talkByHTTP(t, ctx, url, "방", `{"type":"join"}`, "X-Forwarded-For: 203.0.113.10").next("welcome")
}

func TestChatTooFast(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, nil)
	_, viewer := startAudience(t, ctx, url, nil)
	viewer.join(`{"type":"join"}`)
	for i := range 10 {
		viewer.message(fmt.Sprint(i))
	}
	if e := viewer.next("error"); e.Code != "too-fast" || e.RetryAfter < 1 {
		t.Errorf("%+v", e)
	}
}

// TestChatComesBack: a channel that is lost and opened again has no gap and no double.
func TestChatComesBack(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, chatty)
	peer, first := startAudience(t, ctx, url, nil)
	welcome := first.join(`{"type":"join"}`)
	other := talkByHTTP(t, ctx, url, "방", `{"type":"join"}`)
	said := make(chan struct{})
	go func() {
		defer close(said)
		for i := range 30 { // as many as one may say at once
			other.message(fmt.Sprint(i))
		}
	}()
	got := first.messages(10)
	second := talkByChannel(t, ctx, peer) // the old one is still there
	again := second.join(fmt.Sprintf(`{"type":"join","token":%q,"since":%q}`, welcome.Token, first.last))
	if !again.Resumed || again.You.ID != welcome.You.ID {
		t.Errorf("%+v, was %+v", again, welcome)
	}
	got = append(got, second.messages(20)...)
	wait(ctx, t, "end of the talk", said)
	if want := other.messages(30); !slices.Equal(got, want) {
		t.Errorf("got\n%v, want\n%v", got, want)
	}
}

// TestChatChannelOfTheServer: where it is configured so, the server opens the channel.
func TestChatChannelOfTheServer(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	url := startGateway(t, func(c *Config) { c.Chat.Channel = channelServer })
	for name, change := range map[string]func(string) string{"lean": nil, "full": passive} {
		t.Run(name, func(t *testing.T) {
			p := newSignalPeer(t)
			p.watch(t)
			talkers := make(chan *talker, 1)
			p.OnDataChannel(func(d *webrtc.DataChannel) {
				if d.Label() == "chat" {
					talkers <- talkOn(t, ctx, d)
				}
			})
			_, err := p.CreateDataChannel("mine", nil) // so that the offer has SCTP
			must(t, 0, err)
			p.connect(t, ctx, url+"/whep/방", "", change)
			wait(ctx, t, "channel", talkers).join(`{"type":"join"}`)
		})
	}
}

// TestNoChat: without a chat there is no trace of it, and no data folder is needed; with one, a bad folder stops the start.
func TestNoChat(t *testing.T) {
	ctx := limited(t, 60*time.Second)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	url := startGateway(t, func(c *Config) { c.Chat.Enabled, c.Data = false, filepath.Join(file, "data") })
	if status, _, text, _ := fetch(ctx, http.MethodPost, url+"/chat/lobby", `{"type":"join"}`); status != http.StatusNotFound {
		t.Errorf("%d %s", status, text)
	}
	socket := dialSignal(t, ctx, url)
	if err := socket.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"chat","id":"a","stream":"lobby","frame":{"type":"join"}}`)); err != nil {
		t.Fatal(err)
	}
	if m := socket.hear("error", "a"); m.Problem.Code != "unprocessable" {
		t.Errorf("%+v", m)
	}
	cfg := defaultConfig()
	cfg.Web.Listen, cfg.UDP, cfg.TCP, cfg.Data = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", filepath.Join(file, "data")
	err := serve(ctx, &cfg, slog.New(slog.DiscardHandler), io.Discard)
	if err == nil || !strings.Contains(err.Error(), cfg.Data) || !strings.Contains(err.Error(), "chat.enabled") {
		t.Errorf("error %v, want one that names the folder and the way out", err)
	}
}
