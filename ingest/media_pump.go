package ingest

import "context"

// pump reads a live input in a goroutine of its own, so that waiting for its next frame can be given up.
type pump struct {
	frames chan frame
	quit   chan struct{}
	done   chan struct{}
	err    error // once done is closed
}

func newPump(r reader) *pump {
	p := &pump{frames: make(chan frame), quit: make(chan struct{}), done: make(chan struct{})}
	go p.run(r)
	return p
}

func (p *pump) run(r reader) {
	defer close(p.done)
	for {
		f, err := r.next()
		if err != nil {
			p.err = err
			return
		}
		select {
		case p.frames <- f:
		case <-p.quit:
			return
		}
	}
}

func (p *pump) next(ctx context.Context) (frame, error) {
	select {
	case f := <-p.frames:
		return f, nil
	case <-p.done:
		return frame{}, p.err
	case <-ctx.Done():
		return frame{}, context.Cause(ctx)
	}
}

// stop ends the goroutine and waits for it; the input, which it may be waiting for, has been closed before.
func (p *pump) stop() {
	close(p.quit)
	<-p.done
}
