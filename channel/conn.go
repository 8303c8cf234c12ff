package channel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/pion/datachannel"
)

// Errors of a channel's end.
var (
	ErrTooLarge = errors.New("the message is too large")
	ErrSlow     = errors.New("the client takes too long to read")
)

const (
	// smallMessage is what most messages have at most. Larger ones get a buffer of their own.
	smallMessage = 4 << 10
	// maxQueued is what may wait in the transport before the next message is given to it, in bytes.
	maxQueued = 64 << 10
	// patience is how long a client may leave that unread.
	patience = 15 * time.Second
)

// Conn is a data channel as frames of text, for the chat. One goroutine may read and one write.
type Conn struct {
	dc       *datachannel.DataChannel
	buffer   []byte
	patience time.Duration
	low      chan struct{} // has something when less is queued
	closed   chan struct{}
	close    sync.Once
}

func newConn(dc *datachannel.DataChannel) *Conn {
	c := &Conn{dc: dc, buffer: make([]byte, smallMessage), patience: patience, low: make(chan struct{}, 1), closed: make(chan struct{})}
	dc.SetBufferedAmountLowThreshold(maxQueued)
	dc.OnBufferedAmountLow(func() {
		select {
		case c.low <- struct{}{}:
		default:
		}
	})
	return c
}

// ReadFrame waits for the next message of text; binary ones are left out. It may be reused with the next call.
func (c *Conn) ReadFrame() ([]byte, error) {
	for {
		if frame, text, err := c.read(); text || err != nil {
			return frame, err
		}
	}
}

// WriteFrame sends a message of text. The error is ErrSlow for a client that has not read enough for a while.
func (c *Conn) WriteFrame(frame []byte) error {
	if err := c.wait(); err != nil {
		return err
	}
	_, err := c.dc.WriteDataChannel(frame, true)
	return err
}

// Close closes the channel, and has both fail. It may be called twice.
func (c *Conn) Close() error {
	var err error
	c.close.Do(func() {
		close(c.closed)
		err = c.dc.Close()
		_ = c.dc.SetReadDeadline(time.Unix(1, 0)) // whether the client closes its side or not
	})
	return err
}

// read gives the next message, in the buffer if it is a small one.
func (c *Conn) read() (data []byte, text bool, err error) {
	for buffer := c.buffer; ; buffer = make([]byte, 2*len(buffer)) {
		n, text, err := c.dc.ReadDataChannel(buffer)
		switch {
		case err == nil:
			return buffer[:n], text, nil
		case !errors.Is(err, io.ErrShortBuffer):
			return nil, false, err
		case len(buffer) >= MaxMessage:
			return nil, false, fmt.Errorf("%w: at most %d bytes are allowed", ErrTooLarge, MaxMessage)
		}
	}
}

// wait waits until the transport has little left to send.
func (c *Conn) wait() error {
	if c.dc.BufferedAmount() <= maxQueued {
		return nil
	}
	timer := time.NewTimer(c.patience)
	defer timer.Stop()
	for c.dc.BufferedAmount() > maxQueued {
		select {
		case <-c.low:
		case <-c.closed:
			return net.ErrClosed
		case <-timer.C:
			return fmt.Errorf("%w: more than %d bytes wait since %v", ErrSlow, maxQueued, c.patience)
		}
	}
	return nil
}
