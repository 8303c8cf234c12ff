package chat

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// keys signs what members bring back: the token that keeps their identity, and invitations. Nothing is stored for either.
type keys struct{ secret []byte }

// openKeys reads the key of a data folder, or makes it at the first start.
func openKeys(data string) (*keys, error) {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails (its documentation)
	if data == "" {
		return &keys{fresh}, nil
	}
	dir := filepath.Join(data, "chat")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder can't be used: %w", err)
	}
	secret, err := os.ReadFile(filepath.Join(dir, "key"))
	if errors.Is(err, fs.ErrNotExist) {
		secret, err = fresh, writeFile(dir, "key", fresh)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the key that signs the members' tokens: %w", err)
	case len(secret) != len(fresh):
		return nil, fmt.Errorf("%s/key has %d bytes, not %d; delete it to get a new key (members then get new identities)", dir, len(secret), len(fresh))
	}
	return &keys{secret}, nil
}

// writeFile replaces a file of a folder as a whole, and returns when it is on the disk.
func writeFile(dir, name string, content []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	fresh := name + ".new"
	f, err := root.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := root.Rename(fresh, name); err != nil {
		return err
	}
	if d, err := root.Open("."); err == nil {
		_ = d.Sync() // not every system can
		_ = d.Close()
	}
	return nil
}

func (k *keys) sign(what, of string) string {
	mac := hmac.New(sha256.New, k.secret)
	_, _ = mac.Write([]byte(what + "\x00" + of))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

func (k *keys) signed(what, of, signature string) bool {
	return subtle.ConstantTimeCompare([]byte(k.sign(what, of)), []byte(signature)) == 1
}

// issue makes a new identity, and the token that keeps it.
func (k *keys) issue() (identity, token string) {
	identity = strings.ToLower(ulid.Make().String())
	return identity, identity + "." + k.sign("member", identity)
}

// identity gives the identity of a token. The error wraps ErrToken.
func (k *keys) identity(token string) (string, error) {
	identity, signature, _ := strings.Cut(token, ".")
	if !k.signed("member", identity, signature) {
		return "", refuse(ErrToken, "leave it out to get a new one")
	}
	return identity, nil
}

// since tells when an identity of ours was made; false for those that the caller brings.
func since(identity string) (time.Time, bool) {
	id, err := ulid.ParseStrict(strings.ToUpper(identity))
	if err != nil || len(identity) != ulid.EncodedSize {
		return time.Time{}, false
	}
	return ulid.Time(id.Time()), true
}

// invite makes an invitation to a room: it holds while the room's epoch is this one, and until then.
func (k *keys) invite(stream string, epoch int, until time.Time) string {
	what := strconv.Itoa(epoch) + "." + strconv.FormatInt(until.Unix(), 10)
	return what + "." + k.sign("invitation", stream+"\x00"+what)
}

// invited gives the epoch of an invitation. The error wraps ErrToken.
func (k *keys) invited(stream, invitation string, now time.Time) (epoch int, err error) {
	epochText, rest, _ := strings.Cut(invitation, ".")
	untilText, signature, _ := strings.Cut(rest, ".")
	if !k.signed("invitation", stream+"\x00"+epochText+"."+untilText, signature) {
		return 0, refuse(ErrToken, "this is no invitation to this room")
	}
	epoch, errEpoch := strconv.Atoi(epochText)
	until, errUntil := strconv.ParseInt(untilText, 10, 64)
	if errEpoch != nil || errUntil != nil || now.Unix() > until {
		return 0, refuse(ErrToken, "the invitation is over; ask for a new one")
	}
	return epoch, nil
}
