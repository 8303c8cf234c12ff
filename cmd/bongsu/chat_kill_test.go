package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is the real binary at work.
type process struct {
	*exec.Cmd
	url string
}

func startProcess(t *testing.T, ctx context.Context, binary, data string) *process {
	t.Helper()
	out := &firstMatch{match: regexp.MustCompile(`running at (http\S+)`), found: make(chan string, 1)}
	p := &process{Cmd: exec.CommandContext(ctx, binary, "serve", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--tcp", "", "--data", data)}
	p.Dir, p.Stdout, p.Stderr = filepath.Dir(data), out, os.Stderr
	p.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "BONGSU_") }),
		"BONGSU_CHAT_ADMINISTRATOR=south", "BONGSU_LOG_LEVEL=error")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	p.url = wait(ctx, t, "start", out.found)
	return p
}

// TestChatOutlivesTheProcess: what was said and who was banned is there after a restart, and after kill -9.
func TestChatOutlivesTheProcess(t *testing.T) {
	ctx := limited(t, 120*time.Second)
	folder := t.TempDir()
	binary, data := filepath.Join(folder, "bongsu"), filepath.Join(folder, "data")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	var said []string // ids of messages
	var last, troll, me string
	for round, end := range []os.Signal{syscall.SIGTERM, os.Kill, os.Kill, os.Kill} {
		p := startProcess(t, ctx, binary, data)
		if round > 0 {
			again := talkByHTTP(t, ctx, p.url, "봉수", fmt.Sprintf(`{"type":"join","token":%q,"since":%q}`, me, last))
			if w := again.next("welcome"); !w.Resumed || w.Token != me {
				t.Errorf("round %d: %+v", round, w)
			}
			status, _, text, err := fetch(ctx, http.MethodPost, p.url+"/chat/봉수", fmt.Sprintf(`{"type":"join","token":%q}`, troll))
			if err != nil || status != http.StatusForbidden {
				t.Errorf("round %d: the banned one may come back: %d %s %v", round, status, text, err)
			}
		}
		c := talkByHTTP(t, ctx, p.url, "봉수", `{"type":"join","credential":"south"}`)
		me = c.next("welcome").Token
		if got := c.messages(len(said)); !slices.Equal(got, said) {
			t.Errorf("round %d: the history is\n%v, what was said\n%v", round, got, said)
		}
		for i := range 5 {
			c.say(fmt.Sprintf(`{"type":"message","text":"%d of %d","ref":"%d"}`, i, round, i))
			said = append(said, c.next("done").ID)
		}
		last = said[len(said)-1]
		if round == 0 {
			bad := talkByHTTP(t, ctx, p.url, "봉수", `{"type":"join"}`)
			them := bad.next("welcome")
			troll = them.Token
			c.say(fmt.Sprintf(`{"type":"ban","member":%q}`, them.You.ID))
			if e := bad.next("error"); e.Code != "banned" {
				t.Errorf("%+v", e)
			}
		}
		if err := p.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		if end == syscall.SIGTERM {
			if e := c.next("error"); e.Code != "closed" {
				t.Errorf("at the end %+v", e)
			}
		}
		_ = p.Wait()
		wait(ctx, t, "end of the events", c.ended)
	}
}
