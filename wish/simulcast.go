package wish

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// maxRIDs bounds the layers of a simulcast; browsers and OBS send up to four.
const maxRIDs = 8

// readRIDs reads the layers that the client sends: its a=rid lines (RFC 8851), in the order of a=simulcast (RFC 8853
// section 5.1). Without that line there is no simulcast.
func (s *section) readRIDs() error {
	if s.Kind != kindVideo {
		return nil
	}
	var declared []string
	order := ""
	for _, a := range s.Attributes {
		switch a.Key {
		case "rid":
			id, rest, _ := strings.Cut(a.Value, " ")
			if !isToken(id, "-_") {
				return s.malformed("a=rid:%s: a rid is made of letters, digits, \"-\" and \"_\"", a.Value)
			}
			if direction, _, _ := strings.Cut(rest, " "); direction == "send" && !slices.Contains(declared, id) {
				declared = append(declared, id)
			}
		case "simulcast":
			order = sendStreams(a.Value)
		case "ssrc-group":
			if strings.HasPrefix(a.Value, "SIM ") {
				return s.unprocessable("simulcast by a=ssrc-group:SIM is not supported; offer simulcast with a=rid (sendEncodings with a rid each)")
			}
		}
	}
	if len(declared) > maxRIDs {
		return s.unprocessable("it offers %d simulcast layers; offer at most %d", len(declared), maxRIDs)
	}
	s.paused = make(map[string]bool)
	for id := range strings.FieldsFuncSeq(order, func(r rune) bool { return r == ';' || r == ',' }) {
		id, paused := strings.CutPrefix(id, "~")
		if slices.Contains(declared, id) && !slices.Contains(s.RIDs, id) {
			s.RIDs = append(s.RIDs, id)
			s.paused[id] = paused
		}
	}
	return nil
}

// sendStreams is the list after "send" in the value of an a=simulcast line, which may hold a "recv" list too.
func sendStreams(simulcast string) string {
	fields := strings.Fields(simulcast)
	if i := slices.Index(fields, "send"); i >= 0 && i+1 < len(fields) {
		return strings.TrimPrefix(fields[i+1], "rid=") // the syntax of an old draft
	}
	return ""
}

// checkTracks refuses what a publisher's packets could not be told apart by.
func checkTracks(sections []*section) error {
	taken := make(map[uint8]*section)
	for _, s := range sections {
		types := slices.Collect(maps.Keys(s.RTX))
		for _, c := range s.Codecs {
			types = append(types, c.PayloadType)
		}
		for _, pt := range types {
			if other := taken[pt]; other != nil && other != s {
				return s.unprocessable("payload type %d stands for a codec of m-line %d too; give each codec its own (RFC 9143 section 9.1)", pt, other.Index)
			}
			taken[pt] = s
		}
		for _, uri := range []string{sdp.SDESMidURI, sdp.SDESRTPStreamIDURI} {
			if len(s.RIDs) > 0 && !slices.ContainsFunc(s.extensions, func(line string) bool { return slices.Contains(strings.Fields(line), uri) }) {
				return s.unprocessable("its simulcast layers can't be told apart without a=extmap of %s", uri)
			}
		}
	}
	return checkStreamID(sections)
}

// checkStreamID refuses tracks of different MediaStreams (RFC 9725 section 4.4.2). A missing msid and "-", which means
// no stream (RFC 8830 section 2), are tolerated.
func checkStreamID(sections []*section) error {
	stream := ""
	for _, s := range sections {
		for _, a := range s.Attributes {
			var id string
			switch a.Key {
			case "msid":
				id, _, _ = strings.Cut(a.Value, " ")
			case "ssrc":
				_, attribute, _ := strings.Cut(a.Value, " ")
				value, ok := strings.CutPrefix(attribute, "msid:")
				if !ok {
					continue
				}
				id, _, _ = strings.Cut(value, " ")
			}
			if id == "" || id == "-" || id == stream {
				continue
			}
			if stream != "" {
				return s.unprocessable("its track belongs to MediaStream %.64q, another to %.64q; put all tracks into one MediaStream", id, stream)
			}
			stream = id
		}
	}
	return nil
}

// msid gives the stream and track that the m-line's a=msid names, with stand-ins for what is missing.
func (s *section) msid() string {
	value, _ := s.Attribute("msid")
	stream, track, _ := strings.Cut(strings.TrimSpace(value), " ")
	if stream == "" {
		stream = "-"
	}
	if track, _, _ = strings.Cut(strings.TrimSpace(track), " "); track == "" {
		track = s.Mid
	}
	return fmt.Sprintf("%s %s", stream, track)
}

// isToken reports whether s is not empty and made of ASCII letters, digits and the extra characters.
func isToken(s, extra string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(extra, r)
	})
}
