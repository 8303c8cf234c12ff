package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"time"
)

const startTimeout = 20 * time.Second

var errChild = errors.New("the server's process")

// Runtime is what a Go process knows of itself.
type Runtime struct {
	Mallocs    uint64 // objects, since its start
	Memory     uint64 // bytes of heap objects and stacks
	Goroutines int
}

// AnswerRuntime writes a line of JSON with the process's Runtime to out for each line of in, until in ends: the other end of
// what a bench asks a server that it has started. The line "gc" has the garbage collected before.
func AnswerRuntime(in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if lines.Text() == "gc" {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		text, _ := json.Marshal(Runtime{m.Mallocs, m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()}) // plain numbers
		fmt.Fprintf(out, "%s\n", text)
	}
}

// child is a server in a process of its own, which ends when its standard input does. Close it.
type child struct {
	url   string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // JSON
	done  chan struct{}
	once  sync.Once
}

// startChild starts a server on the CPUs and waits until it says, on standard output, "running at" which URL it is.
func startChild(ctx context.Context, cpus []int, environment []string, command ...string) (*child, error) {
	c := &child{lines: make(chan string, 1), done: make(chan struct{})}
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), command[0], command[1:]...) //nolint:gosec // G204: our own binary
	c.cmd.Env = append(os.Environ(), environment...)
	c.cmd.Stderr = os.Stderr
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startPinned(c.cmd, cpus); err != nil {
		return nil, fmt.Errorf("%w can't be started: %w", errChild, err)
	}
	found := make(chan string, 1)
	go c.read(stdout, found)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case c.url = <-found:
		return c, nil
	case <-c.done:
		err = fmt.Errorf("%w ended at once", errChild)
	case <-ctx.Done():
		err = fmt.Errorf("%w did not come up: %w", errChild, context.Cause(ctx))
	}
	return nil, errors.Join(err, c.Close())
}

func (c *child) read(stdout io.Reader, found chan<- string) {
	defer close(c.done)
	running := regexp.MustCompile(`running at (http\S+)`)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		text := lines.Text()
		if m := running.FindStringSubmatch(text); m != nil {
			select {
			case found <- m[1]:
			default:
			}
		}
		if len(text) > 0 && text[0] == '{' {
			select {
			case c.lines <- text:
			default:
			}
		}
	}
}

// runtime asks the process; gc has its garbage collected before.
func (c *child) runtime(ctx context.Context, gc bool) (r Runtime, err error) {
	ask := "now\n"
	if gc {
		ask = "gc\n"
	}
	if _, err := io.WriteString(c.stdin, ask); err != nil {
		return r, err
	}
	select {
	case text := <-c.lines:
		return r, json.Unmarshal([]byte(text), &r)
	case <-c.done:
		return r, fmt.Errorf("%w is gone", errChild)
	case <-ctx.Done():
		return r, context.Cause(ctx)
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// Close ends the process and waits for it. It may be called twice.
func (c *child) Close() error {
	var err error
	c.once.Do(func() {
		_ = c.stdin.Close()
		stuck := time.AfterFunc(startTimeout, func() { _ = c.cmd.Process.Kill() })
		<-c.done // all is read
		err = c.cmd.Wait()
		stuck.Stop()
	})
	return err
}
