package wish

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clients are the offers in testdata: whip-* publish, whep-* play.
func clients(t testing.TB) map[string]Role {
	t.Helper()
	files, err := filepath.Glob("testdata/wh?p-*.sdp")
	if err != nil || len(files) == 0 {
		t.Fatalf("no offers in testdata: %v", err)
	}
	all := make(map[string]Role)
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".sdp")
		all[name] = Publish
		if strings.HasPrefix(name, "whep-") {
			all[name] = Play
		}
	}
	return all
}

// offerText is an offer of testdata, as a client sends it: with CRLF.
func offerText(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\n", "\r\n")
}

func roleOf(name string) Role {
	if strings.HasPrefix(name, "whep-") {
		return Play
	}
	return Publish
}

func mustParse(t testing.TB, text string, role Role) *Offer {
	t.Helper()
	o, err := ParseOffer([]byte(text), role)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
