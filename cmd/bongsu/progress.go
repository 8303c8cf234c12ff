package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	progressEvery    = time.Second      // on a terminal
	progressLogEvery = 10 * time.Second // elsewhere
)

// progress shows how the work goes on: a line that is written over on a terminal, lines of the log elsewhere. Close ends it.
type progress struct {
	quit chan struct{}
	done chan struct{}
	once sync.Once
}

// startProgress asks status for the line, and for the same as attributes of a log record.
func startProgress(out io.Writer, log *slog.Logger, status func() (line string, attributes []any)) *progress {
	p := &progress{quit: make(chan struct{}), done: make(chan struct{})}
	every := progressLogEvery
	show := func() {
		_, attributes := status()
		log.Info("progress", attributes...)
	}
	end := func() {}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		every = progressEvery
		show = func() {
			line, _ := status()
			fmt.Fprintf(out, "\r\x1b[K%s\r", line) // a log line that comes between begins at the left, too
		}
		end = func() { fmt.Fprintln(out) } // keeps the last line
	}
	go func() {
		defer close(p.done)
		defer end()
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				show()
			case <-p.quit:
				return
			}
		}
	}()
	return p
}

// Close waits.
func (p *progress) Close() {
	p.once.Do(func() { close(p.quit) })
	<-p.done
}

// clock writes a duration as 1:02:03, or 02:03.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// bits writes bits per second.
func bits(rate float64) string {
	if rate >= 1e6 {
		return fmt.Sprintf("%.2f Mbit/s", rate/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", rate/1e3)
}
