package channel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/logging"
	"github.com/pion/sctp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a channel's two ends.
func pair(t *testing.T) (ours *Conn, theirs *datachannel.DataChannel) {
	t.Helper()
	a, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := net.DialUDP("udp4", nil, a.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	ends := make(chan *sctp.Association, 1)
	go func() {
		end, err := associate(&replier{UDPConn: a, to: b.LocalAddr()}, MaxMessage)
		if err != nil {
			t.Error(err)
		}
		ends <- end
	}()
	client, err := associate(b, 2*MaxMessage)
	if err != nil {
		t.Fatal(err)
	}
	server := <-ends
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	if theirs, err = datachannel.Dial(client, 0, &datachannel.Config{Label: LabelChat, LoggerFactory: quiet()}); err != nil {
		t.Fatal(err)
	}
	dc, err := datachannel.Accept(server, &datachannel.Config{LoggerFactory: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	ours = newConn(dc)
	t.Cleanup(func() { _ = ours.Close() })
	return ours, theirs
}

func associate(conn net.Conn, maxMessage uint32) (*sctp.Association, error) {
	return sctp.ClientWithOptions(sctp.WithNetConn(conn), sctp.WithLoggerFactory(quiet()), sctp.WithMaxMessageSize(maxMessage))
}

func quiet() logging.LoggerFactory { return &logging.DefaultLoggerFactory{Writer: io.Discard} }

// replier is an unconnected socket with one to talk to.
type replier struct {
	*net.UDPConn
	to net.Addr
}

func (r *replier) Write(b []byte) (int, error) { return r.WriteTo(b, r.to) }

// TestRead: messages of all sizes come whole, up to the largest.
func TestRead(t *testing.T) {
	c, theirs := pair(t)
	for _, size := range []int{0, 1, smallMessage, smallMessage + 1, 64 << 10, MaxMessage - 1, MaxMessage} {
		for _, text := range []bool{true, false} {
			sent := bytes.Repeat([]byte{byte(size), 'x', 'y'}, size/3+1)[:size]
			if _, err := theirs.WriteDataChannel(sent, text); err != nil {
				t.Fatal(err)
			}
			if got, is, err := c.read(); err != nil || is != text || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes, text %v: %d bytes, text %v, %v", size, text, len(got), is, err)
			}
		}
	}
	if _, err := theirs.WriteDataChannel(make([]byte, MaxMessage+1), false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.read(); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// TestFrames: the chat sees only text.
func TestFrames(t *testing.T) {
	c, theirs := pair(t)
	for _, text := range []bool{false, true} {
		if _, err := theirs.WriteDataChannel([]byte("hello"), text); err != nil {
			t.Fatal(err)
		}
	}
	if frame, err := c.ReadFrame(); err != nil || string(frame) != "hello" {
		t.Errorf("%q, %v", frame, err)
	}
	if err := c.WriteFrame([]byte("안녕")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, text, err := theirs.ReadDataChannel(b); err != nil || !text || string(b[:n]) != "안녕" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadFrame(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// fill writes until the other end, which reads nothing, takes no more.
func fill(c *Conn) error {
	for {
		if err := c.WriteFrame(make([]byte, 32<<10)); err != nil {
			return err
		}
	}
}

// TestSlowClient: who does not read holds a writer up for a while, and no longer.
func TestSlowClient(t *testing.T) {
	c, theirs := pair(t)
	c.patience = 50 * time.Millisecond
	if err := fill(c); !errors.Is(err, ErrSlow) {
		t.Error(err)
	}
	b := make([]byte, 32<<10)
	c.patience = 10 * time.Second
	done := make(chan error, 1)
	go func() { done <- c.WriteFrame([]byte("next")) }()
	read := 0
	for n := len(b); n == len(b); read++ {
		var err error
		if n, _, err = theirs.ReadDataChannel(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil || read < 2 {
		t.Errorf("%v after %d frames were read", err, read)
	}
}

// TestClose ends reading and writing at once, though the client does nothing.
func TestClose(t *testing.T) {
	c, _ := pair(t)
	ends := make(chan error, 2)
	go func() { ends <- fill(c) }()
	go func() { _, err := c.ReadFrame(); ends <- err }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for c.dc.BufferedAmount() <= maxQueued {
		<-tick.C
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		select {
		case err := <-ends:
			if err == nil {
				t.Error("no error")
			}
		case <-time.After(5 * time.Second):
			t.Fatal("it goes on")
		}
	}
	if err := c.WriteFrame(nil); err == nil {
		t.Error("written after the end")
	}
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		publisher   bool
		size, count int // so many of that size are allowed at once
	}{
		{true, 0, 400}, {true, MaxMessage, 8}, {false, 0, 50}, {false, MaxMessage, 2},
	} {
		l := newLimit(c.publisher)
		for i := range c.count {
			if err := l.check(c.size); err != nil {
				t.Errorf("%+v, number %d: %v", c, i, err)
			}
		}
		more := 100 // some may have become free meanwhile
		for ; more > 0 && l.check(max(c.size, 1)) == nil; more-- {
		}
		if more == 0 {
			t.Errorf("%+v: no limit", c)
		}
	}
}
