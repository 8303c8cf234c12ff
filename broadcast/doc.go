// Package broadcast takes RTP from one source at a time and hands it to many subscribers.
//
// A [Hub] holds the streams by name. A [Source] (a publisher, a file, another node) feeds a stream with an audio and a video
// [Track] of one or more [Layer]s, each of which keeps its packets since the last keyframe in a ring. A [Subscriber] is one
// viewer: a writer goroutine owns it, reads what is new in the rings, rewrites the RTP header to the viewer's own
// numbering, and gives the result to the viewer's [Sink].
//
// The package knows no HTTP and no PeerConnection, and imports nothing of the project.
package broadcast
