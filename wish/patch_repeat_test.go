package wish

import (
	"io"
	"slices"
	"testing"
)

// A client whose connection broke before it read the answer to its restart asks again, and gets that answer again.
func TestPatchRestartRepeated(t *testing.T) {
	for _, tag := range []string{"*", "the current tag"} {
		p := newPatched(t, "/whip/x", PreconditionStrict)
		if tag != "*" {
			tag = p.etag
		}
		var tags, answers []string
		for range 3 {
			response := p.patch(t, tag, fresh(1, hostLine)...)
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != 200 {
				t.Fatalf("%d %q", response.StatusCode, body)
			}
			tags, answers = append(tags, response.Header.Get("ETag")), append(answers, string(body))
		}
		if len(p.restarts) != 1 || len(slices.Compact(tags)) != 1 || len(slices.Compact(answers)) != 1 {
			t.Errorf("%d restarts, tags %q, answers %q", len(p.restarts), tags, answers)
		}
		if r := p.patch(t, tags[0], fresh(2)...); r.StatusCode != 200 { // and the one after that
			t.Errorf("%d", r.StatusCode)
		}
		if r := p.patch(t, tag, fresh(1, hostLine)...); (r.StatusCode == 412) != (tag != "*") || len(p.restarts) != 2+map[bool]int{true: 1}[tag == "*"] {
			t.Errorf("the first once more: %d, %d restarts", r.StatusCode, len(p.restarts))
		}
	}
}
