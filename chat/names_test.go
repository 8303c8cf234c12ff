package chat

import (
	"strings"
	"testing"
)

func TestNicknames(t *testing.T) {
	n := newNicknames(12)
	for _, c := range []struct{ name, shown, code string }{
		{"은하", "은하", ""},
		{"  Ada   L. ", "Ada L.", ""},
		{"\u1112\u1161\u11ab", "한", ""}, // composed
		{"봉수bongsu", "봉수bongsu", ""},
		{"東京タワー", "東京タワー", ""},
		{"d'Arc-7", "d'Arc-7", ""},
		{"José", "José", ""},
		{"", "", "nickname"},
		{" .-_ ", "", "nickname"},
		{"abcdefghijklm", "", "nickname"},
		{"<b>x</b>", "", "nickname"},
		{"a\u202eb", "", "nickname"},
		{"a\u200bb", "", "nickname"},
		{"\u3164", "", "nickname"}, // Hangul filler: a letter that can't be seen
		{"pаypal", "", "nickname"}, // a Cyrillic letter
		{"αlpha", "", "nickname"},  // a Greek one
		{"Админ", "Админ", ""},     // all Cyrillic
		{"Admin", "", "nickname"},  // kept
		{"ＡＤＭＩＮ", "", "nickname"},  // looks like it
		{"аdmіn", "", "nickname"},
		{"a.d.m.i.n", "", "nickname"},
		{"adrnin", "", "nickname"},
		{"방송자", "", "nickname"},
		{"e\u0301\u0301\u0301\u0301", "", "nickname"},
		{"\xff", "", "nickname"},
	} {
		shown, skeleton, err := n.check(c.name, Viewer)
		if shown != c.shown || (err != nil) != (c.code != "") || err != nil && Code(err) != c.code || err == nil && skeleton == "" {
			t.Errorf("check(%q) = %q, %q, %v; want %q, %q", c.name, shown, skeleton, err, c.shown, c.code)
		}
	}
	if _, _, err := n.check("방송자", Broadcaster); err != nil {
		t.Errorf("the broadcaster's own name: %v", err)
	}
	if _, _, err := n.check("Admin", Moderator); err == nil {
		t.Error("a moderator may be called Admin")
	}
}

func TestSkeleton(t *testing.T) {
	n := newNicknames(24)
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"paypal", "PayPaI", true}, {"cooool", "c0οоօl", true}, {"José", "jose", true}, {"Corner", "comer", true}, {"vvin", "win", true},
		{"ada", "a.d-a", true}, {"сосо", "coco", true}, {"ロボ", "口ボ", true}, {"Ｑ", "q", true}, {"𝓪da", "ada", true},
		{"은하", "은히", false}, {"ada", "adb", false}, {"ハ", "バ", false}, {"나", "너", false},
	} {
		if (n.skeleton(c.a) == n.skeleton(c.b)) != c.same {
			t.Errorf("%q (%q) and %q (%q): want the same: %v", c.a, n.skeleton(c.a), c.b, n.skeleton(c.b), c.same)
		}
	}
}

// TestUnique: a name is one person's, and stays it for a while.
func TestUnique(t *testing.T) {
	r := rooms(t, bus(t, ""), quick())
	a, b := join(t, r, Entry{Nickname: "Paypal"}), join(t, r, Entry{Nickname: "PаyPaI"})
	if e := b.next(); e.Code != "nickname" || !strings.HasPrefix(b.welcome.You.Name, "guest-") {
		t.Errorf("%+v: %+v", b.welcome.You, e)
	}
	b.refused("nickname-taken", "nickname", "name", "PayPaI")
	b.done("nickname", "name", "Bob")
	if e := a.await("nickname"); e.Member.Name != "Bob" || !strings.HasPrefix(e.Was, "guest-") {
		t.Errorf("%+v", e)
	}
	if e := b.refused("too-fast", "nickname", "name", "Rob"); e.RetryAfter < 5 {
		t.Errorf("%+v", e)
	}
	_ = a.Close()
	c := join(t, r, Entry{Nickname: "paypal"})
	if e := c.next(); e.Code != "nickname-taken" {
		t.Errorf("the name of one who has just left: %+v", e)
	}
	if again := join(t, r, Entry{Token: a.welcome.Token}); again.welcome.You.Name != "Paypal" {
		t.Errorf("came back as %+v", again.welcome.You)
	}
}

func TestToken(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"", "lobby", "봉수", "a.b", "a b", "*", ">", "=c5h6", "Lobby", strings.Repeat("x", 65), strings.Repeat("봉", 64)} {
		got := token(name)
		if strings.ContainsAny(got, ".*> \t") || got == "" || seen[got] != "" {
			t.Errorf("token(%q) = %q", name, got)
		}
		seen[got] = name + "!"
	}
	if token("lobby") != "lobby" || token("봉수") != "=tijl7f4om0" && !strings.HasPrefix(token("봉수"), "=") {
		t.Errorf("%q, %q", token("lobby"), token("봉수"))
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{" a\r\nb\tc ", "a\nb c"},
		{"a\u202eb\u2066c", "abc"},
		{"👨‍👩‍👧 ❤️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👨‍👩‍👧 ❤️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿"},
		{"e\u0301", "é"},
		{"e\u200b\u0301", "é"},
		{"z" + strings.Repeat("\u0334", 50), "z" + strings.Repeat("\u0334", maxMarks)},
		{strings.Repeat("x\n", 20), strings.Repeat("x\n", 9) + strings.TrimSpace(strings.Repeat("x ", 11))},
		{"\ufffd\x00\u200b", ""},
	} {
		if got := clean(c.in); got != c.want {
			t.Errorf("clean(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}
