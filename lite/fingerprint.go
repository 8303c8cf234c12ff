package lite

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// fingerprint is a hash of a certificate (RFC 8122 section 5).
type fingerprint struct {
	hash string
	sum  []byte
}

// parseFingerprint reads the value of a=fingerprint. MD5 and SHA-1 are not safe.
func parseFingerprint(value string) (f fingerprint, ok bool) {
	name, sum, _ := strings.Cut(value, " ")
	for _, known := range []string{"sha-256", "sha-384", "sha-512"} {
		if strings.EqualFold(name, known) {
			f.hash = known
		}
	}
	f.sum, _ = hex.DecodeString(strings.ReplaceAll(sum, ":", ""))
	return f, f.hash != "" && len(f.sum) == len(f.of(nil))
}

// of hashes a certificate in DER.
func (f fingerprint) of(certificate []byte) []byte {
	switch f.hash {
	case "sha-384":
		sum := sha512.Sum384(certificate)
		return sum[:]
	case "sha-512":
		sum := sha512.Sum512(certificate)
		return sum[:]
	}
	sum := sha256.Sum256(certificate)
	return sum[:]
}

func (f fingerprint) matches(certificate []byte) bool {
	return subtle.ConstantTimeCompare(f.of(certificate), f.sum) == 1
}

// String gives the value of a=fingerprint.
func (f fingerprint) String() string {
	pairs := make([]string, len(f.sum))
	for i, b := range f.sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return f.hash + " " + strings.Join(pairs, ":")
}
