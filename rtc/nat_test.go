package rtc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// nat is the way between a client and the server: an address translation that can forget its port, and a filter.
type nat struct {
	near   *net.UDPConn // the client's side
	server netip.AddrPort
	client atomic.Pointer[netip.AddrPort]
	filter atomic.Pointer[func(up bool, packet []byte) bool] // what may pass; nil: all

	running sync.WaitGroup
	far     atomic.Pointer[net.UDPConn]
	media   atomic.Int64 // packets that have passed since the port changed
}

var hostCandidate = regexp.MustCompile(`a=candidate:\S+ 1 udp \d+ (127\.0\.0\.1) (\d+) typ host`)

// startNAT puts a nat before the server of an answer, and gives the answer as the client should see it.
func startNAT(t *testing.T, answer string) (*nat, string) {
	t.Helper()
	m := hostCandidate.FindStringSubmatch(answer)
	if m == nil {
		t.Fatalf("no candidate:\n%s", answer)
	}
	n := &nat{near: loopback(t), server: netip.MustParseAddrPort(m[1] + ":" + m[2])}
	n.rebind(t)
	n.running.Go(func() {
		buf := make([]byte, 2000)
		for {
			size, from, err := n.near.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil && n.passes(true, buf[:size]) {
				n.client.Store(&from)
				_, _ = n.far.Load().WriteToUDPAddrPort(buf[:size], n.server)
			}
		}
	})
	t.Cleanup(func() {
		_ = n.near.Close()
		_ = n.far.Load().Close()
		n.running.Wait()
	})
	own := fmt.Sprintf("a=candidate:1 1 udp 2130706431 127.0.0.1 %d typ host\r\n", n.near.LocalAddr().(*net.UDPAddr).Port)
	first, rest, _ := strings.Cut(candidateLine.ReplaceAllString(answer, ""), "a=mid:")
	return n, first + own + "a=mid:" + rest
}

func loopback(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rebind gives the client another port, as the server sees it.
func (n *nat) rebind(t *testing.T) {
	t.Helper()
	far := loopback(t)
	n.media.Store(0)
	if old := n.far.Swap(far); old != nil {
		_ = old.Close()
	}
	n.running.Go(func() {
		buf := make([]byte, 2000)
		for {
			size, _, err := far.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if client := n.client.Load(); err == nil && client != nil && n.passes(false, buf[:size]) {
				_, _ = n.near.WriteToUDPAddrPort(buf[:size], *client)
			}
		}
	})
}

func (n *nat) passes(up bool, packet []byte) bool {
	if f := n.filter.Load(); f != nil && !(*f)(up, packet) {
		return false
	}
	if isMedia(packet) {
		n.media.Add(1)
	}
	return true
}

// isMedia tells RTP from STUN, DTLS and RTCP (RFC 7983, RFC 5761 section 4).
func isMedia(packet []byte) bool {
	return len(packet) > 12 && packet[0]>>6 == 2 && (packet[1] < 192 || packet[1] > 223)
}
