package lite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // HMAC-SHA1 is what SRTP has (RFC 3711 section 4.2.1)
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"github.com/pion/dtls/v3"
)

// The SRTP protection profiles, best first (RFC 7714 section 14.2, RFC 5764 section 4.1.2).
const (
	profileGCM = dtls.SRTP_AEAD_AES_128_GCM
	profileCM  = dtls.SRTP_AES128_CM_HMAC_SHA1_80
)

const (
	keySize = 16
	// maxOverhead is the most that sealing adds to a packet: GCM's tag and SRTCP's index.
	maxOverhead = 16 + indexSize
	indexSize   = 4
	rtcpHeader  = 8       // of an SRTCP packet, what stays readable
	encrypted   = 1 << 31 // the E bit before the SRTCP index
)

// sealer protects packets of one direction, of SRTP or of SRTCP, under a session key. It is not for concurrent use.
type sealer interface {
	// sealRTP puts the sealed payload after the header in dst[:header]; payload may stand there already. It gives the
	// packet's size. The index is the rollover counter and the sequence number (RFC 3711 section 3.3.1).
	sealRTP(dst []byte, header int, payload []byte, ssrc uint32, index uint64) int
	// sealRTCP seals the compound packet dst[:n] in place and gives its new size.
	sealRTCP(dst []byte, n int, index uint32) int
	// openRTCP appends what it opens to dst. The index is not checked for replay.
	openRTCP(dst, packet []byte) (plain []byte, index uint32, err error)
}

var errForged = errors.New("SRTCP packet is not authentic")

// masters are the master keys and salts of both directions.
type masters struct {
	profile                                      dtls.SRTPProtectionProfile
	clientKey, serverKey, clientSalt, serverSalt []byte
}

// exportMasters takes the keys out of a finished handshake (RFC 5764 section 4.2).
func exportMasters(c *dtls.Conn) (m masters, err error) {
	state, ok := c.ConnectionState()
	p, agreed := c.SelectedSRTPProtectionProfile()
	if !ok || !agreed {
		return m, errors.New("the client agreed to no SRTP protection profile")
	}
	salt := saltSize(p)
	b, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(keySize+salt))
	if err != nil {
		return m, fmt.Errorf("no SRTP keys: %w", err)
	}
	next := func(n int) []byte {
		part := b[:n]
		b = b[n:]
		return part
	}
	return masters{p, next(keySize), next(keySize), next(salt), next(salt)}, nil
}

func saltSize(p dtls.SRTPProtectionProfile) int {
	if p == profileGCM {
		return 12
	}
	return 14
}

// The labels of key derivation; SRTCP's are three more (RFC 3711 section 4.3.1).
const (
	labelKey = iota
	labelAuth
	labelSalt
	labelRTCP
)

// newSealer derives session keys: for SRTP with first = labelKey, for SRTCP with first = labelRTCP.
func newSealer(p dtls.SRTPProtectionProfile, key, salt []byte, first byte) (sealer, error) {
	session := derive(key, salt, first+labelKey, keySize)
	sessionSalt := derive(key, salt, first+labelSalt, saltSize(p))
	switch p {
	case profileGCM:
		return newGCM(session, sessionSalt)
	case profileCM:
		return newCM(session, sessionSalt, derive(key, salt, first+labelAuth, sha1.Size))
	}
	return nil, fmt.Errorf("SRTP protection profile %v is not supported", p)
}

// derive is the key derivation function with a derivation rate of 0 (RFC 3711 section 4.3.3, RFC 7714 section 11).
func derive(key, salt []byte, label byte, n int) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 16 bytes
	}
	var in, out [aes.BlockSize]byte
	copy(in[:], salt)
	in[7] ^= label
	var all []byte
	for i := uint16(0); len(all) < n; i++ {
		binary.BigEndian.PutUint16(in[14:], i)
		block.Encrypt(out[:], in[:])
		all = append(all, out[:]...)
	}
	return all[:n]
}

// gcm is AEAD_AES_128_GCM (RFC 7714).
type gcm struct {
	aead     cipher.AEAD
	salt, iv [12]byte
	extra    [rtcpHeader + indexSize]byte
}

func newGCM(key, salt []byte) (*gcm, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	g := &gcm{}
	copy(g.salt[:], salt)
	g.aead, err = cipher.NewGCM(block)
	return g, err
}

// nonce is for one packet: no two different ones may have the same SSRC and index (RFC 7714 section 8.1).
func (g *gcm) nonce(ssrc uint32, index uint64) []byte {
	copy(g.iv[:4], g.salt[:])
	binary.BigEndian.PutUint64(g.iv[4:], binary.BigEndian.Uint64(g.salt[4:])^index&(1<<48-1))
	binary.BigEndian.PutUint32(g.iv[2:], binary.BigEndian.Uint32(g.iv[2:])^ssrc)
	return g.iv[:]
}

func (g *gcm) sealRTP(dst []byte, header int, payload []byte, ssrc uint32, index uint64) int {
	return header + len(g.aead.Seal(dst[header:header], g.nonce(ssrc, index), payload, dst[:header]))
}

func (g *gcm) sealRTCP(dst []byte, n int, index uint32) int {
	ssrc := binary.BigEndian.Uint32(dst[4:])
	n = rtcpHeader + len(g.aead.Seal(dst[rtcpHeader:rtcpHeader], g.nonce(ssrc, uint64(index)), dst[rtcpHeader:n], g.associated(dst, index|encrypted)))
	binary.BigEndian.PutUint32(dst[n:], index|encrypted)
	return n + indexSize
}

// associated is what of an SRTCP packet is authenticated but not encrypted (RFC 7714 section 9.2).
func (g *gcm) associated(packet []byte, index uint32) []byte {
	copy(g.extra[:], packet[:rtcpHeader])
	binary.BigEndian.PutUint32(g.extra[rtcpHeader:], index)
	return g.extra[:]
}

func (g *gcm) openRTCP(dst, packet []byte) (plain []byte, index uint32, err error) {
	n := len(packet) - indexSize
	if n < rtcpHeader+g.aead.Overhead() {
		return nil, 0, errForged
	}
	trailer := binary.BigEndian.Uint32(packet[n:])
	if trailer&encrypted == 0 {
		return nil, 0, errForged // WebRTC has no unencrypted SRTCP
	}
	index = trailer &^ encrypted
	ssrc := binary.BigEndian.Uint32(packet[4:])
	dst = append(dst, packet[:rtcpHeader]...)
	plain, err = g.aead.Open(dst, g.nonce(ssrc, uint64(index)), packet[rtcpHeader:n], g.associated(packet, trailer))
	if err != nil {
		return nil, 0, errForged
	}
	return plain, index, nil
}

// cm is AES_CM_128_HMAC_SHA1_80: AES in counter mode (RFC 3711 section 4.1.1), authenticated by HMAC-SHA1.
type cm struct {
	block   cipher.Block
	mac     hash.Hash
	salt    [16]byte
	counter [16]byte
	stream  [16 * aes.BlockSize]byte
	sum     [sha1.Size]byte
}

const cmTag = 10

func newCM(key, salt, auth []byte) (*cm, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	c := &cm{block: block, mac: hmac.New(sha1.New, auth)}
	copy(c.salt[:], salt)
	return c, nil
}

// xor encrypts or decrypts. The standard library's counter mode would allocate for each packet.
func (c *cm) xor(dst, src []byte, ssrc uint32, index uint64) {
	c.counter = c.salt
	binary.BigEndian.PutUint32(c.counter[4:], binary.BigEndian.Uint32(c.counter[4:])^ssrc)
	binary.BigEndian.PutUint64(c.counter[8:], binary.BigEndian.Uint64(c.counter[8:])^index<<16)
	for block := uint16(0); len(src) > 0; {
		n := min(len(src), len(c.stream))
		for i := 0; i < n; i += aes.BlockSize {
			binary.BigEndian.PutUint16(c.counter[14:], block)
			c.block.Encrypt(c.stream[i:], c.counter[:])
			block++
		}
		subtle.XORBytes(dst, src, c.stream[:n])
		dst, src = dst[n:], src[n:]
	}
}

// tag authenticates the packet, and the rollover counter of SRTP after it.
func (c *cm) tag(packet, rollover []byte) []byte {
	c.mac.Reset()
	c.mac.Write(packet)
	c.mac.Write(rollover)
	return c.mac.Sum(c.sum[:0])[:cmTag]
}

func (c *cm) sealRTP(dst []byte, header int, payload []byte, ssrc uint32, index uint64) int {
	n := header + len(payload)
	c.xor(dst[header:n], payload, ssrc, index)
	rollover := c.counter[:4] // free now
	binary.BigEndian.PutUint32(rollover, uint32(index>>16))
	return n + copy(dst[n:n+cmTag], c.tag(dst[:n], rollover))
}

func (c *cm) sealRTCP(dst []byte, n int, index uint32) int {
	c.xor(dst[rtcpHeader:n], dst[rtcpHeader:n], binary.BigEndian.Uint32(dst[4:]), uint64(index))
	binary.BigEndian.PutUint32(dst[n:], index|encrypted)
	n += indexSize
	return n + copy(dst[n:n+cmTag], c.tag(dst[:n], nil))
}

func (c *cm) openRTCP(dst, packet []byte) (plain []byte, index uint32, err error) {
	n := len(packet) - cmTag - indexSize
	if n < rtcpHeader || subtle.ConstantTimeCompare(c.tag(packet[:n+indexSize], nil), packet[n+indexSize:]) != 1 {
		return nil, 0, errForged
	}
	index = binary.BigEndian.Uint32(packet[n:])
	if index&encrypted == 0 {
		return nil, 0, errForged
	}
	index &^= encrypted
	dst = append(dst, packet[:n]...)
	body := dst[len(dst)-n+rtcpHeader:]
	c.xor(body, body, binary.BigEndian.Uint32(packet[4:]), uint64(index))
	return dst, index, nil
}
