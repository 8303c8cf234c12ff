package udp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// frameHeader is the length before each packet (RFC 4571 section 2).
	frameHeader = 2
	// maxFrame in bytes is the longest packet that is read; clients make them for UDP, so that they are shorter.
	maxFrame = maxForPion
	// firstRead in bytes has room for a connectivity check, and is all that a stranger gets. Most clients never send more at a time.
	firstRead = 1024
	// maxPending in bytes is what waits for a slow connection beside what is being written, a few seconds of video; more is dropped.
	maxPending = 1 << 20
	// maxKept in bytes is the room that a connection keeps when nothing waits.
	maxKept = 256 << 10
)

var errFrame = errors.New("frame too long")

// connection is one TCP connection. Two goroutines serve it: one reads, and one writes once there is something to write. It begins as
// a stranger and is proven by the first packet that is sent to it: nothing here answers what is not authentic.
type connection struct {
	streams *streams
	conn    *net.TCPConn
	remote  netip.AddrPort
	reader  *bufio.Reader
	peeked  int // of the reader's bytes, those of the frame that was given last
	writing sync.WaitGroup
	done    chan struct{} // closes with the connection
	wake    chan struct{} // something is pending, or the end

	mu              sync.Mutex
	pending         []byte // frames
	proven, leaving bool
	said            bool      // something, since until was set
	until           time.Time // what comes later is not read
}

func newConnection(l *streams, conn *net.TCPConn, remote netip.AddrPort) *connection {
	return &connection{
		streams: l, conn: conn, remote: remote, reader: bufio.NewReaderSize(conn, firstRead),
		until: time.Now().Add(l.times.proof), done: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// serve reads until the end. The first frame decides whose connection it is: the handler's, or pion's.
func (c *connection) serve(h Handler, mux *tcpMux) {
	defer c.end()
	first, err := c.frame(firstRead - frameHeader)
	if err != nil {
		return
	}
	ufrag, ok := nameOf(first)
	if !ok {
		return
	}
	switch s := c.streams.sock; {
	case h != nil && h(s, c.remote, first):
		s.count(len(first))
		for {
			frame, err := c.frame(maxFrame)
			if err != nil {
				break
			}
			s.count(len(frame))
			h(s, c.remote, frame)
		}
	case !mux.serve(c, ufrag):
		return
	}
	c.drain()
}

// frame gives the next frame, which is valid until the next call.
func (c *connection) frame(limit int) ([]byte, error) {
	_, _ = c.reader.Discard(c.peeked)
	c.peeked = 0
	header, err := c.peek(frameHeader)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(header))
	if n > limit {
		return nil, errFrame
	}
	if frameHeader+n > c.reader.Size() {
		c.reader = bufio.NewReaderSize(c.reader, frameHeader+maxFrame)
	}
	whole, err := c.peek(frameHeader + n)
	if err != nil {
		return nil, err
	}
	c.peeked = len(whole)
	return whole[frameHeader:], nil
}

func (c *connection) peek(n int) ([]byte, error) {
	if c.reader.Buffered() < n {
		c.awaitRead()
	}
	return c.reader.Peek(n)
}

// awaitRead sets how long the next read may take. Who gets nothing from us has no session any more, whatever it sends.
func (c *connection) awaitRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return
	}
	if c.said {
		c.said, c.until = false, time.Now().Add(c.streams.times.idle)
	}
	_ = c.conn.SetReadDeadline(c.until)
}

// put frames packets of a size, the last may be shorter, and says how many found room. It never waits.
func (c *connection) put(data []byte, size int) (packets, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.leaving && len(data) > 0 {
		n := min(size, len(data))
		if len(c.pending)+frameHeader+n > maxPending {
			break
		}
		c.pending = binary.BigEndian.AppendUint16(c.pending, uint16(n))
		c.pending = append(c.pending, data[:n]...)
		data = data[n:]
		packets++
		bytes += n
	}
	if packets > 0 {
		c.written()
	}
	return packets, bytes
}

// putFrame is put for what is a frame already.
func (c *connection) putFrame(frame []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving || len(c.pending)+len(frame) > maxPending {
		return false
	}
	c.pending = append(c.pending, frame...)
	c.written()
	return true
}

// written proves the connection and wakes its writer. The caller holds mu.
func (c *connection) written() {
	if !c.proven {
		c.proven = true
		c.streams.guard.Leave(c.remote.Addr())
		c.until = time.Now().Add(c.streams.times.idle)
		_ = c.conn.SetReadDeadline(c.until)
		c.writing.Go(c.write)
	}
	c.said = true
	c.signal()
}

func (c *connection) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write is the writer: it hands to the kernel what waits, all at once.
func (c *connection) write() {
	var out []byte
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		c.mu.Lock()
		out, c.pending = c.pending, out[:0]
		leaving := c.leaving
		if !leaving {
			_ = c.conn.SetWriteDeadline(time.Now().Add(c.streams.times.stall))
		}
		c.mu.Unlock()
		if len(out) > 0 {
			if _, err := c.conn.Write(out); err != nil {
				_ = c.conn.Close()
				return
			}
			c.streams.sock.sendCalls.Add(1)
		}
		if leaving {
			_ = c.conn.CloseWrite()
			return
		}
		if cap(out) > maxKept {
			out = nil
		}
	}
}

// leave ends the connection once what waits is sent. It does not wait.
func (c *connection) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return
	}
	c.leaving = true
	_ = c.conn.SetReadDeadline(time.Now()) // the reader goes on to drain
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.streams.times.leave))
	c.signal()
}

// drain reads what the peer still sends until it has our last packet too: a close with unread data would be a reset, which takes
// back what the peer has not read (RFC 9293 section 3.6.1).
func (c *connection) drain() {
	c.mu.Lock()
	wanted := c.leaving && c.proven
	c.mu.Unlock()
	if wanted {
		_ = c.conn.SetReadDeadline(time.Now().Add(c.streams.times.leave))
		_, _ = io.Copy(io.Discard, c.conn)
	}
}

// end closes the connection and waits for its writer.
func (c *connection) end() {
	c.mu.Lock()
	proven := c.proven
	c.leaving = true
	c.mu.Unlock()
	if !proven {
		c.streams.refused.Add(1)
		c.streams.guard.Leave(c.remote.Addr())
	}
	close(c.done)
	_ = c.conn.Close()
	c.writing.Wait()
	c.streams.remove(c)
	c.streams.everyone.Leave(c.remote.Addr())
}
