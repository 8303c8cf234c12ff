package web

import (
	"net/http"
	"time"

	"bongsu/broadcast"
	"bongsu/wish"

	"github.com/labstack/echo/v4"
)

// streamJSON is a stream in the API.
type streamJSON struct {
	Name    string          `json:"name"`
	State   broadcast.State `json:"state"`
	Viewers int             `json:"viewers"`
	Since   time.Time       `json:"since,omitzero"`
	Tracks  []trackJSON     `json:"tracks"`
}

// trackJSON is a track in the API. Bitrate is in bit/s, KeyframeInterval in seconds.
type trackJSON struct {
	Kind             string  `json:"kind"`
	Codec            string  `json:"codec"`
	Width            int     `json:"width,omitempty"`
	Height           int     `json:"height,omitempty"`
	FrameRate        float64 `json:"frameRate,omitempty"`
	Bitrate          int     `json:"bitrate"`
	KeyframeInterval float64 `json:"keyframeInterval,omitempty"`
}

func (s *site) mountAPI(e *echo.Echo) {
	read(e, "/api/v1/streams", s.listStreams)
	read(e, "/api/v1/streams/:stream", s.showStream)
	read(e, "/api/v1/server", s.showServer)
	read(e, "/oembed", s.oEmbed)
	read(e, "/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	read(e, "/readyz", s.ready)
}

func (s *site) listStreams(c echo.Context) error {
	infos := s.services.Hub.Streams()
	list := make([]streamJSON, len(infos))
	for i, info := range infos {
		list[i] = newStreamJSON(info)
	}
	return answer(c, map[string]any{"streams": list})
}

// showStream knows every name that can be one: whoever asks may wait for the stream to begin.
func (s *site) showStream(c echo.Context) error {
	name, err := wish.StreamName(c)
	if err != nil {
		return err
	}
	info, ok := s.services.Hub.Info(name)
	if !ok {
		info = broadcast.StreamInfo{Name: name, State: broadcast.Offline}
	}
	return answer(c, newStreamJSON(info))
}

func (s *site) showServer(c echo.Context) error {
	return answer(c, map[string]string{"name": "bongsu", "version": s.services.Version})
}

func (s *site) ready(c echo.Context) error {
	if s.services.Ready != nil && !s.services.Ready() {
		return c.String(http.StatusServiceUnavailable, "not ready\n")
	}
	return c.String(http.StatusOK, "ok\n")
}

// answer sends what is true now and should not be kept.
func answer(c echo.Context, body any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, body)
}

func newStreamJSON(info broadcast.StreamInfo) streamJSON {
	tracks := make([]trackJSON, len(info.Tracks))
	for i, t := range info.Tracks {
		tracks[i] = trackJSON{
			Kind: t.Kind, Codec: t.Codec, Width: t.Width, Height: t.Height, FrameRate: t.FrameRate,
			Bitrate: t.Bitrate, KeyframeInterval: t.KeyframeInterval.Seconds(),
		}
	}
	return streamJSON{Name: info.Name, State: info.State, Viewers: info.Viewers, Since: info.Since, Tracks: tracks}
}
