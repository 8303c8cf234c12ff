// Package lite is a WHEP viewer's transport without a PeerConnection: it answers the offer itself and speaks ICE as a lite
// agent (RFC 8445 section 2.5), DTLS as the server (RFC 5764), SRTP and SRTCP (RFC 3711, RFC 7714), RTX (RFC 4588) and data
// channels (RFC 8831), on sockets that it shares with everything else.
//
// A [Server] demultiplexes what comes in: STUN by user name fragment, the rest by address; what it does not know is left for
// others. A [Session] is one viewer, and the broadcast.Sink of its subscription: packets are sealed straight into the batch
// of the writer that brings them, with no copy, lock or allocation between.
//
// Nothing is sent to an address that has not passed a connectivity check but the answer to one, and no media to an address
// that has not shown that it receives.
package lite
