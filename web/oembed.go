package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bongsu/broadcast"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"
)

// Size of an embedded player in CSS pixels: what is taken when the consumer names no limit, and the most that is ever given.
const (
	defaultEmbedSize = 640
	maxEmbedSize     = 1920
)

// oEmbedJSON is a response of type video (oEmbed 1.0 section 2.3.4.2).
type oEmbedJSON struct {
	Type         string `json:"type"`
	Version      string `json:"version"`
	Title        string `json:"title"`
	ProviderName string `json:"provider_name"`
	ProviderURL  string `json:"provider_url"`
	CacheAge     int    `json:"cache_age"`
	Width        int    `json:"width"`
	Height       int    `json:"height"`
	HTML         string `json:"html"`
}

// oEmbed tells other sites how to embed one of our pages (oEmbed 1.0 section 2.2).
func (s *site) oEmbed(c echo.Context) error {
	openToAll(c.Response().Header())
	if format := c.QueryParam("format"); format != "" && format != "json" {
		return echo.NewHTTPError(http.StatusNotImplemented, "only format=json is offered")
	}
	origin := s.origin(c)
	name, err := embeddable(c.QueryParam("url"), origin)
	if err != nil {
		return err
	}
	maxWidth, err := sizeLimit(c, "maxwidth", defaultEmbedSize)
	if err != nil {
		return err
	}
	maxHeight, err := sizeLimit(c, "maxheight", maxWidth)
	if err != nil {
		return err
	}
	width, height := s.pictureSize(name)
	width, height = fit(width, height, maxWidth, maxHeight)
	var html strings.Builder
	err = s.templates.ExecuteTemplate(&html, "oembed.tmpl", map[string]any{
		"Embed": origin + "/embed/" + url.PathEscape(name), "Name": name, "Width": width, "Height": height,
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, oEmbedJSON{
		Type: "video", Version: "1.0", Title: name, ProviderName: "Bongsu", ProviderURL: origin + "/", CacheAge: 3600,
		Width: width, Height: height, HTML: strings.TrimSpace(html.String()),
	})
}

// embeddable is the stream's name in the URL of a watch or embed page of this server.
func embeddable(address, origin string) (string, error) {
	if address == "" {
		return "", echo.NewHTTPError(http.StatusBadRequest, "the parameter url is missing: give the address of a /watch/ page")
	}
	here, err := url.Parse(origin)
	if err != nil {
		return "", err
	}
	page, err := url.Parse(address)
	if err != nil || page.Scheme != "http" && page.Scheme != "https" {
		return "", echo.NewHTTPError(http.StatusBadRequest, "the parameter url is not an http or https address")
	}
	name, ok := strings.CutPrefix(page.Path, "/watch/")
	if !ok {
		name, ok = strings.CutPrefix(page.Path, "/embed/")
	}
	if !ok || !strings.EqualFold(page.Host, here.Host) {
		return "", echo.NewHTTPError(http.StatusNotFound, "only /watch/ and /embed/ pages of this server can be embedded")
	}
	name = norm.NFC.String(name) // as wish.StreamName does
	return name, broadcast.ValidName(name)
}

// sizeLimit reads maxwidth or maxheight.
func sizeLimit(c echo.Context, parameter string, otherwise int) (int, error) {
	given := c.QueryParam(parameter)
	if given == "" {
		return otherwise, nil
	}
	limit, err := strconv.Atoi(given)
	if err != nil || limit < 1 {
		return 0, echo.NewHTTPError(http.StatusBadRequest, fmt.Sprintf("the parameter %s is %q; it must be a number of pixels", parameter, given))
	}
	return min(limit, maxEmbedSize), nil
}

// pictureSize is the resolution of the stream, or 16:9 while that is not known.
func (s *site) pictureSize(name string) (width, height int) {
	info, _ := s.services.Hub.Info(name)
	for _, t := range info.Tracks {
		if t.Width > 0 && t.Height > 0 {
			return t.Width, t.Height
		}
	}
	return 16, 9
}

// fit is the largest size of the picture's shape within the limits.
func fit(width, height, maxWidth, maxHeight int) (int, int) {
	if width*maxHeight > height*maxWidth {
		return maxWidth, max(1, maxWidth*height/width)
	}
	return max(1, maxHeight*width/height), maxHeight
}
