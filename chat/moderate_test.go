package chat

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestRoles: who may do what, to whom.
func TestRoles(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	owner := join(t, r, Entry{Role: Broadcaster, Nickname: "owner"})
	root := join(t, r, Entry{Credential: "root", Nickname: "admin"})
	mod := join(t, r, Entry{Nickname: "helper"})
	viewer := join(t, r, Entry{Credential: "toor", Nickname: "v"})
	if root.welcome.You.Role != Administrator || viewer.welcome.You.Role != Viewer {
		t.Errorf("roles: %+v, %+v", root.welcome.You, viewer.welcome.You)
	}
	id := viewer.done("message", "text", "hello").ID
	mod.refused("forbidden", "ban", "member", viewer.ID())
	mod.refused("forbidden", "delete", "id", id)
	owner.done("moderator", "member", mod.ID(), "on", true)
	if e := mod.await("you"); e.You.Role != Moderator {
		t.Errorf("appointed, but %+v", e.You)
	}
	mod.refused("forbidden", "timeout", "member", owner.ID(), "seconds", 5)
	mod.refused("forbidden", "moderator", "member", viewer.ID(), "on", true)
	mod.refused("forbidden", "ban", "member", mod.ID())
	mod.refused("not-found", "ban", "member", "nobody")
	mod.refused("malformed", "slow", "seconds", 21601)
	mod.done("delete", "id", id)
	if e := viewer.await("delete"); e.Target != id || e.By.Name != "helper" {
		t.Errorf("deleted: %+v", e)
	}
	mod.refused("not-found", "delete", "id", id)
	_ = mod.Close()
	if again := join(t, r, Entry{Token: mod.welcome.Token}); again.welcome.You.Role != Moderator {
		t.Errorf("came back as %+v", again.welcome.You)
	}
	join(t, r, Entry{Token: mod.welcome.Token}).done("message", "text", "hello")
	owner.done("timeout", "member", mod.ID(), "seconds", 60)
	join(t, r, Entry{Token: mod.welcome.Token}).refused("timed-out", "message", "text", "a moderator, too")
	owner.done("moderator", "member", mod.ID(), "on", false)
	root.done("ban", "member", owner.ID())
	if err := owner.ends(); Code(err) != "banned" {
		t.Errorf("the broadcaster whom the administrator bans: %v", err)
	}
}

// TestSilence: timeouts and bans, by identity and address, what they remove, and their lifting.
func TestSilence(t *testing.T) {
	var log bytes.Buffer
	nc := bus(t, "")
	r, err := Open(limited(t), nc, quick(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	mod := join(t, r, Entry{Role: Moderator, Nickname: "m"})
	bad := join(t, r, Entry{Nickname: "bad", Address: "2001:db8:1:2::1"})
	said := bad.done("message", "text", "spam")
	mod.done("pin", "id", said.ID)
	if e := bad.await("settings"); e.Pinned == nil || e.Pinned.Text != "spam" {
		t.Errorf("pinned: %+v", e)
	}
	mod.done("timeout", "member", bad.ID(), "seconds", 60, "reason", "calm down")
	if e := bad.await("timeout"); e.Seconds != 60 || e.Member.ID != bad.ID() || e.Reason != "calm down" {
		t.Errorf("timed out: %+v", e)
	}
	if e := bad.refused("timed-out", "message", "text", "more"); e.RetryAfter < 50 || e.RetryAfter > 60 || !strings.Contains(e.Detail, "calm") {
		t.Errorf("refused: %+v", e)
	}
	bad.refused("timed-out", "nickname", "name", "good")
	if n := join(t, r, Entry{}); len(n.past) != 0 || n.welcome.Settings.Pinned != nil {
		t.Errorf("a newcomer sees %s and %+v", texts(n.past), n.welcome.Settings.Pinned)
	}
	mod.done("lift", "member", bad.ID())
	mod.refused("not-found", "lift", "member", bad.ID())
	bad.done("message", "text", "sorry")
	mod.done("ban", "member", bad.ID(), "address", true)
	if err := bad.ends(); Code(err) != "banned" {
		t.Errorf("the banned member: %v", err)
	}
	conforms(t, "frame", ErrorFrame(bad.ended()))
	_ = bad.Close()
	for name, e := range map[string]Entry{"token": {Token: bad.welcome.Token}, "network": {Address: "2001:db8:1:2::ffff"}} {
		if _, err := tryJoin(t, r, e); Code(err) != "banned" {
			t.Errorf("banned, joins by %s: %v", name, err)
		}
	}
	if other := join(t, r, Entry{Address: "2001:db8:1:3::1"}); other.welcome.Stream != "봉수" {
		t.Errorf("%+v", other.welcome)
	}
	join(t, r, Entry{Stream: "another", Token: bad.welcome.Token})
	mod.ask("bans")
	if e := mod.await("bans"); len(e.Bans) != 1 || e.Bans[0].Kind != "ban" || e.Bans[0].Member.Name != "bad" {
		t.Errorf("the bans are %+v", e.Bans)
	}
	mod.done("lift", "member", bad.ID())
	join(t, r, Entry{Token: bad.welcome.Token, Address: "2001:db8:1:2::1"})

	_ = r.Close()
	stream, err := r.store.js.Stream(limited(t), streamAudit)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for seq := range stream.CachedInfo().State.LastSeq {
		m, err := stream.GetMsg(limited(t), seq+1)
		var a action
		if err == nil {
			err = json.Unmarshal(m.Data, &a)
		}
		if err != nil || a.Stream != "봉수" || a.By.Name != "m" {
			t.Fatalf("%v, %+v", err, a)
		}
		actions = append(actions, a.Action)
	}
	if got := strings.Join(actions, " "); got != "pin timeout lift ban lift" {
		t.Errorf("the audit log has %q", got)
	}
	if n := strings.Count(log.String(), "A moderator acted"); n != len(actions) {
		t.Errorf("%d actions are in the log", n)
	}
}

// TestRoom: slow mode, followers only, words, clear.
func TestRoom(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	owner, v := join(t, r, Entry{Role: Broadcaster}), join(t, r, Entry{})

	owner.done("words", "words", []string{"나쁜말", "ass"})
	for _, text := range []string{"이 나쁜말은 안돼", "you ASS!", "you аss", "ａｓｓ", "ÀSS"} {
		v.refused("word", "message", "text", text)
	}
	v.done("message", "text", "class assembly")
	owner.ask("words")
	if e := owner.await("words"); len(e.Words) != 2 {
		t.Errorf("the words are %q", e.Words)
	}

	owner.done("slow", "seconds", 60)
	for v.await("settings").Slow != 60 {
		continue
	}
	if e := v.refused("slow-mode", "message", "text", "quick"); e.RetryAfter < 50 || e.RetryAfter > 60 {
		t.Errorf("refused: %+v", e)
	}
	join(t, r, Entry{}).refused("slow-mode", "message", "text", "a new identity is no way around")
	owner.done("message", "text", "the broadcaster is not slowed")
	owner.done("message", "text", "twice")
	owner.done("slow", "seconds", 0)

	owner.done("followers", "on", true)
	v.refused("followers-only", "message", "text", "let me")
	v.refused("forbidden", "invite")
	owner.ask("invite")
	link := owner.await("invitation").Invitation
	guest := join(t, r, Entry{Invitation: link})
	if !guest.welcome.Invited || v.welcome.Invited {
		t.Error("the invitation is not seen")
	}
	guest.done("message", "text", "thanks")
	if other := join(t, r, Entry{Stream: "another", Invitation: link}); other.welcome.Invited {
		t.Error("an invitation holds for another room")
	}
	if forged := join(t, r, Entry{Invitation: "1" + link}); forged.welcome.Invited {
		t.Error("a forged invitation holds")
	}
	if _, err := r.keys.invited("봉수", link, time.Now().Add(8*24*time.Hour)); Code(err) != "token" {
		t.Errorf("an old invitation: %v", err)
	}
	owner.ask("invite", "renew", true)
	owner.await("invitation")
	guest.refused("followers-only", "message", "text", "again")
	owner.done("followers", "on", false)

	owner.done("clear")
	v.await("clear")
	if n := join(t, r, Entry{}); len(n.past) != 0 {
		t.Errorf("after clear a newcomer sees %s", texts(n.past))
	}
	info, err := r.store.chat.Info(limited(t))
	if err != nil || info.State.Msgs != 1 {
		t.Errorf("after clear the store has %+v, %v", info.State, err)
	}
}

// TestErase: a deleted message is not in the store any more.
func TestErase(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a := join(t, r, Entry{})
	id := a.done("message", "text", "my address is ...").ID
	a.done("delete", "id", id)
	info, err := r.store.chat.Info(limited(t))
	if err != nil || info.State.Msgs != 1 { // the deletion
		t.Errorf("the store has %+v, %v", info.State, err)
	}
}

// TestTwoNodes: rooms of two nodes on one bus are one room.
func TestTwoNodes(t *testing.T) {
	nc := bus(t, "")
	one, two := rooms(t, nc, quick()), rooms(t, nc, quick())
	a, b := join(t, one, Entry{Role: Broadcaster}), join(t, two, Entry{})
	a.done("message", "text", "to all")
	if e := b.await("message"); e.Text != "to all" {
		t.Errorf("%+v", e)
	}
	for b.await("presence").Viewers != 2 {
		continue
	}
	if n := join(t, two, Entry{Token: b.welcome.Token}).welcome.Viewers; n != 2 {
		t.Errorf("%d viewers", n)
	}
	a.done("slow", "seconds", 9)
	if e := b.await("settings"); e.Slow != 9 {
		t.Errorf("%+v", e)
	}
	b.ask("reaction", "emoji", "🔥")
	if e := a.await("reactions"); e.Counts["🔥"] != 1 {
		t.Errorf("%+v", e)
	}
	a.refused("not-found", "ban", "member", b.ID()) // b has said nothing here, so that nobody can mean it yet
	a.done("slow", "seconds", 0)
	b.await("settings")
	b.done("message", "text", "spam")
	a.hear("spam")
	a.done("ban", "member", b.ID())
	if err := b.ends(); Code(err) != "banned" {
		t.Errorf("at the other node: %v", err)
	}
}
