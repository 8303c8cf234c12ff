package chat

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

const childEnv = "CHAT_CHILD"

// child is a gateway's chat in a process of its own: it says and decides some things, prints what was acknowledged, and goes
// on talking until it is killed.
func child() {
	dir := os.Getenv(childEnv)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	nc, stop, err := startBus(dir+"/engine", 1<<30)
	check(err)
	defer stop()
	c := quick()
	c.Data = dir
	r, err := Open(ctx, nc, c, slog.New(slog.DiscardHandler))
	check(err)
	owner, err := r.Join(ctx, Entry{Stream: "봉수", Nickname: "owner", Role: Broadcaster})
	check(err)
	troll, err := r.Join(ctx, Entry{Stream: "봉수", Nickname: "troll", Address: "192.0.2.66"})
	check(err)
	owner.requests.SetLimit(rate.Inf)
	check(troll.Receive([]byte(`{"type":"message","text":"spam"}`)))
	check(owner.Receive([]byte(`{"type":"slow","seconds":7}`)))
	check(owner.Receive(fmt.Appendf(nil, `{"type":"ban","member":%q,"address":true,"ref":"ban"}`, troll.ID())))
	fmt.Fprintln(os.Stdout, "token", troll.token)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			if owner.Receive(fmt.Appendf(nil, `{"type":"message","text":"said","ref":"%d"}`, i)) != nil {
				return
			}
			if i%100 == 99 { // as many as the room keeps
				<-ctx.Done()
			}
		}
	}()
	for {
		frame, err := owner.Next(ctx)
		check(err)
		for line := range strings.SplitSeq(string(frame), "{") {
			if strings.Contains(line, `"type":"done"`) && strings.Contains(line, `"stored":true`) {
				fmt.Fprintln(os.Stdout, "stored", line)
			}
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestKill: what was acknowledged as stored, and the bans, are there after kill -9; each message once, in order.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	command := exec.CommandContext(limited(t), os.Args[0])
	command.Env = append(os.Environ(), childEnv+"="+dir)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stored, token := 0, ""
	for lines := bufio.NewScanner(out); stored < 50 && lines.Scan(); {
		if given, ok := strings.CutPrefix(lines.Text(), "token "); ok {
			token = given
		} else {
			stored++
		}
	}
	if err := command.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil || stored < 50 {
		t.Fatalf("the child ended with %v after %d messages", err, stored)
	}

	c := quick()
	c.Data = dir
	for _, lost := range []string{"", "/engine", "/chat/moderation.json"} { // either of the two is enough for the bans
		t.Run("without"+lost, func(t *testing.T) {
			if lost != "" {
				if err := os.RemoveAll(dir + lost); err != nil {
					t.Fatal(err)
				}
			}
			r := rooms(t, bus(t, dir+"/engine"), c)
			for name, e := range map[string]Entry{"identity": {Token: token}, "address": {Address: "192.0.2.66"}} {
				if _, err := tryJoin(t, r, e); Code(err) != "banned" {
					t.Errorf("banned by %s, joins: %v", name, err)
				}
			}
			m := join(t, r, Entry{Last: 500})
			if m.welcome.Settings.Slow != 7 {
				t.Errorf("the settings are %+v", m.welcome.Settings)
			}
			if lost == "/engine" {
				return
			}
			if strings.Contains(texts(m.past), "spam") {
				t.Error("what the banned member said is back")
			}
			if lost == "" && len(m.past) < stored-2 { // the slow and ban answers are among them
				t.Errorf("%d messages are there, %d were stored", len(m.past), stored)
			}
			for i := 1; i < len(m.past); i++ {
				if m.past[i].ID <= m.past[i-1].ID {
					t.Fatalf("%s comes after %s", m.past[i].ID, m.past[i-1].ID)
				}
			}
		})
	}
}
