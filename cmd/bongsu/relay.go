package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"bongsu/signal"
)

// listenRelay opens the relay's own port, if there is to be one.
func listenRelay(ctx context.Context, address string, secure *tls.Config) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("can't open the relay's port (choose another with relay.listen): %w", err)
	}
	if secure != nil {
		secure = secure.Clone()
		secure.NextProtos = []string{"http/1.1"} // as which a WebSocket begins
		l = tls.NewListener(l, secure)
	}
	return l, nil
}

// serveRelay serves the relay on its own port until ctx ends. Behind a proxy that is trusted, its X-Forwarded-For tells the client.
func serveRelay(ctx context.Context, l net.Listener, relay *signal.Relay, trustProxy bool, log *slog.Logger) {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect()
	if trustProxy {
		e.IPExtractor = echo.ExtractIPFromXFFHeader()
	}
	e.HTTPErrorHandler = tellProblem
	e.GET("/*", relay.HandleAll)
	server := http.Server{
		Handler:        e,
		ReadTimeout:    10 * time.Second, // of a request; a WebSocket has times of its own
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // strangers' handshakes
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Error("the relay's port failed", "error", err)
	}
}

// tellProblem answers an error with its problem document.
func tellProblem(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, problem := signal.Status(err)
	c.Response().Header().Set(echo.HeaderContentType, signal.ProblemType)
	_ = c.JSON(status, problem)
}
