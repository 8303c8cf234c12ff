package lite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

// Of DTLS records (RFC 6347 section 4.1).
const (
	recordHeader      = 13
	recordAlert       = 21
	recordHandshake   = 22
	recordApplication = 23
)

// dtlsMTU bounds the datagrams of a handshake; every path carries them.
const dtlsMTU = 1200

var errFingerprint = errors.New("the client's certificate is not the one that its offer announced")

// quiet is for pion's loggers: what matters comes back as an error.
type quiet struct{ logging.LeveledLogger }

func newQuiet() quiet {
	return quiet{logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, io.Discard)}
}

func (q quiet) NewLogger(string) logging.LeveledLogger { return q.LeveledLogger }

// dtlsOptions are the same for all sessions.
func dtlsOptions(certificate tls.Certificate, logs logging.LoggerFactory) []dtls.ServerOption {
	return []dtls.ServerOption{
		dtls.WithCertificates(certificate),
		dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA),
		dtls.WithSRTPProtectionProfiles(profileGCM, profileCM),
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has verified the address
		dtls.WithFlightInterval(200 * time.Millisecond),
		dtls.WithMTU(dtlsMTU),
		dtls.WithLoggerFactory(logs),
	}
}

// handleDTLS takes a datagram of DTLS records. The first handshake message starts the handshake.
func (s *Session) handleDTLS(at place, datagram []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if s.conn == nil {
		if datagram[0] != recordHandshake {
			return
		}
		if !s.server.admission.Enter(at.addr.Addr()) {
			s.server.count.refusedHandshakes.Add(1)
			return
		}
		s.move(at) // the client speaks where it has selected
		if !s.startDTLS(at) {
			return
		}
	}
	if !s.isConnected() {
		if datagram[0] != recordApplication || s.data != nil {
			s.inbox.put(slices.Clone(datagram))
		}
		return
	}
	records, application := s.authenticRecords(datagram)
	if application {
		s.serveData(s.conn)
	}
	if len(records) > 0 {
		s.inbox.put(records)
	}
}

// startDTLS begins the handshake; the caller holds mu.
func (s *Session) startDTLS(at place) bool {
	leave := func() { s.server.admission.Leave(at.addr.Addr()) }
	box := newInbox(s)
	verify := dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || !s.fingerprint.matches(raw[0]) {
			return errFingerprint
		}
		return nil
	})
	conn, err := dtls.ServerWithOptions(box, viewerAddr{}, append(slices.Clip(s.server.dtls), verify)...)
	if err != nil {
		leave()
		s.server.log.Error("no DTLS", "error", err)
		return false
	}
	s.inbox, s.conn = box, conn
	s.running.Go(func() {
		defer leave()
		s.handshake(conn)
		if box.isClosed() { // the client hung up before it counted as connected
			s.hungUp()
		}
	})
	return true
}

func (s *Session) handshake(conn *dtls.Conn) {
	ctx, cancel := context.WithDeadline(context.Background(), s.born.Add(s.server.timeouts.setup))
	defer cancel()
	err := conn.HandshakeContext(ctx)
	if err == nil {
		err = s.install(conn)
	}
	if err != nil {
		s.server.count.failedHandshakes.Add(1)
		s.end(fmt.Errorf("%w: the DTLS handshake failed: %w", ErrNeverConnected, err))
		return
	}
	s.server.count.handshakes.Add(1)
	s.heard.Store(time.Now().UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.connect()
	if s.data != nil && s.inbox.early() {
		s.serveData(conn)
	}
}

// install puts the keys in place (RFC 5764 section 4.2): the server's for what is sent, the client's for what comes.
func (s *Session) install(conn *dtls.Conn) error {
	m, err := exportMasters(conn)
	if err != nil {
		return err
	}
	out := &sender{tracks: &s.tracks}
	if out.rtp, err = newSealer(m.profile, m.serverKey, m.serverSalt, labelKey); err != nil {
		return err
	}
	if out.rtcp, err = newSealer(m.profile, m.serverKey, m.serverSalt, labelRTCP); err != nil {
		return err
	}
	in, err := newSealer(m.profile, m.clientKey, m.clientSalt, labelRTCP)
	if err != nil {
		return err
	}
	s.feedback.open(in)
	s.sender.Store(out)
	return nil
}

// authenticRecords copies the records that are encrypted. After the handshake nothing else is wanted: pion would take an
// alert in the clear, by which anybody could end the connection. Data is kept only where it is read, or it would block pion.
func (s *Session) authenticRecords(datagram []byte) (kept []byte, application bool) {
	for len(datagram) > recordHeader {
		n := recordHeader + int(binary.BigEndian.Uint16(datagram[11:]))
		if n > len(datagram) {
			return nil, false
		}
		epoch := binary.BigEndian.Uint16(datagram[3:])
		data := datagram[0] == recordApplication
		if epoch > 0 && (!data || s.data != nil) {
			application = application || data
			kept = append(kept, datagram[:n]...)
		}
		datagram = datagram[n:]
	}
	return kept, application
}
