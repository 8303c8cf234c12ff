package check

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// answer is an SDP answer, or the offer of a server, taken apart.
type answer struct {
	text string
	sdp.SessionDescription
}

// readAnswer wants the body of a success to be SDP.
func (r *reply) readAnswer() *answer {
	a := &answer{text: r.body}
	if err := a.UnmarshalString(r.body); err != nil {
		r.probe.failf("%s was answered %s with a body that can't be read as SDP: %v", r.what, r.summary(), err)
	}
	return a
}

// sections are the m-lines.
func (a *answer) sections() []*sdp.MediaDescription { return a.MediaDescriptions }

// section is the m-line of a kind, or nil.
func (a *answer) section(kind string) *sdp.MediaDescription {
	for _, m := range a.MediaDescriptions {
		if m.MediaName.Media == kind {
			return m
		}
	}
	return nil
}

// rejected are the kinds of the m-lines that are answered with port 0 and are in no group (RFC 8829 section 5.3.1).
func (a *answer) rejected() (kinds []string) {
	for _, m := range a.MediaDescriptions {
		if m.MediaName.Port.Value == 0 && !has(m, "bundle-only") {
			kinds = append(kinds, m.MediaName.Media)
		}
	}
	return kinds
}

// attribute is the value of a line of the m-line, or else of the session.
func (a *answer) attribute(m *sdp.MediaDescription, key string) string {
	if v, ok := m.Attribute(key); ok {
		return v
	}
	v, _ := a.Attribute(key)
	return v
}

// direction is that of an m-line (RFC 8866 section 6.7).
func (a *answer) direction(m *sdp.MediaDescription) string {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, a.Attributes} {
		for _, line := range attributes {
			if slices.Contains([]string{"sendrecv", "sendonly", "recvonly", "inactive"}, line.Key) {
				return line.Key
			}
		}
	}
	return "sendrecv"
}

// bundled are the mids of the BUNDLE groups.
func (a *answer) bundled() (groups [][]string) {
	for _, line := range a.Attributes {
		if words := strings.Fields(line.Value); line.Key == "group" && len(words) > 0 && words[0] == "BUNDLE" {
			groups = append(groups, words[1:])
		}
	}
	return groups
}

func has(m *sdp.MediaDescription, key string) bool {
	_, ok := m.Attribute(key)
	return ok
}

func values(attributes []sdp.Attribute, key string) (all []string) {
	for _, line := range attributes {
		if line.Key == key {
			all = append(all, line.Value)
		}
	}
	return all
}

// isMedia tells audio and video from data channels.
func isMedia(m *sdp.MediaDescription) bool {
	return m.MediaName.Media == "audio" || m.MediaName.Media == "video"
}
