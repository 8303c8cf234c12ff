package wish

import (
	"errors"
	"strings"
	"testing"
)

// TestClientRestart: what a client gets to set, and what it is told when there is nothing.
func TestClientRestart(t *testing.T) {
	ctx := t.Context()
	p := newPatched(t, "/whip/x", PreconditionStrict)
	offer := offerText(t, "whip-obs")
	_, r, err := (&Client{HTTP: p.Client(), Endpoint: p.URL + "/whip/x"}).Post(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	answer := crlf("v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:server", "a=ice-pwd:secret", "a=candidate:"+host, "a=end-of-candidates",
		"m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ice-ufrag:server", "a=ice-pwd:secret")
	for _, n := range []string{"1", "2"} {
		tag := r.ETag
		own := strings.NewReplacer("a=ice-ufrag:"+lineOf(offer, "ice-ufrag"), "a=ice-ufrag:fresh"+n, "a=ice-pwd:"+lineOf(offer, "ice-pwd"), "a=ice-pwd:"+longPwd+n).Replace(offer)
		next, err := r.Restart(ctx, own, answer)
		if err != nil {
			t.Fatal(err, len(p.errors))
		}
		if r.ETag == tag || lineOf(next, "ice-ufrag") != "server"+n || lineOf(next, "ice-pwd") != "secret"+n || strings.Count(next, "a=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\n") != 1 {
			t.Errorf("ETag %s after %s, and\n%s", r.ETag, tag, next)
		}
		if strings.Count(next, "\r\n") != strings.Count(answer, "\r\n") || strings.Count(next, "server"+n) != 2 || strings.Count(next, "a=end-of-candidates\r\n") != 1 {
			t.Errorf("more than ICE has changed:\n%s\nwas\n%s", next, answer)
		}
		answer = next
		if again, err := r.Restart(ctx, own, answer); err != nil || again != next { // as if its answer were lost
			t.Errorf("the same again: %v\n%s", err, again)
		}
	}
	p.fail = errors.New("no")
	if _, err := r.Restart(ctx, offer, answer); !isStatus(err, 422) {
		t.Errorf("%v, want 422", err)
	}
	_ = p.restarter.Close()
	if _, err := r.Restart(ctx, offer, answer); !isStatus(err, 404) {
		t.Errorf("%v, want 404", err)
	}
}

func isStatus(err error, code int) bool {
	e := (*StatusError)(nil)
	return errors.As(err, &e) && e.Code == code
}
