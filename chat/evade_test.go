package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestHigherRole: what one with a higher role has decided stands.
func TestHigherRole(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	owner, root := join(t, r, Entry{Role: Broadcaster}), join(t, r, Entry{Credential: "root"})
	mod, v := join(t, r, Entry{}), join(t, r, Entry{})
	owner.done("moderator", "member", mod.ID(), "on", true)
	owner.done("timeout", "member", mod.ID(), "seconds", 60)
	mod.refused("forbidden", "lift", "member", mod.ID())
	root.done("ban", "member", v.ID())
	if err := v.ends(); Code(err) != "banned" {
		t.Fatal(err)
	}
	_ = v.Close()
	mod.refused("forbidden", "lift", "member", v.ID())
	mod.refused("forbidden", "ban", "member", v.ID(), "seconds", 1)
	if _, err := tryJoin(t, r, Entry{Token: v.welcome.Token}); Code(err) != "banned" {
		t.Errorf("joins: %v", err)
	}
	root.done("ban", "member", owner.ID())
	if err := owner.ends(); Code(err) != "banned" {
		t.Fatal(err)
	}
	_ = owner.Close()
	if _, err := tryJoin(t, r, Entry{Token: owner.welcome.Token, Role: Broadcaster}); Code(err) != "banned" {
		t.Errorf("the broadcaster whom the administrator has banned joins: %v", err)
	}
	root.done("lift", "member", v.ID())
}

// TestSharedAddress: each ban of an address holds by itself, and none meets a moderator who shares it.
func TestSharedAddress(t *testing.T) {
	const address = "192.0.2.7"
	r := rooms(t, bus(t, ""), quick())
	owner, mod := join(t, r, Entry{Role: Broadcaster}), join(t, r, Entry{Address: address})
	owner.done("moderator", "member", mod.ID(), "on", true)
	one, two := join(t, r, Entry{Address: address}), join(t, r, Entry{Address: address})
	for _, bad := range []*client{one, two} {
		owner.done("ban", "member", bad.ID(), "address", true)
		if err := bad.ends(); Code(err) != "banned" {
			t.Fatal(err)
		}
	}
	owner.done("lift", "member", two.ID())
	if _, err := tryJoin(t, r, Entry{Address: address}); Code(err) != "banned" {
		t.Errorf("the first ban of the address holds no more: %v", err)
	}
	_ = mod.Close()
	join(t, r, Entry{Token: mod.welcome.Token, Address: address})
	owner.done("lift", "member", one.ID())
	join(t, r, Entry{Address: address})
}

// TestTimeoutByAddress: a new identity from the same network is no way around a timeout, where the moderator has said so.
func TestTimeoutByAddress(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	mod, bad := join(t, r, Entry{Role: Moderator}), join(t, r, Entry{Address: "2001:db8::1"})
	mod.done("timeout", "member", bad.ID(), "seconds", 60, "address", true)
	again := join(t, r, Entry{Address: "2001:db8::2"}) // it may read
	again.refused("timed-out", "message", "text", "here I am again")
	again.refused("timed-out", "reaction", "emoji", "🔥")
	join(t, r, Entry{Address: "2001:db8::2", Role: Moderator}).done("message", "text", "a moderator of the same house")
	join(t, r, Entry{Address: "2001:db8:0:1::1"}).done("message", "text", "a neighbor")
	mod.done("lift", "member", bad.ID())
	again.done("message", "text", "sorry")
}

// TestBanWhileJoining: a ban meets who was about to join.
func TestBanWhileJoining(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	mod, bad := join(t, r, Entry{Stream: "s", Role: Moderator}), join(t, r, Entry{Stream: "s"})
	joined := joinLater(t, r, Entry{Stream: "s", Token: bad.welcome.Token}, func(*room) { mod.done("ban", "member", bad.ID()) })
	if err := <-joined; Code(err) != "banned" {
		t.Errorf("joined: %v", err)
	}
}

// TestCloseWhileJoining: Close waits for who is about to join, who does not.
func TestCloseWhileJoining(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	closed := make(chan error, 1)
	joined := joinLater(t, r, Entry{Stream: "s"}, func(room *room) {
		go func() { closed <- r.Close() }()
		until(t, &room.mu, func() bool { return room.ending })
	})
	if err := <-joined; Code(err) != "closed" {
		t.Errorf("joined: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// joinLater begins to join, and does something before it comes in.
func joinLater(t *testing.T, r *Rooms, e Entry, meanwhile func(*room)) <-chan error {
	t.Helper()
	room, err := r.enter(e.Stream)
	if err != nil {
		t.Fatal(err)
	}
	defer r.leave(room)
	room.loading.Lock()
	defer room.loading.Unlock()
	r.mu.Lock()
	here := room.holders
	r.mu.Unlock()
	joined := make(chan error, 1)
	go func() {
		m, err := r.Join(t.Context(), e)
		if err == nil {
			_ = m.Close()
		}
		joined <- err
	}()
	until(t, &r.mu, func() bool { return room.holders > here })
	meanwhile(room)
	return joined
}

// until waits for something that a lock guards.
func until(t *testing.T, mu sync.Locker, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		mu.Lock()
		done := so()
		mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
		<-time.After(time.Millisecond)
	}
}

// TestQuotes: what is removed is not to be read in the answers to it, nor where they are pinned.
func TestQuotes(t *testing.T) {
	for how, remove := range map[string]func(mod, bad *client, id string){
		"delete":  func(mod, _ *client, id string) { mod.done("delete", "id", id) },
		"timeout": func(mod, bad *client, _ string) { mod.done("timeout", "member", bad.ID(), "seconds", 9) },
		"ban":     func(mod, bad *client, _ string) { mod.done("ban", "member", bad.ID()) },
	} {
		t.Run(how, func(t *testing.T) {
			nc := bus(t, "")
			r, again := rooms(t, nc, quick()), rooms(t, nc, quick())
			mod, bad := join(t, r, Entry{Role: Moderator}), join(t, r, Entry{})
			secret := bad.done("message", "text", "SECRET").ID
			answer := mod.done("message", "text", "don't", "reply", secret).ID
			mod.done("pin", "id", answer)
			remove(mod, bad, secret)
			until(t, &sync.Mutex{}, func() bool { return !strings.Contains(string(again.ledger.settings(mod.room.token).Pinned), "SECRET") })
			for from, r := range map[string]*Rooms{"the log": r, "the store": again} {
				late := join(t, r, Entry{Last: 500})
				if len(late.past) != 1 || late.past[0].Text != "don't" || late.past[0].Reply != nil {
					t.Errorf("by %s: %+v", from, late.past)
				}
				if p := late.welcome.Settings.Pinned; p == nil || p.Text != "don't" || p.Reply != nil {
					t.Errorf("pinned, by %s: %+v", from, p)
				}
			}
			mod.done("clear")
			if late := join(t, r, Entry{}); late.welcome.Settings.Pinned != nil {
				t.Errorf("after clear there is %+v", late.welcome.Settings.Pinned)
			}
		})
	}
}

// TestEraseEarly: a message that is deleted before the store has answered is erased when it does.
func TestEraseEarly(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a := join(t, r, Entry{})
	id := a.done("message", "text", "my address is ...").ID
	a.room.mu.Lock()
	rec := a.room.log.byID[id]
	seq := rec.seq
	rec.seq = 0
	a.room.mu.Unlock()
	a.done("delete", "id", id)
	a.refused("not-found", "delete", "id", id)
	if _, err := r.store.chat.GetMsg(limited(t), seq); err != nil {
		t.Fatalf("where it is was known: %v", err)
	}
	a.room.answered(id, seq, nil, func() {})
	r.store.running.Wait()
	if _, err := r.store.chat.GetMsg(limited(t), seq); err == nil {
		t.Error("it is in the store still")
	}
}

// TestRenameByJoining: joining anew is no way around what holds for nicknames, and who has one keeps it.
func TestRenameByJoining(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	owner, v := join(t, r, Entry{Role: Broadcaster}), join(t, r, Entry{Nickname: "Ada"})
	owner.done("words", "words", []string{"나쁜말"})
	again := func(name, want string) {
		t.Helper()
		c := join(t, r, Entry{Token: v.welcome.Token, Nickname: name})
		defer func() { _ = c.Close() }()
		e := got{}
		if want != "" {
			e = c.next()
		}
		if e.Code != want || want != "" && c.welcome.You.Name == name {
			t.Errorf("joined as %q: %+v, %+v", name, c.welcome.You, e)
		}
	}
	again("Ada", "")
	again("나쁜말쟁이", "word")
	v.refused("word", "nickname", "name", "나쁜말")
	again("Bob", "")
	if e := owner.await("nickname"); e.Was != "Ada" || e.Member.Name != "Bob" {
		t.Errorf("told %+v", e)
	}
	again("Bob", "")
	again("Cleo", "too-fast")
	v.room.mu.Lock()
	v.speaker.renamed = time.Time{}
	v.room.mu.Unlock()
	owner.done("timeout", "member", v.ID(), "seconds", 60)
	again("Cleo", "timed-out")
	again("Bob", "")
}

// TestBannedReader: who is banned gets nothing more by beginning anew.
func TestBannedReader(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	mod, bad := join(t, r, Entry{Role: Moderator}), join(t, r, Entry{})
	mod.done("ban", "member", bad.ID())
	until(t, &bad.mu, func() bool { return bad.err != nil })
	mod.done("message", "text", "he is gone")
	bad.Rewind("")
	if frame, err := bad.Next(limited(t)); Code(err) != "banned" && !strings.Contains(string(frame), "presence") {
		t.Errorf("reads %s, %v", frame, err)
	}
}

// TestSettingsTogether: two who change settings at once do not undo each other.
func TestSettingsTogether(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	one, two := join(t, r, Entry{Role: Moderator}), join(t, r, Entry{Role: Moderator})
	one.requests.SetLimit(1e9)
	two.requests.SetLimit(1e9)
	for i := range 300 {
		var both sync.WaitGroup
		both.Go(func() { one.receive(fmt.Appendf(nil, `{"type":"slow","seconds":%d}`, i+1)) })
		both.Go(func() { two.receive(fmt.Appendf(nil, `{"type":"words","words":["%d"]}`, i)) })
		both.Wait()
		if s := r.ledger.settings(one.room.token); s.Slow != i+1 || len(s.Words) != 1 || s.Words[0] != fmt.Sprint(i) {
			t.Fatalf("round %d: %+v", i, s)
		}
	}
}

// TestRoomsBounded: nobody can open rooms without end; one that is empty gives way, and moderators come into a full one.
func TestRoomsBounded(t *testing.T) {
	c := quick()
	c.Rooms, c.Members = 2, 1
	r := rooms(t, bus(t, ""), c)
	join(t, r, Entry{Stream: "a"})
	_ = join(t, r, Entry{Stream: "b"}).Close()
	third := join(t, r, Entry{Stream: "c"})
	if _, err := tryJoin(t, r, Entry{Stream: "d"}); !errors.Is(err, ErrFull) {
		t.Errorf("one room too many: %v", err)
	}
	if _, err := tryJoin(t, r, Entry{Stream: "c"}); !errors.Is(err, ErrFull) {
		t.Errorf("one member too many: %v", err)
	}
	join(t, r, Entry{Stream: "c", Role: Moderator}).done("message", "text", "I can")
	third.hear("I can")
}

// TestLists: lists of members are dear.
func TestLists(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a := join(t, r, Entry{})
	for range 3 {
		a.ask("members")
		a.await("members")
	}
	if e := a.refused("too-fast", "members"); e.RetryAfter != 1 {
		t.Errorf("%+v", e)
	}
}

// TestWindowsOfOne: the windows of one person are bounded even if those that have to go take their time.
func TestWindowsOfOne(t *testing.T) {
	c := quick()
	c.Connections = 2
	r := rooms(t, bus(t, ""), c)
	first := join(t, r, Entry{})
	all := []*client{first}
	for range 4 {
		all = append(all, join(t, r, Entry{Token: first.welcome.Token}))
	}
	for i, c := range all {
		if gone := c.ended() != nil; gone != (i < 3) {
			t.Errorf("window %d of %d: %v", i+1, len(all), c.ended())
		}
	}
}

// TestLostBetween: who loses its place within a burst that takes two frames gets nothing twice.
func TestLostBetween(t *testing.T) {
	c := quick()
	c.BatchFrom, c.Batch, c.TextLength = 1, 200*time.Millisecond, 6000
	r := rooms(t, bus(t, ""), c)
	a, slow := join(t, r, Entry{Role: Moderator}), join(t, r, Entry{Last: -1})
	for i := range 8 {
		a.ask("message", "text", fmt.Sprint(i, " ", strings.Repeat("x", 5900)))
	}
	a.hear(fmt.Sprint(7, " ", strings.Repeat("x", 5900)))
	seen := []string{}
	read := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		data, err := slow.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var events []got
		if err := json.Unmarshal(data, &events); err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Type == "message" {
				seen = append(seen, e.Text[:1])
			}
		}
		return len(seen) > 1 // the first of all is sent at once
	}
	for !read() { // the first of the burst's frames
		continue
	}
	if len(seen) == 8 {
		t.Fatal("the burst has one frame")
	}
	r.mu.Lock()
	room := r.rooms[token("봉수")]
	r.mu.Unlock()
	room.resume(slow.Member)
	for len(seen) < 8 {
		read()
	}
	if got := strings.Join(seen, ""); got != "01234567" {
		t.Errorf("it has read %s", got)
	}
}
