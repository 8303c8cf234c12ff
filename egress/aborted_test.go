package egress

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAbortedPosts: clients that go away in the middle of their request, or before they have read the answer, leave neither
// a session nor a viewer behind, and (TestMain looks) no goroutine. A session whose answer was already on its way ends when
// nobody connects.
func TestAbortedPosts(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{TransportAuto, TransportPC} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			url, hub := startEndpoint(t, Config{Wait: true, Transport: transport})
			offer := readOffer(t, "whep-chromium.sdp")
			request := fmt.Sprintf("POST /whep/lobby HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(offer), offer)
			const posts = 500
			turn := make(chan int)
			var clients sync.WaitGroup
			for range 4 {
				clients.Go(func() {
					for i := range turn {
						sent, pause := request, time.Duration(i)*10*time.Microsecond
						if i < posts/2 {
							sent, pause = request[:len(request)*i/(posts/2)], 0
						}
						abort(t, strings.TrimPrefix(url, "http://"), sent, pause, i%2 == 0)
					}
				})
			}
			for i := range posts {
				turn <- i
			}
			close(turn)
			clients.Wait()
			deadline := time.After(60 * time.Second)
			for len(hub.Streams()) > 0 {
				select {
				case <-time.After(20 * time.Millisecond):
				case <-deadline:
					t.Fatalf("left: %+v", hub.Streams())
				}
			}
		})
	}
}

// abort sends a part of a request and closes the connection after a pause, rudely or with good manners.
func abort(t *testing.T, server, sent string, pause time.Duration, rude bool) {
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Error(err)
		return
	}
	<-time.After(pause)
	if rude {
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset
	}
}
