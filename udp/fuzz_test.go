package udp

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

// FuzzFrames: whatever a stranger sends is cut into frames that are in it, none longer than allowed, or given up.
func FuzzFrames(f *testing.F) {
	f.Add(frame(check("ours")))
	f.Add(append(frame(check("ours")), frame([]byte("more"))...))
	f.Add([]byte{0, 0, 0, 1, 7, 0xff, 0xff})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		c := &connection{reader: bufio.NewReaderSize(bytes.NewReader(sent), firstRead), leaving: true} // no deadlines
		rest := sent
		for {
			got, err := c.frame(firstRead - frameHeader)
			if err != nil {
				break
			}
			if want := frame(got); !bytes.HasPrefix(rest, want) {
				t.Fatalf("%x is not what %x begins with", got, rest)
			}
			rest = rest[frameHeader+len(got):]
			if name, ok := nameOf(got); ok && strings.Contains(name, ":") {
				t.Errorf("user name fragment %q", name)
			}
		}
		if len(rest) >= frameHeader {
			if n := int(rest[0])<<8 | int(rest[1]); n <= len(rest)-frameHeader && n <= firstRead-frameHeader {
				t.Errorf("a frame of %d bytes was not read", n)
			}
		}
	})
}
