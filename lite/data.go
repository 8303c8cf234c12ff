package lite

import (
	"context"
	"errors"
	"sync"

	"github.com/pion/datachannel"
	"github.com/pion/dtls/v3"
	"github.com/pion/sctp"
)

const (
	// sctpMTU leaves room for DTLS in dtlsMTU.
	sctpMTU = dtlsMTU - 40
	// maxMessage is the largest message taken, in bytes.
	maxMessage = 64 << 10
	// maxChannels bounds the data channels that a viewer may have open.
	maxChannels = 4
)

// ErrNoData is the error of a viewer who has no data channels.
var ErrNoData = errors.New("the viewer has no data channels")

// data is the SCTP side of a session. It costs nothing before either side wants a channel: four goroutines more from then on.
type data struct {
	agreed bool // in offer and answer

	once        sync.Once
	up          chan struct{} // closes when association is set
	association *sctp.Association
	open        chan struct{} // holds one for each open channel
	mu          sync.Mutex
	lastID      uint16
}

// serveData runs the SCTP association; the first call counts.
func (s *Session) serveData(conn *dtls.Conn) {
	s.data.once.Do(func() {
		s.running.Go(func() {
			a, err := sctp.ClientWithOptions(sctp.Config{ // both sides may begin (RFC 8831 section 6.2)
				NetConn: conn, LoggerFactory: s.server.logs, MTU: sctpMTU, MaxReceiveBufferSize: maxMessage, MaxMessageSize: maxMessage,
			})
			if err != nil {
				return // the connection has ended
			}
			defer func() { _ = a.Close() }()
			s.data.association = a
			close(s.data.up)
			s.acceptChannels(a)
		})
	})
}

// acceptChannels takes the channels that the viewer opens, until the association ends.
func (s *Session) acceptChannels(a *sctp.Association) {
	for {
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
}

func (s *Session) serveChannel(stream *sctp.Stream) {
	c, err := datachannel.Server(stream, &datachannel.Config{LoggerFactory: s.server.logs})
	if err != nil {
		_ = stream.Close()
		return
	}
	defer func() { _ = c.Close() }()
	s.server.channel(s, c)
}

// OpenChannel opens a data channel to a connected viewer (RFC 8832).
func (s *Session) OpenChannel(ctx context.Context, label string) (*datachannel.DataChannel, error) {
	s.mu.Lock()
	conn := s.conn
	if !s.data.agreed || s.ended || !s.isConnected() {
		s.mu.Unlock()
		return nil, ErrNoData
	}
	s.serveData(conn)
	s.mu.Unlock()
	select {
	case <-s.data.up:
	case <-s.Done():
		return nil, s.Err()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.data.mu.Lock()
	s.data.lastID += 2 // from 1: the DTLS server's are odd (RFC 8832 section 6)
	id := s.data.lastID - 1
	s.data.mu.Unlock()
	return datachannel.Dial(s.data.association, id, &datachannel.Config{Label: label, LoggerFactory: s.server.logs})
}
