package lite

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/dtls/v3"
	"github.com/pion/sctp"
)

const (
	// sctpMTU leaves room for DTLS in dtlsMTU.
	sctpMTU = dtlsMTU - 40
	// maxRecord is the most data in a DTLS record (RFC 6347 section 4.1).
	maxRecord = 16 << 10
	// maxMessage is the largest message in either direction, in bytes.
	maxMessage = 256 << 10
	// receiveBuffer is what may wait to be read or to become complete, in bytes, and maxFragments the parts of that.
	receiveBuffer = 2 * maxMessage
	maxFragments  = 4096
	// maxChannels bounds the data channels that a viewer may have open at a time, maxStreams those that it may ever open.
	maxChannels = 4
	maxStreams  = 1000
	// firstID is of the first channel that the server opens: odd, as the DTLS server's are (RFC 8832 section 6), and out of the
	// way of clients that count up from 1 by mistake.
	firstID = 101
)

// data is the SCTP side of a session. It costs nothing before either side wants a channel: four goroutines more from then on.
type data struct {
	maxMessage uint32                                          // that the viewer takes
	serve      func(context.Context, *datachannel.DataChannel) // nil: channels are refused; guarded by the session's mu

	once        sync.Once
	up          chan struct{} // closes when association is set, or never will be
	association *sctp.Association
	open        chan struct{} // holds one for each open channel
	mu          sync.Mutex
	nextID      uint16
}

func newData(maxMessage uint32) *data {
	return &data{maxMessage: maxMessage, nextID: firstID, up: make(chan struct{}), open: make(chan struct{}, maxChannels)}
}

// Channels says what is done with data channels: serve is called for each, on a goroutine of its own. It must return when the
// context ends, which is with the session, or when reading fails; the channel is closed after it. Call it before the viewer has
// the answer.
func (s *Session) Channels(serve func(context.Context, *datachannel.DataChannel)) {
	if s.data != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.data.serve = serve
	}
}

// OpenChannel opens an ordered and reliable data channel to a connected viewer (RFC 8832) and has it served as those that the
// viewer opens. It does nothing for a viewer who has no data channels.
func (s *Session) OpenChannel(label string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil || s.data.serve == nil || s.ended || !s.isConnected() {
		return
	}
	s.serveData(s.conn)
	s.running.Go(func() {
		select {
		case <-s.data.up:
		case <-s.Done():
		}
		s.dial(label)
	})
}

func (s *Session) dial(label string) {
	if s.Err() != nil || s.data.association == nil {
		return
	}
	s.data.mu.Lock()
	id := s.data.nextID
	s.data.nextID += 2
	s.data.mu.Unlock()
	c, err := datachannel.Dial(s.data.association, id, &datachannel.Config{Label: label, LoggerFactory: s.server.logs})
	if err != nil {
		return // the association has ended
	}
	defer func() { _ = c.Close() }()
	s.data.serve(s.life, c)
}

// serveData runs the SCTP association; the first call counts. When it ends, be it by the viewer's fault, sound and picture go on.
// The caller holds mu.
func (s *Session) serveData(conn *dtls.Conn) {
	s.data.once.Do(func() {
		s.running.Go(func() {
			s.associate(conn)
			discard(conn)
		})
	})
}

// associate makes the association with the viewer and serves its channels.
func (s *Session) associate(conn *dtls.Conn) {
	a, err := sctp.ClientWithOptions( // both sides may begin (RFC 8831 section 6.2)
		sctp.WithNetConn(unclosed{conn}), sctp.WithLoggerFactory(s.server.logs), sctp.WithMTU(sctpMTU),
		sctp.WithMaxMessageSize(s.data.maxMessage), sctp.WithMaxReceiveBufferSize(receiveBuffer), sctp.WithMaxReassemblyQueueEntries(maxFragments),
	)
	if err != nil {
		close(s.data.up)
		return
	}
	defer func() { _ = a.Close() }()
	s.data.association = a
	close(s.data.up)
	s.acceptChannels(a)
}

// discard reads a connection until its end: pion's reader would wait for somebody to. Errors of single records come by the way.
func discard(conn *dtls.Conn) {
	_ = conn.SetDeadline(time.Time{})
	for b := make([]byte, maxRecord); ; {
		if _, err := conn.Read(b); errors.Is(err, io.EOF) || errors.Is(err, dtls.ErrConnClosed) {
			return
		}
	}
}

// unclosed outlives the association on it.
type unclosed struct{ *dtls.Conn }

// Close implements net.Conn.
func (unclosed) Close() error { return nil }

// acceptChannels takes the channels that the viewer opens, until the association ends.
func (s *Session) acceptChannels(a *sctp.Association) {
	for range maxStreams {
		stream, err := a.AcceptStream()
		if err != nil {
			return
		}
		select {
		case s.data.open <- struct{}{}:
			s.running.Go(func() {
				defer func() { <-s.data.open }()
				s.serveChannel(stream)
			})
		default:
			_ = stream.Close()
		}
	}
	a.Abort("too many data channels")
}

func (s *Session) serveChannel(stream *sctp.Stream) {
	defer func() { _ = stream.Close() }()
	c, err := datachannel.Server(stream, &datachannel.Config{LoggerFactory: s.server.logs})
	if err != nil {
		return
	}
	s.mu.Lock()
	serve := s.data.serve
	s.mu.Unlock()
	if serve != nil {
		serve(s.life, c)
	}
}
