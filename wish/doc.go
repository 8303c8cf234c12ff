// Package wish is WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-03) on the wire: it reads and normalizes SDP offers,
// finishes SDP answers, keeps session resources with their URLs, answers every HTTP method of the endpoints, and is a
// client of both protocols. It knows no media and no PeerConnection: who opens sessions gives it two functions.
package wish
