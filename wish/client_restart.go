package wish

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// ErrNoRestart is what Restart gives for a server that shows no support for it (RFC 9725 section 4.3.1).
var ErrNoRestart = errors.New("the server does not restart ICE")

// toldICE is what of the client's ICE session the server knows.
type toldICE struct {
	patch      bool // the server takes fragments, as far as is known
	refused    bool // it does not trickle (405, 422, 501)
	ufrag      string
	candidates []string
	complete   bool // no more will come
}

// tell remembers a description that the server has got.
func (t *toldICE) tell(description string) {
	t.ufrag, _, t.candidates = readICE(description)
	t.complete = hasEnd(description)
}

// Trickle tells the server what it does not know yet of the candidates in the client's local description, in one PATCH
// (RFC 9725 section 4.3.2); call it again when there are more. It does nothing for candidates of another ICE session than
// the server's, and for a server that does not trickle: connectivity checks reveal candidates, too. A *StatusError tells
// what the server refused; after one that is not Temporary, Trickle does nothing until the next Restart.
func (r *Resource) Trickle(ctx context.Context, description string) error {
	ufrag, pwd, candidates := readICE(description)
	fresh := slices.DeleteFunc(candidates, func(c string) bool { return slices.Contains(r.ice.candidates, c) })
	complete := hasEnd(description)
	if !r.ice.patch || r.ice.refused || r.URL == "" || ufrag != r.ice.ufrag || len(fresh) == 0 && complete == r.ice.complete {
		return nil
	}
	fragment := writeICE(iceHead(description), ufrag, pwd, slices.Compact(fresh))
	if !complete {
		fragment = strings.TrimSuffix(fragment, "a=end-of-candidates\r\n")
	}
	response, err := r.patch(ctx, r.ETag, fragment)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 == 2 {
		r.ice.candidates, r.ice.complete = append(r.ice.candidates, fresh...), complete
		return nil
	}
	err = statusError(response)
	switch e := (*StatusError)(nil); {
	case slices.Contains([]int{http.StatusMethodNotAllowed, http.StatusUnprocessableEntity, http.StatusNotImplemented}, response.StatusCode):
		r.ice.refused = true
	case errors.As(err, &e) && !e.Temporary():
		r.ice.ufrag = "" // nothing is of the server's ICE session any more
	}
	return err
}

// Restart restarts ICE (RFC 9725 section 4.3.3). The offer is the client's local description since its own restart, with the
// new credentials and the candidates that it has; the answer is the session's last one. It gives the answer to set now, which
// differs from the last in nothing but ICE. The session's ETag is then a new one. After an error the session is as it was,
// as far as is known: a *StatusError of 404 says that it has ended, one of 405, 422 or 501 that it can't restart, and after
// others a restart with yet other credentials may be tried. A server without support gives ErrNoRestart.
func (r *Resource) Restart(ctx context.Context, offer, answer string) (string, error) {
	if r.URL == "" || !r.ice.patch {
		return "", ErrNoRestart
	}
	ufrag, pwd, candidates := readICE(offer)
	fragment := writeICE(iceHead(offer), ufrag, pwd, candidates)
	if !hasEnd(offer) {
		fragment = strings.TrimSuffix(fragment, "a=end-of-candidates\r\n")
	}
	response, err := r.patch(ctx, "*", fragment)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return "", &StatusError{Code: response.StatusCode, Detail: "it took a restart of ICE for candidates only"}
	}
	if response.StatusCode != http.StatusOK {
		return "", statusError(response)
	}
	body, err := readAll(response)
	if err != nil {
		return "", err
	}
	if ufrag, pwd, candidates = readICE(body); ufrag == "" || pwd == "" {
		return "", fmt.Errorf("the server restarted ICE without new credentials")
	}
	r.ETag = response.Header.Get("ETag")
	r.ice.tell(offer)
	return withICE(answer, ufrag, pwd, candidates), nil
}

// patch sends a fragment; match is the If-Match, or "".
func (r *Resource) patch(ctx context.Context, match, fragment string) (*http.Response, error) {
	header := http.Header{"Content-Type": {mediaTypeFragment}, "Accept": {mediaTypeFragment}}
	if match != "" {
		header.Set("If-Match", match)
	}
	return r.client.do(ctx, http.MethodPatch, r.URL, header, fragment)
}

// acceptsFragments tells whether Accept-Patch names the type of fragments (RFC 5789 section 3.1).
func acceptsFragments(h http.Header) bool {
	for kind := range strings.SplitSeq(strings.Join(h.Values(headerAcceptPatch), ","), ",") {
		if t, _, _ := mime.ParseMediaType(kind); t == mediaTypeFragment {
			return true
		}
	}
	return false
}

func hasEnd(description string) bool {
	return strings.Contains(description, "\na=end-of-candidates")
}

// withICE is a description with other credentials, and with other candidates in the m-line that has credentials first.
func withICE(description, ufrag, pwd string, candidates []string) string {
	var out strings.Builder
	for line := range strings.Lines(description) {
		switch name, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); name {
		case "a=ice-ufrag":
			fmt.Fprintf(&out, "%s:%s\r\n", name, ufrag)
		case "a=ice-pwd":
			fmt.Fprintf(&out, "%s:%s\r\n", name, pwd)
			if candidates != nil {
				writeCandidates(&out, candidates)
				candidates = nil
			}
		case "a=candidate", "a=end-of-candidates":
		default:
			out.WriteString(line)
		}
	}
	return out.String()
}
