package wish

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestClientCounterOffer: a server that wants to make the offer itself gets an answer, or its session is ended (whep-03
// section 4.3.2).
func TestClientCounterOffer(t *testing.T) {
	errNo := errors.New("no")
	for name, c := range map[string]struct {
		kind, body string
		answer     func(string) (string, error)
		patch      int
		want       string // error; "" for success
		deleted    bool
	}{
		"answered":       {"application/sdp; valid-until=\"Sun, 22 Nov 2026 10:00:00 GMT\"", "v=0\no=offer\n", func(string) (string, error) { return "v=answer\r\n", nil }, 204, "", false},
		"with 200":       {"application/sdp", "v=0\no=offer\n", func(string) (string, error) { return "v=answer\r\n", nil }, 200, "", false},
		"can't answer":   {"application/sdp", "v=0\r\n", nil, 204, "make the offer itself", true},
		"won't":          {"application/sdp", "v=0\r\n", func(string) (string, error) { return "", errNo }, 204, "no", true},
		"answer refused": {"application/sdp", "v=0\r\n", func(string) (string, error) { return "v=answer\r\n", nil }, 422, "422", true},
		"no offer":       {"application/sdp", "", func(string) (string, error) { return "v=answer\r\n", nil }, 204, "without SDP", true},
		"a plain 406":    {"application/problem+json", `{"detail":"no such codec"}`, func(string) (string, error) { return "v=answer\r\n", nil }, 204, "no such codec", false},
	} {
		t.Run(name, func(t *testing.T) {
			deleted, patched := false, ""
			_, client := serve(t, map[string]http.HandlerFunc{
				"POST /whip": func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", c.kind)
					w.Header().Set("Location", "/s")
					w.Header().Set("ETag", `"e1"`)
					w.WriteHeader(http.StatusNotAcceptable)
					_, _ = io.WriteString(w, c.body)
				},
				"PATCH /s": func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					patched = r.Header.Get("Content-Type") + " " + r.Header.Get("If-Match") + " " + string(body)
					w.WriteHeader(c.patch)
				},
				"DELETE /s": func(http.ResponseWriter, *http.Request) { deleted = true },
			})
			var offered string
			if c.answer != nil {
				client.Answer = func(offer string) (string, error) { offered = offer; return c.answer(offer) }
			}
			answer, r, err := client.Post(t.Context(), "v=offer")
			if deleted != c.deleted {
				t.Errorf("deleted: %v", deleted)
			}
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || r != nil {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if err != nil || answer != "" || r.ETag != `"e1"` || offered != "v=0\r\no=offer\r\n" || patched != "application/sdp  v=answer\r\n" {
				t.Errorf("%v, %+v; offered %q, patched %q", err, r, offered, patched)
			}
		})
	}
}
