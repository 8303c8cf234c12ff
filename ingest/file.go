package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"bongsu/broadcast"
)

// FileConfig says what to play as a stream: a video file, an audio file, or one of each.
type FileConfig struct {
	Video string  `koanf:"video"` // H.264 Annex B, or IVF with VP8, VP9 or AV1
	Audio string  `koanf:"audio"` // Ogg Opus
	Loop  bool    `koanf:"loop"`  // begin again at the end
	FPS   float64 `koanf:"fps"`   // frames a second of an H.264 file that does not say it; 0: 30
}

// ErrFileConfig says that a FileConfig cannot be used.
var ErrFileConfig = errors.New("bad file source")

func (c FileConfig) validate(inputs []Input) error {
	switch {
	case len(inputs) == 0:
		return fmt.Errorf("%w: neither video nor audio is given", ErrFileConfig)
	case len(inputs) > 2:
		return fmt.Errorf("%w: %d files are given; one video and one audio can play together", ErrFileConfig, len(inputs))
	case !(c.FPS == 0 || c.FPS >= 1 && c.FPS <= 300):
		return fmt.Errorf("%w: fps is %g; it must be from 1 to 300, or 0 for what the file says", ErrFileConfig, c.FPS)
	case c.Loop && slices.ContainsFunc(inputs, func(in Input) bool { return in.Live }):
		return fmt.Errorf("%w: standard input cannot be looped", ErrFileConfig)
	}
	return nil
}

// OpenMedia opens the files of a configuration. Its errors wrap ErrMedia or ErrFileConfig.
func OpenMedia(cfg FileConfig) (*Media, error) {
	var inputs []Input
	for _, path := range []string{cfg.Video, cfg.Audio} {
		if path != "" {
			inputs = append(inputs, File(path))
		}
	}
	m, err := OpenMediaFrom(cfg, inputs...)
	if err != nil {
		return nil, err
	}
	for _, t := range m.tracks {
		if want := map[string]broadcast.Kind{cfg.Video: broadcast.Video, cfg.Audio: broadcast.Audio}[t.input.Name]; want != t.codec.Kind() {
			m.Close()
			return nil, fmt.Errorf("%w: %s is given as %s, but is %s", ErrMedia, t.input.Name, want, t.codec.Kind())
		}
	}
	return m, nil
}

// File is the input from a file on disk, opened anew for each loop.
func File(path string) Input {
	return Input{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}
