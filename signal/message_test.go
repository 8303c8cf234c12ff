package signal

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"bongsu/wish"
)

func TestSplitCandidates(t *testing.T) {
	for _, c := range []struct {
		sdp, bare, mid string
		candidates     []string
	}{
		{"v=0\r\n", "v=0\r\n", "", nil},
		{"v=0\r\nm=audio 0 x 0\r\na=mid:a\r\nm=video 9 x 0\r\na=candidate:1 x\r\na=candidate:2\r\na=mid:v\r\na=end-of-candidates\r\nm=video\r\na=mid:w\r\n",
			"v=0\r\nm=audio 0 x 0\r\na=mid:a\r\nm=video 9 x 0\r\na=mid:v\r\nm=video\r\na=mid:w\r\n", "v", []string{"candidate:1 x", "candidate:2"}},
	} {
		if bare, mid, candidates := splitCandidates(c.sdp); bare != c.bare || mid != c.mid || !slices.Equal(candidates, c.candidates) {
			t.Errorf("%q gave %q, %q, %q", c.sdp, bare, mid, candidates)
		}
	}
}

func TestCandidateFragment(t *testing.T) {
	for value, want := range map[string]string{
		"":              "a=end-of-candidates\r\n",
		"candidate:1 1": "a=candidate:1 1\r\n",
		"1 1":           "a=candidate:1 1\r\n",
	} {
		if got := string(candidateFragment(value)); got != want {
			t.Errorf("%q gave %q", value, got)
		}
	}
}

// TestDocumented: every message that docs/signaling.md shows conforms to the schema once its ellipses are filled.
func TestDocumented(t *testing.T) {
	shown := 0
	for line := range strings.Lines(readDoc(t)) {
		var part string
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "→ "); ok {
			part, line = "client", rest
		} else if rest, ok := strings.CutPrefix(line, "← "); ok {
			part, line = "server", rest
		} else {
			continue
		}
		shown++
		line = strings.NewReplacer(", …]", "]", ", …}", "}").Replace(line)
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
			continue
		}
		conforms(t, part, []byte(line))
	}
	if shown < 20 {
		t.Errorf("only %d messages", shown)
	}
}

// FuzzSignal: whatever a client sends, what it hears are messages, and nothing is left of it.
func FuzzSignal(f *testing.F) {
	for line := range strings.Lines(readDoc(f)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "→ "); ok {
			f.Add([]byte(rest))
		}
	}
	for _, seed := range []string{`null`, `{"type":"play","id":"\u0000"}`, `{"TYPE":"bye","id":"x"}`, "\xff", `{"type":"hello","received":-1,"resume":"x"}`,
		`{"type":"candidate","id":"x","candidate":"a\nb"}`, `{"type":"chat","id":"x","frame":null}`} {
		f.Add([]byte(seed))
	}
	quiet := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, frame []byte) {
		s := NewServer(DefaultConfig(), nil, quiet)
		no := func(r *wish.Request, _ []byte) (*wish.Started, error) {
			return nil, errors.Join(r.Context().Err(), wish.ErrMalformed)
		}
		s.Publish, s.Play = no, no
		c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
		sk := &socket{life: t.Context(), end: func(error) {}, ready: make(chan struct{}, 1), pace: rate.NewLimiter(rate.Inf, 1)}
		k := &talk{server: s, base: wish.NewRequest(c, "", ""), line: newLine(s), socket: sk}
		k.word = s.register(k.line)
		k.moved, _ = k.line.attach(sk, k.word, nil)
		k.take(frame)
		k.take(frame)
		k.line.detach(sk)
		s.claim(k.word).close()
		if len(k.line.sessions) > 0 || len(s.lines) > 0 {
			t.Error("something is left")
		}
		for _, out := range sk.queue {
			conforms(t, "server", out)
		}
	})
}

func readDoc(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("../docs/signaling.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
