package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"

	"bongsu/udp"
)

// doors are the ports by which clients reach the gateway. Close them.
type doors struct {
	media *udp.Port
	http  net.Listener
	relay net.Listener // the relay's own; nil: there is none
}

// openDoors opens the ports of the configuration; with TLS those of HTTP speak it.
func openDoors(ctx context.Context, cfg *Config, log *slog.Logger) (d *doors, err error) {
	d = &doors{}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.media, err = udp.Listen(cfg.UDP, log); err != nil {
		return nil, err
	}
	if cfg.TCP != "" {
		if err := d.media.ListenTCP(cfg.TCP); err != nil {
			return nil, err
		}
	}
	if d.http, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Web.Listen); err != nil {
		return nil, fmt.Errorf("can't open the HTTP port (is another server running? choose another with --listen): %w", err)
	}
	secure, err := cfg.Web.TLS.TLS(cfg.Data, log)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		d.http = tls.NewListener(d.http, secure)
	}
	if d.relay, err = listenRelay(ctx, cfg.Relay.Listen, secure); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *doors) close() {
	for _, l := range []net.Listener{d.relay, d.http} {
		if l != nil {
			_ = l.Close()
		}
	}
	if d.media != nil {
		_ = d.media.Close()
	}
}
