package ingest

import (
	"embed"
	"io"
)

// The clip that `bongsu serve --demo` plays; demo/make.sh says how it was made.
//
//go:embed demo/clip.h264 demo/clip.ogg
var demo embed.FS

// Demo opens the built-in clip, to be played in a loop.
func Demo() (*Media, error) {
	clip := func(name string) Input {
		return Input{Name: name, Open: func() (io.ReadCloser, error) { return demo.Open(name) }}
	}
	return OpenMediaFrom(FileConfig{Loop: true}, clip("demo/clip.h264"), clip("demo/clip.ogg"))
}
