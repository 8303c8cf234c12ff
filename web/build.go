package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// headMark is where the server puts a page's title and links.
const headMark = "<!--bongsu:head-->"

// How long a client may keep a file without asking again. The names of those in assets change with their content.
const (
	cacheForever = "public, max-age=31536000, immutable"
	cacheAsk     = "no-cache"
)

// file is one file of the build, held in memory with its compressed form.
type file struct {
	body, gzipped         []byte // gzipped is nil where it saves nothing
	etag, etagGzipped     string
	contentType, cacheFor string
}

// build is the front end's build: pages by name ("watch"), and other files by their path below the root ("/player.js").
type build struct {
	pages map[string][]byte
	files map[string]*file
}

// loadBuild reads the folder "dist" of fsys once, so that serving is never more than a copy.
func loadBuild(fsys fs.FS) (*build, error) {
	b := &build{pages: map[string][]byte{}, files: map[string]*file{}}
	err := fs.WalkDir(fsys, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "dist")
		if page, ok := strings.CutSuffix(name, ".html"); ok {
			b.pages[strings.TrimPrefix(page, "/")] = withoutTitle(body)
			return nil
		}
		b.files[name], err = newFile(name, body)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("front end: %w", err)
	}
	return b, nil
}

// withoutTitle takes out the title that a page has for development: the server gives it its own.
func withoutTitle(page []byte) []byte {
	before, rest, _ := bytes.Cut(page, []byte("<title>"))
	if _, after, ok := bytes.Cut(rest, []byte("</title>")); ok {
		return slices.Concat(before, after)
	}
	return page
}

func newFile(name string, body []byte) (*file, error) {
	f := &file{body: body, etag: etag(body, ""), contentType: contentType(name), cacheFor: cacheAsk}
	if strings.HasPrefix(name, "/assets/") {
		f.cacheFor = cacheForever
	}
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if buf.Len() < len(body)*9/10 {
		f.gzipped, f.etagGzipped = buf.Bytes(), etag(body, "-gzip")
	}
	return f, nil
}

// serve answers GET and HEAD, conditional and range requests. Any site may use the file: players are embedded everywhere.
func (f *file) serve(c echo.Context) error {
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, f.contentType)
	header.Set(echo.HeaderCacheControl, f.cacheFor)
	openToAll(header)
	body, tag := f.body, f.etag
	if f.gzipped != nil {
		header.Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
		if acceptsGzip(c.Request().Header) {
			body, tag = f.gzipped, f.etagGzipped
			header.Set(echo.HeaderContentEncoding, "gzip")
		}
	}
	header.Set("ETag", tag)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(body))
	return nil
}

// openToAll lets pages of any origin read the answer, and use it where they isolate themselves.
func openToAll(header http.Header) {
	header.Set(echo.HeaderAccessControlAllowOrigin, "*")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3); a weight of 0 is a no.
func acceptsGzip(header http.Header) bool {
	for item := range strings.SplitSeq(strings.Join(header.Values(echo.HeaderAcceptEncoding), ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		weight, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !found || err == nil && q > 0
	}
	return false
}

// etag is a strong validator (RFC 9110 section 8.8.3): two encodings of one file need two.
func etag(body []byte, encoding string) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + encoding + `"`
}

// contentType does not ask the machine first: its tables may call a .ts file a video.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".ts", ".txt":
		return "text/plain; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".woff2":
		return "font/woff2"
	case ".ico":
		return "image/x-icon"
	}
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return echo.MIMEOctetStream
}
