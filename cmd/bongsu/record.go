package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/h264writer"
	"github.com/pion/webrtc/v4/pkg/media/h265writer"
	"github.com/pion/webrtc/v4/pkg/media/ivfwriter"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"

	"bongsu/broadcast"
)

var errRecord = errors.New("can't record")

// recordings are the files that a watch writes: one for the video, one for the sound, over all its connections.
type recordings struct {
	names []string
	log   *slog.Logger

	mu   sync.Mutex
	open map[webrtc.RTPCodecType]*recording
	done map[webrtc.RTPCodecType]bool // what is not, or no longer, recorded
}

func newRecordings(names []string, log *slog.Logger) (*recordings, error) {
	for _, name := range names {
		switch ext := filepath.Ext(name); ext {
		case "", ".h264", ".h265", ".ivf", ".ogg":
		default:
			return nil, fmt.Errorf("%w %s: the extension must be .h264, .h265, .ivf or .ogg, or none", errRecord, name)
		}
	}
	return &recordings{names: names, log: log,
		open: map[webrtc.RTPCodecType]*recording{}, done: map[webrtc.RTPCodecType]bool{}}, nil
}

// extension is that of the file format for a codec, or "".
func extension(mimeType string) string {
	switch strings.ToLower(mimeType) {
	case "video/h264":
		return ".h264"
	case "video/h265":
		return ".h265"
	case "video/vp8", "video/vp9", "video/av1":
		return ".ivf"
	case "audio/opus":
		return ".ogg"
	}
	return ""
}

// path chooses the file for a codec; "" if none is wanted.
func (r *recordings) path(codec webrtc.RTPCodecCapability) (string, error) {
	ext := extension(codec.MimeType)
	video := strings.HasPrefix(codec.MimeType, "video/")
	for _, name := range r.names {
		own := filepath.Ext(name)
		switch {
		case own == "" && ext == "":
			return "", fmt.Errorf("%w %s: there is no file format here for %s", errRecord, name, codec.MimeType)
		case own == "":
			return name + ext, nil
		case own == ext:
			return name, nil
		case video == (own != ".ogg"):
			return "", fmt.Errorf("%w %s: what comes is %s, which goes into %s", errRecord, name, codec.MimeType, strings.TrimSuffix(name, own)+ext)
		}
	}
	return "", nil
}

// resume tells that a new connection's packets of a kind come now: their numbers and timestamps have a new beginning.
func (r *recordings) resume(kind webrtc.RTPCodecType) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec := r.open[kind]; rec != nil {
		rec.resume()
	}
}

// write takes a packet as it arrived. The file is made with the first one that can be at its beginning.
func (r *recordings) write(codec webrtc.RTPCodecCapability, width, height int, p *rtp.Packet, now time.Time) error {
	kind := webrtc.NewRTPCodecType(broadcast.Codec{MimeType: codec.MimeType}.Kind().String())
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.names) == 0 || r.done[kind] || len(p.Payload) == 0 {
		return nil
	}
	rec := r.open[kind]
	if rec == nil {
		path, err := r.path(codec)
		if path == "" {
			r.done[kind] = true
			return err
		}
		if kind == webrtc.RTPCodecTypeVideo && !broadcast.StartsKeyframe(codec.MimeType, p.Payload) {
			return nil
		}
		if rec, err = newRecording(path, codec, width, height); err != nil {
			return err
		}
		r.open[kind] = rec
		r.log.Info("recording", "file", path)
	}
	if rec.mimeType != codec.MimeType {
		r.done[kind] = true
		r.log.Warn("the codec has changed; the recording ends here", "file", rec.path, "from", rec.mimeType, "to", codec.MimeType)
		return nil
	}
	if err := rec.add(p, now); err != nil {
		return fmt.Errorf("%w %s: %w", errRecord, rec.path, err)
	}
	return nil
}

// damaged tells whether pictures had to be left out since it was last asked.
func (r *recordings) damaged() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.open[webrtc.RTPCodecTypeVideo]
	if rec == nil || rec.dropped == rec.told {
		return false
	}
	rec.told = rec.dropped
	return true
}

// Close writes what is held back and closes the files.
func (r *recordings) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, rec := range r.open {
		if err := rec.close(); err != nil {
			errs = append(errs, fmt.Errorf("%w %s: %w", errRecord, rec.path, err))
		}
		if rec.dropped > 0 {
			r.log.Warn("pictures with lost packets were left out", "file", rec.path, "pictures", rec.dropped)
		}
	}
	clear(r.open)
	return errors.Join(errs...)
}

// newWriter makes the file, which must not be there yet, and pion's writer for it.
func newWriter(path string, codec webrtc.RTPCodecCapability, width, height int) (media.Writer, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w %s: it exists already; remove it or give another name", errRecord, path)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	switch extension(codec.MimeType) {
	case ".h264":
		return h264writer.NewWith(file), nil
	case ".h265":
		return h265writer.NewWith(file), nil
	case ".ivf":
		w, err := ivfwriter.NewWith(file, ivfwriter.WithCodec(ivfMimeType(codec.MimeType)), ivfwriter.WithDirectPTS(),
			ivfwriter.WithFrameRate(1, 90000), ivfwriter.WithWidthAndHeight(uint16(width), uint16(height)))
		return w, errors.Join(err)
	}
	return oggwriter.NewWith(file, codec.ClockRate, max(1, codec.Channels))
}

// ivfMimeType is the codec's name as ivfwriter spells it.
func ivfMimeType(mimeType string) string {
	names := []string{webrtc.MimeTypeVP8, webrtc.MimeTypeVP9, webrtc.MimeTypeAV1}
	return names[slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, mimeType) })]
}
