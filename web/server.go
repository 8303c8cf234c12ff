// Package web is the roof: the HTTP server that mounts the WHIP and WHEP endpoints and serves the pages, the player and the API.
package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"bongsu/broadcast"
	"bongsu/wish"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// Config is what may be set about the HTTP server.
type Config struct {
	// Listen is the TCP address of the HTTP server, as ":8080" or "127.0.0.1:0".
	Listen string `koanf:"listen"`
	// TrustProxy believes X-Forwarded-For, -Proto and -Host. Only behind a proxy that sets them: anybody else could lie.
	TrustProxy bool      `koanf:"trust_proxy"`
	TLS        TLSConfig `koanf:"tls"`
}

// Services are the rooms below that the server mounts. All but Extensions, Signal, Relay, Chat and Ready are needed.
type Services struct {
	Hub      *broadcast.Hub
	Ingest   echo.HandlerFunc // /whip, /whip/ and /whip/:stream
	Egress   echo.HandlerFunc // /whep/:stream
	Sessions echo.HandlerFunc // /session/:id
	// Extensions are below /session/:id, by their path; nil: there are none.
	Extensions map[string]echo.HandlerFunc
	Signal     echo.HandlerFunc // /signal; nil: not there
	Relay      echo.HandlerFunc // /relay; nil: not there
	Chat       *Chat            // /chat/:stream; nil: not there
	Version    string
	Ready      func() bool // what /readyz answers; nil is always ready
}

// What a connection may take. There is no write timeout: it would cut what streams.
const (
	headerTimeout  = 10 * time.Second
	readTimeout    = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
	graceTime      = 5 * time.Second
)

// Server is the HTTP server. A handler that streams (Server-Sent Events) lifts the read timeout of its own connection with
// http.ResponseController, as net/http would end the request's context by it.
type Server struct {
	http http.Server
	log  *slog.Logger
}

// New mounts everything on one echo.
func New(cfg Config, s Services, log *slog.Logger) *Server {
	return newServer(cfg, s, dist, log)
}

// newServer is New with the front end's build in the folder "dist" of files.
func newServer(cfg Config, s Services, files fs.FS, log *slog.Logger) *Server {
	site := newSite(s, files, cfg.TrustProxy, log)
	e := echo.New()
	e.IPExtractor, e.SchemeExtractor = echo.ExtractIPDirect(), echo.ExtractSchemeDirect()
	if cfg.TrustProxy {
		e.IPExtractor, e.SchemeExtractor = echo.ExtractIPFromXFFHeader(), echo.ExtractSchemeFromHeaders()
	}
	e.HTTPErrorHandler = site.tellError
	e.Use(accessLog(log), nosniff, middleware.RecoverWithConfig(middleware.RecoverConfig{
		DisableErrorHandler: true,
		LogErrorFunc: func(_ echo.Context, err error, stack []byte) error {
			return fmt.Errorf("panic: %w\n%s", err, stack)
		},
	}), wire)

	for _, path := range []string{"/whip", "/whip/", "/whip/:stream"} {
		e.Any(path, s.Ingest)
	}
	e.Any("/whep/:stream", s.Egress)
	e.Any("/session/:id", s.Sessions)
	for path, handler := range s.Extensions {
		e.Any("/session/:id/"+path, handler)
	}
	if s.Signal != nil {
		e.GET("/signal", s.Signal)
	}
	if s.Relay != nil {
		e.GET("/relay", s.Relay)
	}
	site.mountPages(e)
	site.mountAPI(e)

	server := &Server{log: log, http: http.Server{
		Handler:           e,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	if s.Chat != nil {
		s.Chat.mount(e)
		server.http.RegisterOnShutdown(func() { _ = s.Chat.Close() }) // else Close would wait for who reads
	}
	return server
}

// Serve answers requests that come by l until ctx ends or Close is called, and returns when the running ones have been answered.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- s.Close() })
	err := s.http.Serve(l)
	if !stop() {
		return <-closed
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("HTTP server: %w", err)
}

// Close takes no new requests, waits up to 5 s for the running ones, and then cuts the connections that are left.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), graceTime)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("some requests did not end in time and were cut", "grace", graceTime)
		return s.http.Close()
	}
	return err
}

// accessLog writes a line per request at debug level. It names the route, not the URL: a URL may hold a session's id or a token.
func accessLog(log *slog.Logger) echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		HandleError: true, // else the status is not known yet
		LogMethod:   true, LogRoutePath: true, LogStatus: true, LogLatency: true, LogResponseSize: true, LogRemoteIP: true,
		LogValuesFunc: func(c echo.Context, v middleware.RequestLoggerValues) error {
			log.DebugContext(c.Request().Context(), "request", "method", v.Method, "route", v.RoutePath, "stream", c.Param("stream"),
				"status", v.Status, "bytes", v.ResponseSize, "took", v.Latency, "from", v.RemoteIP)
			return nil
		},
	})
}

// wire puts wish.CORS before all of the protocol's addresses, also before those that lead nowhere: else a page would never
// learn that it is the address which is wrong.
func wire(next echo.HandlerFunc) echo.HandlerFunc {
	open := wish.CORS(next)
	return func(c echo.Context) error {
		switch first, _, _ := strings.Cut(strings.TrimPrefix(c.Request().URL.Path, "/"), "/"); first {
		case "whip", "whep", "session", "chat":
			return open(c)
		}
		return next(c)
	}
}

// nosniff keeps browsers from guessing the type of what we send (WHATWG Fetch section 3.6).
func nosniff(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXContentTypeOptions, "nosniff")
		return next(c)
	}
}
