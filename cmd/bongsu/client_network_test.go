package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// movingNetwork is between a client and the media port. When the client moves, its sockets are of no use any more, as those
// of a machine that goes from one network to another; new ones get through, from other addresses.
type movingNetwork struct {
	http.RoundTripper
	near    *net.UDPConn
	running sync.WaitGroup
	moves   atomic.Int32
	patches atomic.Int32 // answered with 200: ICE restarts
	posts   atomic.Int32
	refuse  atomic.Int32 // status for PATCH, if not 0
	refused atomic.Int32

	mu     sync.Mutex
	server netip.AddrPort
	flows  map[netip.AddrPort]*net.UDPConn // by the client's address; nil for one that is dead
	closed bool
}

func startMovingNetwork(t testing.TB) *movingNetwork {
	t.Helper()
	near, err := listenLoopback()
	if err != nil {
		t.Fatal(err)
	}
	n := &movingNetwork{near: near, flows: map[netip.AddrPort]*net.UDPConn{}}
	n.running.Go(n.read)
	t.Cleanup(func() {
		n.move()
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
		_ = n.near.Close()
		n.running.Wait()
	})
	return n
}

// join puts the network between an endpoint's clients and its media port.
func (n *movingNetwork) join(e *endpoint) {
	n.RoundTripper, e.HTTP.Transport = e.HTTP.Transport, n
}

func (n *movingNetwork) move() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.moves.Add(1)
	for client, far := range n.flows {
		if far != nil {
			_ = far.Close()
		}
		n.flows[client] = nil
	}
}

// rebind gives all sockets other addresses, as a network address translation does that has forgotten them.
func (n *movingNetwork) rebind() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for client, far := range n.flows {
		if far != nil {
			_ = far.Close()
			delete(n.flows, client)
		}
	}
}

func (n *movingNetwork) read() {
	buf := make([]byte, 4096)
	for {
		size, from, err := n.near.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if far, server := n.flow(from); far != nil {
			_, _ = far.WriteToUDPAddrPort(buf[:size], server)
		}
	}
}

func (n *movingNetwork) flow(client netip.AddrPort) (*net.UDPConn, netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	far, known := n.flows[client]
	if known || n.closed {
		return far, n.server
	}
	far, err := listenLoopback()
	if err != nil {
		return nil, n.server
	}
	n.flows[client] = far
	n.running.Go(func() {
		buf := make([]byte, 4096)
		for {
			size, _, err := far.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = n.near.WriteToUDPAddrPort(buf[:size], client)
			}
		}
	})
	return far, n.server
}

// RoundTrip has offers and fragments go out without candidates, and come back with the network's address as the only one.
func (n *movingNetwork) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPost && req.Method != http.MethodPatch {
		return n.RoundTripper.RoundTrip(req)
	}
	fragment := req.Header.Get("Content-Type") != "application/sdp"
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	body = candidateLines.ReplaceAll(body, nil)
	if fragment {
		body = append(body, "a=end-of-candidates\r\n"...)
		if status := n.refuse.Load(); status != 0 {
			n.refused.Add(1)
			return &http.Response{StatusCode: int(status), Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		}
	}
	req = req.Clone(req.Context())
	req.Body, req.ContentLength, req.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	resp, err := n.RoundTripper.RoundTrip(req)
	if err != nil || resp.StatusCode == http.StatusNoContent || resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusNotAcceptable {
		return resp, err
	}
	if req.Method == http.MethodPost {
		n.posts.Add(1)
	} else {
		n.patches.Add(1)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	server, err := onlyCandidate(answer)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	n.server = server
	n.mu.Unlock()
	own := "a=candidate:1 1 udp 2130706431 127.0.0.1 " + strconv.Itoa(n.near.LocalAddr().(*net.UDPAddr).Port) + " typ host\r\n"
	answer = candidateLines.ReplaceAllFunc(answer, func([]byte) []byte {
		defer func() { own = "" }()
		return []byte(own)
	})
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
	resp.Header.Del("Content-Length")
	return resp, nil
}
