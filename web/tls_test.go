package web

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// served does a handshake with a server of these settings and gives the certificate that it showed.
func served(t *testing.T, c *tls.Config, roots *x509.CertPool, name string) *x509.Certificate {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	_ = near.SetDeadline(time.Now().Add(20 * time.Second))
	_ = far.SetDeadline(time.Now().Add(20 * time.Second))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Server(far, c).Handshake()
	}()
	client := tls.Client(near, &tls.Config{RootCAs: roots, ServerName: name})
	if err := client.Handshake(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	<-done
	return client.ConnectionState().PeerCertificates[0]
}

func trust(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate in the file", err)
	}
	return pool
}

// TestSelfSigned: the certificate is valid for this machine's names, for nobody else to read, and stays the same.
func TestSelfSigned(t *testing.T) {
	data := t.TempDir()
	c, err := TLSConfig{Mode: TLSSelf}.TLS(data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	roots := trust(t, filepath.Join(data, "tls", "self.crt"))
	first := served(t, c, roots, "localhost")
	served(t, c, roots, "127.0.0.1")
	info, err := os.Stat(filepath.Join(data, "tls", "self.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v (%v)", info.Mode(), err)
	}
	again, err := TLSConfig{Mode: TLSSelf}.TLS(data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if second := served(t, again, roots, "localhost"); !second.Equal(first) {
		t.Error("a second start made a second certificate")
	}
}

// TestReload: new files are taken without a restart, and what can't be used is not.
func TestReload(t *testing.T) {
	oldCert, oldKey, err := selfSigned(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	newCert, newKey, err := selfSigned(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{files: TLSConfig{Cert: oldCert, Key: oldKey}, log: slog.New(slog.DiscardHandler)}
	if err := k.load(); err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{GetCertificate: k.certificate}
	oldRoots, newRoots := trust(t, oldCert), trust(t, newCert)
	replace := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
		k.looked = time.Time{}
	}
	if err := os.Chtimes(newCert, time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	replace(newCert, oldCert) // the key does not fit yet
	served(t, c, oldRoots, "localhost")
	replace(newKey, oldKey)
	served(t, c, newRoots, "localhost")
	if err := os.WriteFile(oldCert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.looked = time.Time{}
	served(t, c, newRoots, "localhost")
}

// TestTLSErrors: half a configuration is an error that says what is missing, and none is no TLS.
func TestTLSErrors(t *testing.T) {
	for name, c := range map[string]TLSConfig{
		"no key":     {Cert: "a.crt"},
		"no cert":    {Key: "a.key"},
		"both ways":  {Cert: "a.crt", Key: "a.key", Mode: TLSSelf},
		"no file":    {Cert: "/nonexistent/a.crt", Key: "/nonexistent/a.key"},
		"no folder":  {Mode: TLSSelf},
		"not wanted": {},
	} {
		data := t.TempDir()
		if name == "no folder" {
			data = filepath.Join(data, "file")
			if err := os.WriteFile(data, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		settings, err := c.TLS(data, slog.New(slog.DiscardHandler))
		if settings != nil || (err == nil) != (name == "not wanted") {
			t.Errorf("%s: %v, %v", name, settings, err)
		}
	}
}
