package web

import (
	"bytes"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bongsu/wish"

	"github.com/labstack/echo/v4"
)

// What the pages may do. Styles may be inline because media-chrome's templates are; scripts never are; and nobody but this
// server is asked for anything.
const (
	policyPage = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
		"media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; frame-src 'self'; " +
		"base-uri 'none'; form-action 'self'"
	policyFramedBySelf = policyPage + "; frame-ancestors 'self'"

	permitNothing = "camera=(), microphone=(), display-capture=(), geolocation=()"
	permitCapture = "camera=(self), microphone=(self), display-capture=(self), geolocation=()"
)

// site serves what people and programs read: pages, files, the API.
type site struct {
	services   Services
	build      *build
	templates  *template.Template
	trustProxy bool
	log        *slog.Logger
}

func newSite(s Services, files fs.FS, trustProxy bool, log *slog.Logger) *site {
	b, err := loadBuild(files)
	if err != nil { // cannot be: both come with the binary
		panic(err)
	}
	if b.pages["index"] == nil {
		log.Warn(`the pages have not been built; "make web" builds them`)
	}
	return &site{
		services:   s,
		build:      b,
		templates:  template.Must(template.ParseFS(templates, "templates/*.tmpl")),
		trustProxy: trustProxy,
		log:        log,
	}
}

// read mounts a handler for both methods that read (RFC 9110 section 9.3.2).
func read(e *echo.Echo, path string, handler echo.HandlerFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
}

func (s *site) mountPages(e *echo.Echo) {
	read(e, "/", func(c echo.Context) error {
		return s.page(c, "index", head{}, policyFramedBySelf, permitNothing)
	})
	read(e, "/watch/:stream", s.streamPage("watch", policyFramedBySelf, permitNothing))
	read(e, "/publish/:stream", s.streamPage("publish", policyFramedBySelf, permitCapture))
	read(e, "/relay-demo", func(c echo.Context) error {
		return s.page(c, "relay-demo", head{}, policyFramedBySelf, permitCapture)
	})
	read(e, "/embed/:stream", s.streamPage("embed", policyPage, permitNothing))
	read(e, "/embed/:stream/chat", s.streamPage("embed-chat", policyPage, permitNothing))
	read(e, "/player.js", func(echo.Context) error { return noBuild() })
	for path, file := range s.build.files {
		read(e, path, file.serve)
	}
}

// head is what the server knows of a page: the name of its stream, and the addresses that other sites embed it by.
type head struct{ Name, Watch, Embed, OEmbed string }

func (s *site) streamPage(page, policy, permissions string) echo.HandlerFunc {
	return func(c echo.Context) error {
		name, err := wish.StreamName(c)
		if err != nil {
			return err
		}
		h := head{Name: name}
		if page == "watch" || page == "embed" {
			origin := s.origin(c)
			h.Watch = origin + "/watch/" + url.PathEscape(name)
			h.Embed = origin + "/embed/" + url.PathEscape(name)
			h.OEmbed = origin + "/oembed?" + url.Values{"url": {h.Watch}}.Encode()
		}
		return s.page(c, page, h, policy, permissions)
	}
}

// page answers with a page of the build and its head.
func (s *site) page(c echo.Context, name string, h head, policy, permissions string) error {
	html := s.build.pages[name]
	if html == nil {
		return noBuild()
	}
	var written bytes.Buffer
	if err := s.templates.ExecuteTemplate(&written, "head.tmpl", h); err != nil {
		return err
	}
	html = bytes.Replace(html, []byte(headMark), written.Bytes(), 1)
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	header.Set(echo.HeaderCacheControl, cacheAsk)
	header.Set("ETag", etag(html, ""))
	protect(header, policy, permissions)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(html))
	return nil
}

// protect sets the security headers of a page.
func protect(header http.Header, policy, permissions string) {
	header.Set(echo.HeaderContentSecurityPolicy, policy)
	header.Set("Permissions-Policy", permissions)
	header.Set(echo.HeaderReferrerPolicy, "strict-origin-when-cross-origin")
}

func noBuild() error {
	return echo.NewHTTPError(http.StatusServiceUnavailable, `the pages have not been built; run "make web" and start the server again`)
}

// origin is the scheme and host by which the client reached the server.
func (s *site) origin(c echo.Context) string {
	host := c.Request().Host
	if forwarded := c.Request().Header.Values("X-Forwarded-Host"); s.trustProxy && len(forwarded) > 0 {
		last := forwarded[len(forwarded)-1] // the nearest proxy appends its own
		host = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	}
	return (&url.URL{Scheme: c.Scheme(), Host: host}).String()
}
