package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// TLSConfig says how HTTP is made HTTPS. Without any of it, it is not.
type TLSConfig struct {
	// Cert and Key are PEM files: the certificate with its chain, and its private key. They are read anew when they change.
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
	// Mode is TLSFiles, or TLSSelf for a certificate for this machine's names and addresses that nobody vouches for: browsers
	// warn. For trials.
	Mode string `koanf:"mode"`
}

// Where the certificate comes from.
const (
	TLSFiles = "files"
	TLSSelf  = "self"
)

const (
	lookEvery    = 5 * time.Second      // between two looks whether the files have changed
	selfLifetime = 365 * 24 * time.Hour // browsers refuse more than 398 days
	selfRenew    = 30 * 24 * time.Hour  // before its end
)

// Wanted reports whether c asks for HTTPS.
func (c TLSConfig) Wanted() bool { return c.Mode == TLSSelf || c.Cert != "" || c.Key != "" }

// TLS gives the settings for a listener, or nil if c asks for none. A certificate of our own making is kept below data, so that
// who has accepted it once need not again.
func (c TLSConfig) TLS(data string, log *slog.Logger) (*tls.Config, error) {
	switch {
	case c.Mode == TLSSelf && (c.Cert != "" || c.Key != ""):
		return nil, errors.New("tls: choose either files (tls.cert and tls.key) or a certificate made here (tls.mode self)")
	case (c.Cert == "") != (c.Key == ""):
		return nil, errors.New("tls: a certificate needs its key: set both tls.cert and tls.key")
	case c.Mode == TLSSelf:
		var err error
		if c.Cert, c.Key, err = selfSigned(filepath.Join(data, "tls")); err != nil {
			return nil, fmt.Errorf("tls: no certificate could be made: %w", err)
		}
	case c.Cert == "":
		return nil, nil
	}
	k := &keeper{files: c, log: log}
	if err := k.load(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.certificate, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// keeper has the certificate of the files as they are now.
type keeper struct {
	files TLSConfig
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamps  [2]time.Time // of the files that were read last
	looked  time.Time
}

// certificate is tls.Config.GetCertificate. It looks for new files now and then; until they can be used, the old ones serve.
func (k *keeper) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.looked) >= lookEvery {
		k.looked = now
		if k.stamps != k.modified() {
			if err := k.load(); err != nil {
				k.log.Warn("the new TLS certificate can't be used, the old one stays", "error", err)
			} else {
				k.log.Info("TLS certificate read anew", "file", k.files.Cert)
			}
		}
	}
	return k.current, nil
}

// load reads the files. It remembers their times even if they are of no use, so as to complain of them once.
func (k *keeper) load() error {
	k.stamps = k.modified()
	c, err := tls.LoadX509KeyPair(k.files.Cert, k.files.Key)
	if err != nil {
		return err
	}
	k.current = &c
	return nil
}

func (k *keeper) modified() (stamps [2]time.Time) {
	for i, name := range []string{k.files.Cert, k.files.Key} {
		if info, err := os.Stat(name); err == nil {
			stamps[i] = info.ModTime()
		}
	}
	return stamps
}

// selfSigned gives the files of a certificate for this machine, made anew when it is missing, nearly over, or not for the
// addresses that the machine has now.
func selfSigned(dir string) (certFile, keyFile string, err error) {
	certFile, keyFile = filepath.Join(dir, "self.crt"), filepath.Join(dir, "self.key")
	names, ips := ownNames()
	if c, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil && covers(c.Leaf, names, ips) {
		return certFile, keyFile, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "Bongsu, for trials"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(selfLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     names,
		IPAddresses:  ips,

		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", "", err
	}
	return certFile, keyFile, errors.Join(
		os.MkdirAll(dir, 0o700),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600),
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
	)
}

// ownNames are the names and addresses by which this machine is reached without a router between.
func ownNames() (names []string, ips []net.IP) {
	names = []string{"localhost"}
	if name, err := os.Hostname(); err == nil && name != "localhost" {
		names = append(names, name)
	}
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	return names, ips
}

func covers(c *x509.Certificate, names []string, ips []net.IP) bool {
	if time.Until(c.NotAfter) < selfRenew {
		return false
	}
	for _, name := range names {
		if c.VerifyHostname(name) != nil {
			return false
		}
	}
	for _, ip := range ips {
		if c.VerifyHostname(ip.String()) != nil {
			return false
		}
	}
	return true
}
