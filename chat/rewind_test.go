package chat

import (
	"fmt"
	"testing"
)

// TestRewind: a member begins anew after any event, whether it has read what came or not; answers to it alone are kept.
func TestRewind(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a, b := join(t, r, Entry{Nickname: "Ada"}), join(t, r, Entry{Nickname: "Bo"})
	var ids []string
	for i := range 4 {
		b.ask("message", "text", fmt.Sprint(i))
		ids = append(ids, a.hear(fmt.Sprint(i)).ID)
	}
	a.ask("members", "ref", "who")
	for range 2 { // the second time the first welcome is still unread
		a.Rewind(ids[1])
	}
	a.greeted()
	if !a.welcome.Resumed || len(a.past) != 2 || a.past[0].ID != ids[2] || a.past[1].ID != ids[3] {
		t.Errorf("after the second of four: %+v, %+v", a.welcome, a.past)
	}
	if e := a.next(); e.Type != "members" || e.Ref != "who" {
		t.Errorf("the answer is lost, here is %+v", e)
	}
	a.Rewind("nonsense")
	a.greeted()
	if a.welcome.Resumed || len(a.past) != 4 {
		t.Errorf("from the beginning: %+v, %+v", a.welcome, a.past)
	}
	b.ask("message", "text", "4")
	if e := a.await("message"); e.Text != "4" || a.LastID() != e.ID {
		t.Errorf("then came %+v, the last is %s", e, a.LastID())
	}
}

func TestLastID(t *testing.T) {
	for frame, want := range map[string]string{
		`[{"type":"message","id":"A"},{"type":"message","id":"B"},{"type":"presence","viewers":1}]`: "B",
		`[{"type":"message","id":"B"},{"type":"done","id":"A","ref":"1"}]`:                          "B",
		`[{"type":"done","id":"A","ref":"1"}]`:                                                      "",
		`[{"type":"welcome","settings":{"pinned":{"id":"A"}}}]`:                                     "",
		`[]`: "", ``: "",
	} {
		if got := lastID([]byte(frame)); got != want {
			t.Errorf("%s: %q, want %q", frame, got, want)
		}
	}
}

// TestCredentials: what the transport knows counts where the join request says nothing else.
func TestCredentials(t *testing.T) {
	config := quick()
	config.Broadcaster = func(stream, credential string) bool { return stream == "봉수" && credential == "key" }
	r := rooms(t, bus(t, ""), config)
	for _, c := range []struct {
		stream, carried, said string
		want                  Role
	}{
		{"봉수", "", "", Viewer},
		{"봉수", "key", "", Broadcaster},
		{"봉수", "", `,"credential":"key"`, Broadcaster},
		{"봉수", "key", `,"credential":"root"`, Administrator},
		{"봉수", "root", `,"credential":"no"`, Viewer},
		{"other", "key", "", Viewer},
	} {
		e := Entry{Stream: c.stream, Credential: c.carried}
		if err := e.Read([]byte(`{"type":"join"` + c.said + `}`)); err != nil {
			t.Fatal(err)
		}
		if got := join(t, r, e).welcome.You.Role; got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
