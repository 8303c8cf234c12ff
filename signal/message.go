package signal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// Errors of /signal, beside those of the endpoints.
var (
	ErrMessage = errors.New("not a message")                 // 400
	ErrTaken   = errors.New("this id is taken")              // 409
	ErrGone    = errors.New("nothing is left to be resumed") // 410
)

// maxID is the length of a session's id, in characters.
const maxID = 64

// request is a message of the client, with the members of all types.
type request struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Resume    string          `json:"resume"`
	Received  *int            `json:"received"`
	Stream    string          `json:"stream"`
	Token     string          `json:"token"`
	SDP       string          `json:"sdp"`
	Trickle   bool            `json:"trickle"`
	Candidate *string         `json:"candidate"`
	Fragment  string          `json:"fragment"`
	RID       string          `json:"rid"`
	Frame     json.RawMessage `json:"frame"`
}

// parseRequest reads a frame. Errors wrap ErrMessage; what could be read is there even then, for the id.
func parseRequest(frame []byte) (m *request, err error) {
	m = &request{}
	if !utf8.Valid(frame) {
		return m, fmt.Errorf("%w: it is not UTF-8", ErrMessage)
	}
	if err := json.Unmarshal(frame, m); err != nil {
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) && wrong.Field != "" {
			return m, fmt.Errorf("%w: %q is not to be a JSON %s", ErrMessage, wrong.Field, wrong.Value)
		}
		return m, fmt.Errorf("%w: it is to be one JSON object", ErrMessage)
	}
	if fault := m.fault(); fault != "" {
		return m, fmt.Errorf("%w: %s", ErrMessage, fault)
	}
	return m, nil
}

// fault says what is wrong with a message, or "".
func (m *request) fault() string {
	switch {
	case m.Type == "hello" && m.Received != nil && *m.Received < 0:
		return `"received" is a number of messages`
	case m.Type == "hello":
		return ""
	case !validID(m.ID):
		return fmt.Sprintf(`"id" has 1 to %d characters`, maxID)
	}
	switch m.Type {
	case "play", "layers", "bye":
		return ""
	case "publish", "answer":
		return missing("sdp", m.SDP)
	case "restart":
		return missing("fragment", m.Fragment)
	case "candidate":
		return m.candidateFault()
	case "chat":
		return missing("frame", string(m.Frame))
	}
	return fmt.Sprintf(`nothing is known of the "type" %.20q`, m.Type)
}

// about is the type of a message that is not good, if it has one.
func (m *request) about() string {
	if len(m.Type) > maxID {
		return ""
	}
	return m.Type
}

func missing(name, value string) string {
	if value == "" {
		return fmt.Sprintf("%q is missing", name)
	}
	return ""
}

func (m *request) candidateFault() string {
	switch {
	case m.Candidate == nil:
		return `"candidate" is missing; it is "" when there are no more`
	case strings.ContainsFunc(*m.Candidate, unicode.IsControl):
		return `"candidate" is one line`
	}
	return ""
}

func validID(id string) bool {
	return id != "" && utf8.RuneCountInString(id) <= maxID && !strings.ContainsFunc(id, unicode.IsControl)
}

// candidateFragment is the SDP fragment (RFC 8840 section 9) that says what a candidate message says.
func candidateFragment(value string) []byte {
	if value == "" {
		return []byte("a=end-of-candidates\r\n")
	}
	return []byte("a=candidate:" + strings.TrimPrefix(value, "candidate:") + "\r\n")
}

// message is one of the server, with the members of all types.
type message struct {
	Type       string          `json:"type"`
	ID         string          `json:"id,omitempty"`
	Resume     string          `json:"resume,omitempty"`
	Within     int             `json:"within,omitempty"`
	Sessions   []string        `json:"sessions,omitzero"`
	SDP        string          `json:"sdp,omitempty"`
	Expires    string          `json:"expires,omitempty"`
	ICEServers []iceServer     `json:"iceServers,omitzero"`
	Candidate  *string         `json:"candidate,omitempty"`
	SDPMid     *string         `json:"sdpMid,omitempty"`
	Fragment   string          `json:"fragment,omitempty"`
	Event      string          `json:"event,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	Layers     json.RawMessage `json:"layers,omitempty"`
	Frame      json.RawMessage `json:"frame,omitempty"`
	Code       string          `json:"code,omitempty"`
	Reason     string          `json:"reason,omitempty"`
	About      string          `json:"about,omitempty"`
	Problem    *Problem        `json:"problem,omitempty"`
	RetryAfter int             `json:"retryAfter,omitempty"`
}

// iceServer is W3C WebRTC's RTCIceServer.
type iceServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

func (m message) encode() []byte {
	frame, err := json.Marshal(m)
	if err != nil { // only for what a hook has given, which then is no JSON
		frame, _ = json.Marshal(refusal(m.Type, m.ID, err, nil))
	}
	return frame
}

// refusal tells an error that a message led to, with the headers that HTTP would have answered.
func refusal(about, id string, err error, reply http.Header) message {
	_, p := Status(err)
	retry, _ := strconv.Atoi(reply.Get(echo.HeaderRetryAfter))
	return message{Type: "error", ID: id, About: about, Problem: &p, RetryAfter: retry}
}

// splitCandidates takes the candidates out of a description. All are of one m-line, whose mid it gives.
func splitCandidates(sdp string) (bare, mid string, candidates []string) {
	var out strings.Builder
	mids, section, home := []string{""}, 0, 0
	for line := range strings.Lines(sdp) {
		text := strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(text, "a=candidate:"):
			candidates, home = append(candidates, text[len("a="):]), section
			continue
		case text == "a=end-of-candidates":
			continue
		case strings.HasPrefix(text, "m="):
			mids = append(mids, "")
			section++
		case strings.HasPrefix(text, "a=mid:"):
			mids[section] = text[len("a=mid:"):]
		}
		out.WriteString(line)
	}
	return out.String(), mids[home], candidates
}

// servers tells the ICE servers, with credentials that hold now.
func (s *Server) servers() []iceServer {
	list := []iceServer{}
	for _, server := range s.ICEServers {
		username, credential := server.Credentials(time.Now())
		list = append(list, iceServer{server.URLs, username, credential})
	}
	return list
}
