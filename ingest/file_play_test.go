package ingest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bongsu/broadcast"
)

// TestPlayMedia: a file is live with both tracks until its context ends, or the hub stops it; nothing is left behind.
func TestPlayMedia(t *testing.T) {
	tests := []struct {
		name string
		end  func(cancel context.CancelFunc, hub *broadcast.Hub)
		want error
	}{
		{"the context ends", func(cancel context.CancelFunc, _ *broadcast.Hub) { cancel() }, context.Canceled},
		{"the hub closes", func(_ context.CancelFunc, hub *broadcast.Hub) { hub.Close() }, broadcast.ErrClosed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			hub := broadcast.New(broadcast.Config{})
			defer hub.Close()
			m, err := OpenMedia(FileConfig{Video: "testdata/vp8.ivf", Audio: "testdata/mono.ogg", Loop: true})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- PlayMedia(ctx, hub, "lobby", m, slog.New(slog.DiscardHandler)) }()

			deadline := time.After(10 * time.Second)
			look := time.NewTicker(20 * time.Millisecond)
			defer look.Stop()
			for live := false; !live; {
				select {
				case err := <-done:
					t.Fatalf("ended with %v", err)
				case <-deadline:
					t.Fatal("not live after 10 s")
				case <-look.C:
					info, ok := hub.Info("lobby")
					live = ok && info.State == broadcast.Live && len(info.Tracks) == 2
				}
			}
			test.end(cancel, hub)
			select {
			case err := <-done:
				if !errors.Is(err, test.want) {
					t.Errorf("ended with %v, want %v", err, test.want)
				}
			case <-deadline:
				t.Fatal("not ended after 10 s")
			}
		})
	}
}

func TestPlayMediaName(t *testing.T) {
	hub := broadcast.New(broadcast.Config{})
	defer hub.Close()
	m, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := PlayMedia(t.Context(), hub, "not a name", m, slog.New(slog.DiscardHandler)); !errors.Is(err, broadcast.ErrName) {
		t.Errorf("a bad name: %v", err)
	}
}
