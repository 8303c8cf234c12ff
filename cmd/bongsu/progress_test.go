package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"bongsu/broadcast"
	"bongsu/ingest"
)

// TestProgressLog: away from a terminal there is a record each ten seconds, and nothing on the output.
func TestProgressLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTestLog()
		var out bytes.Buffer
		p := startProgress(&out, log.Logger, func() (string, []any) { return "line", []any{"frames", 7} })
		<-time.After(25 * time.Second)
		p.Close()
		p.Close()
		if n := strings.Count(log.String(), "msg=progress frames=7"); n != 2 || out.Len() > 0 {
			t.Errorf("%d records and %q on the output in 25 s, want 2 and nothing", n, &out)
		}
	})
}

func TestPublisherStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := ingest.Demo()
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		p := &publisher{media: m}
		if line, _ := p.status(); line != "connecting" {
			t.Errorf("before: %q", line)
		}
		p.connected(time.Now())
		for range 100 {
			p.count(&rtp.Packet{Header: rtp.Header{Marker: true}, Payload: make([]byte, 1000)}, broadcast.Video)
		}
		<-time.After(time.Second)
		if line, _ := p.status(); line != "00:01  800 kbit/s  100 frames  round trip -  lost 0.0%" {
			t.Errorf("after a second: %q", line)
		}
		<-time.After(time.Hour)
		if line, _ := p.status(); line != "1:00:01  0 kbit/s  100 frames  round trip -  lost 0.0%" {
			t.Errorf("after an hour: %q", line)
		}
	})
}
