package wish

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// mediaTypeFragment is the type of an SDP fragment (RFC 8840 section 9).
const mediaTypeFragment = "application/trickle-ice-sdpfrag"

// fragment is what a client's PATCH says of its side of ICE.
type fragment struct {
	ufrag, pwd string   // "" if not said
	candidates []string // each complete and usable
}

// parseFragment reads an SDP fragment in the forms that clients send: credentials at session or at media level, any m=
// line or none, with or without mids, candidates and a=end-of-candidates anywhere. Candidates that can't be used are
// dropped one by one (RFC 9725 section 4.3.2). Errors wrap ErrTooLarge or ErrMalformed.
func parseFragment(body []byte) (*fragment, error) {
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil, fmt.Errorf("%w: the body is empty; send an SDP fragment (RFC 8840 section 9)", ErrMalformed)
	}
	text, err := cleanText(body)
	if err != nil {
		return nil, err
	}
	f := &fragment{}
	said := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 2 || line[0] < 'a' || line[0] > 'z' || line[1] != '=' {
			return nil, fmt.Errorf("%w: %.40q is no line of SDP", ErrMalformed, line)
		}
		if line[0] == 'a' && f.read(strings.TrimSpace(line[2:])) {
			said = true
		}
	}
	if !said {
		return nil, fmt.Errorf("%w: it has no a=ice-ufrag, no a=candidate and no a=end-of-candidates", ErrMalformed)
	}
	return f, f.check()
}

// read takes one attribute, and reports whether it is one of ICE. All m-lines share one transport, so that what the first
// says of it goes for all.
func (f *fragment) read(attribute string) bool {
	key, value, _ := strings.Cut(attribute, ":")
	value = strings.TrimSpace(value)
	switch key {
	case "ice-ufrag":
		if f.ufrag == "" {
			f.ufrag = value
		}
	case "ice-pwd":
		if f.pwd == "" {
			f.pwd = value
		}
	case sdp.AttrKeyCandidate:
		if c := usableCandidate(value); c != "" && !slices.Contains(f.candidates, c) && len(f.candidates) < maxCandidates {
			f.candidates = append(f.candidates, c)
		}
	case sdp.AttrKeyEndOfCandidates:
	default:
		return false
	}
	return true
}

func (f *fragment) check() error {
	if f.pwd != "" && f.ufrag == "" {
		return fmt.Errorf("%w: a=ice-pwd is there without a=ice-ufrag", ErrMalformed)
	}
	if fault := credentialsFault(f.ufrag, f.pwd); fault != "" {
		return fmt.Errorf("%w: %s", ErrMalformed, fault)
	}
	return nil
}

// iceHead is what of an answer every fragment after it repeats: the ICE options (RFC 9725 section 4.3.3), and which m-line
// describes the transport (RFC 8840 section 9).
func iceHead(answer string) string {
	var options, media strings.Builder
	session := true
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		name, _, _ := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "m="):
			session = false
			if f := strings.Fields(line); media.Len() == 0 && len(f) > 2 && f[1] != "0" {
				fmt.Fprintf(&media, "%s 9 %s 0\r\n", f[0], f[2])
			} else if media.Len() > 0 {
				return options.String() + media.String()
			}
		case session && (name == "a=ice-options" || name == "a=ice-lite" || name == "a=ice-pacing" || strings.HasPrefix(line, "a=group:BUNDLE ")):
			options.WriteString(line + "\r\n")
		case name == "a=mid" && media.Len() > 0:
			media.WriteString(line + "\r\n")
		}
	}
	return options.String() + media.String()
}

// answerFragment writes the answer to an ICE restart: what the session's description says of ICE now, under the head.
func answerFragment(head, description string, loopback bool) (string, error) {
	ufrag, pwd, candidates := readICE(description)
	if ufrag == "" || pwd == "" {
		return "", errors.New("the session's new description has no ICE credentials")
	}
	return writeICE(head, ufrag, pwd, ourCandidates(candidates, loopback)), nil
}

// readICE gives the first credentials and all candidates of a description or a fragment, as they stand there.
func readICE(text string) (ufrag, pwd string, candidates []string) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch {
		case key == "a=ice-ufrag" && ufrag == "":
			ufrag = value
		case key == "a=ice-pwd" && pwd == "":
			pwd = value
		case key == "a=candidate":
			candidates = append(candidates, value)
		}
	}
	return ufrag, pwd, candidates
}

func writeICE(head, ufrag, pwd string, candidates []string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%sa=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", head, ufrag, pwd)
	writeCandidates(&out, candidates)
	return out.String()
}

func writeCandidates(out *strings.Builder, candidates []string) {
	for _, c := range candidates {
		fmt.Fprintf(out, "a=candidate:%s\r\n", c)
	}
	out.WriteString("a=end-of-candidates\r\n")
}
