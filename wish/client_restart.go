package wish

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Restart restarts ICE (RFC 9725 section 4.3.3). The offer is the client's local description since its own restart, with the
// new credentials and the candidates that it has; the answer is the session's last one. It gives the answer to set now, which
// differs from the last in nothing but ICE. The session's ETag is then a new one. After an error the session is as it was:
// a *StatusError of 404 says that it has ended, one of 405 or 422 that it can't restart.
func (r *Resource) Restart(ctx context.Context, offer, answer string) (string, error) {
	ufrag, pwd, candidates := readICE(offer)
	response, err := r.client.do(ctx, http.MethodPatch, r.URL, mediaTypeFragment, writeICE(iceHead(offer), ufrag, pwd, candidates))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", statusError(response)
	}
	fragment, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerRead))
	if err != nil {
		return "", err
	}
	ufrag, pwd, candidates = readICE(string(fragment))
	if ufrag == "" || pwd == "" {
		return "", fmt.Errorf("the server restarted ICE without new credentials")
	}
	r.ETag = response.Header.Get("ETag")
	return withICE(answer, ufrag, pwd, candidates), nil
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
