package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// TestTalk: what one says all get, with an id that rises, the server's time, and the author.
func TestTalk(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a, b := join(t, r, Entry{Nickname: "은하"}), join(t, r, Entry{Nickname: "Ada", Role: Broadcaster})
	first := a.done("message", "text", " 안녕하세요 <b>hi</b> \u202e ")
	heard := b.await("message")
	if heard.Text != "안녕하세요 <b>hi</b>" || heard.From != (Person{ID: a.ID(), Name: "은하"}) || heard.ID != first.ID || !first.Stored {
		t.Errorf("heard %+v, done %+v", heard, first)
	}
	if age := time.Since(time.UnixMilli(heard.Time)); age < 0 || age > 10*time.Second {
		t.Errorf("its time is %v ago", age)
	}
	b.ask("message", "text", strings.Repeat("x", 200))
	long := a.hear(strings.Repeat("x", 200))
	if long.ID <= heard.ID || long.From.Role != Broadcaster {
		t.Errorf("%+v came after %+v", long, heard)
	}
	a.ask("message", "text", "yes", "reply", long.ID)
	if e := b.hear("yes"); e.Reply == nil || e.Reply.ID != long.ID || e.Reply.Name != "Ada" || len(e.Reply.Text) > 90 {
		t.Errorf("the reply is %+v", e)
	}
}

// TestJoin: history, then live, no gap and no duplicate; while others talk without a pause.
func TestJoin(t *testing.T) {
	for _, batch := range []int{1, 1000} {
		t.Run(fmt.Sprint("batch from ", batch), func(t *testing.T) {
			c := quick()
			c.BatchFrom, c.Batch = batch, 3*time.Millisecond
			r := rooms(t, bus(t, ""), c)
			talker := join(t, r, Entry{})
			talker.requests.SetLimit(rate.Inf)
			const n = 400
			go func() {
				for i := range n {
					if talker.Receive(fmt.Appendf(nil, `{"type":"message","text":"%d"}`, i)) != nil {
						return
					}
				}
			}()
			for range 8 {
				c := join(t, r, Entry{Last: 500})
				all := c.past
				for len(all) == 0 || all[len(all)-1].Text != fmt.Sprint(n-1) {
					all = append(all, c.await("message"))
				}
				if len(all) != n {
					t.Fatalf("%d messages, want %d: %s", len(all), n, texts(all))
				}
				for i, e := range all {
					if e.Text != fmt.Sprint(i) {
						t.Fatalf("message %d is %s", i, e.Text)
					}
				}
				_ = c.Close()
			}
		})
	}
}

// TestResume: who comes back gets what it missed, and the same identity and name.
func TestResume(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a, b := join(t, r, Entry{Nickname: "a"}), join(t, r, Entry{})
	for i := range 5 {
		a.ask("message", "text", fmt.Sprint("m", i))
	}
	seen := b.hear("m1")
	_ = b.Close()
	last := a.hear("m4")
	a.done("delete", "id", last.ID)
	again := join(t, r, Entry{Token: b.welcome.Token, Since: seen.ID})
	if again.ID() != b.ID() || !again.welcome.Resumed || again.welcome.You.Name != b.welcome.You.Name {
		t.Errorf("came back as %+v, was %+v", again.welcome, b.welcome)
	}
	if got := texts(again.past); got != "m2 m3 " || again.past[2].Target != last.ID {
		t.Errorf("missed %q: %+v", got, again.past)
	}
	if c := join(t, r, Entry{Since: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Last: 2}); c.welcome.Resumed || texts(c.past) != "m2 m3" {
		t.Errorf("an unknown place: %+v, %s", c.welcome, texts(c.past))
	}
	if c := join(t, r, Entry{Last: -1, Token: "x" + b.welcome.Token}); len(c.past) != 0 || c.ID() == b.ID() {
		t.Errorf("a forged token gives %s, history %s", c.ID(), texts(c.past))
	}
}

// TestLimits: each refusal has its code and says when to try again.
func TestLimits(t *testing.T) {
	r := rooms(t, bus(t, ""), Config{Burst: 2, TextLength: 10, RoomRate: 0.01, RoomBurst: 3, AddressBurst: 4})
	a := join(t, r, Entry{Address: "192.0.2.1"})
	a.refused("empty", "message", "text", " \u200b\n")
	a.refused("too-long", "message", "text", strings.Repeat("가", 11))
	a.done("message", "text", strings.Repeat("가", 10))
	a.refused("duplicate", "message", "text", strings.Repeat("가", 10))
	a.done("message", "text", "2")
	if e := a.refused("too-fast", "message", "text", "3"); e.RetryAfter != 1 {
		t.Errorf("retry after %d s, want 1", e.RetryAfter)
	}
	a.refused("not-found", "message", "text", "4", "reply", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
	b := join(t, r, Entry{Address: "192.0.2.1"})
	b.done("message", "text", "1")
	if e := b.refused("busy", "message", "text", "2"); e.RetryAfter < 10 {
		t.Errorf("retry after %d s", e.RetryAfter)
	}
	c := join(t, r, Entry{Address: "192.0.2.1", Role: Broadcaster}) // whom the room's limit does not stop
	c.done("message", "text", "1")
	d := join(t, r, Entry{Address: "192.0.2.1", Role: Moderator}) // the address has said enough
	d.refused("too-fast", "message", "text", "1")
	a.refused("unknown-type", "dance")
}

// TestFlood: refusals of a flood are merged, and then the membership ends.
func TestFlood(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a := join(t, r, Entry{})
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = a.Receive([]byte(`{"type":"nonsense"}`))
	}
	if Code(err) != "flood" {
		t.Fatalf("it ended with %v", err)
	}
	if told := len(a.notes); told > 5 {
		t.Errorf("%d errors were told", told)
	}
	if err := a.ends(); Code(err) != "flood" {
		t.Errorf("Next: %v", err)
	}
}

// TestSlowReader: who does not read is set forward with what it missed, and holds nothing up.
func TestSlowReader(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	slow, a := join(t, r, Entry{Nickname: "slow"}), join(t, r, Entry{})
	a.requests.SetLimit(rate.Inf)
	const n = frameWindow + 50
	for i := range n {
		a.ask("message", "text", fmt.Sprint(i))
		a.hear(fmt.Sprint(i))
	}
	var all []got
	for len(all) == 0 || all[len(all)-1].Text != fmt.Sprint(n-1) {
		switch e := slow.next(); {
		case e.Type == "message":
			all = append(all, e)
		case e.Type == "welcome" && (e.You.Name != "slow" || !e.Resumed):
			t.Errorf("set forward with %+v", e)
		}
	}
	for i, e := range all {
		if e.Text != fmt.Sprint(i) || len(all) != n {
			t.Fatalf("message %d of %d is %s", i, len(all), e.Text)
		}
	}
	for i := range logSize + frameWindow {
		a.ask("message", "text", fmt.Sprint("more ", i))
		a.hear(fmt.Sprint("more ", i))
	}
	if slow.greeted(); slow.welcome.Resumed || len(slow.past) != 100 || slow.past[99].Text != fmt.Sprint("more ", logSize+frameWindow-1) {
		t.Errorf("set forward past the log: %+v, %d messages", slow.welcome, len(slow.past))
	}
}

// TestReactions: they are counted and told together.
func TestReactions(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a, b := join(t, r, Entry{}), join(t, r, Entry{})
	for range 3 {
		a.ask("reaction", "emoji", "❤️")
		b.ask("reaction", "emoji", "👨‍👩‍👧‍👦")
	}
	a.refused("malformed", "reaction", "emoji", "lol")
	counts := map[string]int{}
	for counts["❤️"] < 3 || counts["👨‍👩‍👧‍👦"] < 3 {
		for emoji, n := range b.await("reactions").Counts {
			counts[emoji] += n
		}
	}
}

// TestPresence: who comes and goes is told, merged, and counted by person.
func TestPresence(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a := join(t, r, Entry{Nickname: "a"})
	b := join(t, r, Entry{Nickname: "b"})
	second := join(t, r, Entry{Token: b.welcome.Token})
	for a.await("presence").Viewers != 2 {
		continue
	}
	_ = b.Close()
	gone := join(t, r, Entry{Nickname: "c"})
	_ = gone.Close() // came and went between
	_ = second.Close()
	for {
		e := a.await("presence")
		if len(e.Joined) > 0 && e.Joined[0].Name == "c" {
			continue // the tick was between
		}
		if e.Viewers == 1 && len(e.Left) > 0 {
			break
		}
	}
	a.ask("members")
	if e := a.await("members"); len(e.Members) != 1 || e.Members[0].Name != "a" {
		t.Errorf("here are %+v", e.Members)
	}
}
