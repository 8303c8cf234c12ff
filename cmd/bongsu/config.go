package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/text/unicode/norm"

	"bongsu/auth"
	"bongsu/broadcast"
	"bongsu/channel"
	"bongsu/egress"
	"bongsu/ingest"
	"bongsu/signal"
	"bongsu/web"
	"bongsu/wish"
)

// Config is the configuration of the gateway. A section's struct lives in the package that it configures, where that needs one.
type Config struct {
	Web          web.Config                `koanf:",squash"`
	UDP          string                    `koanf:"udp"`
	TCP          string                    `koanf:"tcp"`
	ICELite      bool                      `koanf:"ice_lite"`
	NAT          NATConfig                 `koanf:"nat"`
	Data         string                    `koanf:"data"`
	Demo         bool                      `koanf:"demo"`
	Log          LogConfig                 `koanf:"log"`
	Limits       LimitsConfig              `koanf:"limits"`
	Precondition string                    `koanf:"precondition"`
	Egress       egress.Config             `koanf:"egress"`
	Broadcast    broadcast.Config          `koanf:"broadcast"`
	Origins      []string                  `koanf:"origins"`
	ICEServers   map[string]wish.ICEServer `koanf:"ice_servers"`
	Signal       signal.Config             `koanf:"signal"`
	Relay        signal.RelayConfig        `koanf:"relay"`
	Chat         ChatConfig                `koanf:"chat"`
	DataChannel  channel.Data              `koanf:"data_channel"`
	Keys         auth.Keys                 `koanf:"keys"`
	Streams      map[string]Stream         `koanf:"streams"`
}

// NATConfig says how others reach this machine.
type NATConfig struct {
	PublicIPs []netip.Addr `koanf:"public_ips"`
}

// LogConfig says what is logged, and how.
type LogConfig struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// LimitsConfig bounds what publishers and viewers together take; 0 is no limit.
type LimitsConfig struct {
	PerAddress int `koanf:"sessions_per_address"`
	Sessions   int `koanf:"sessions"`
	Rate       int `koanf:"requests_per_second"`
	Burst      int `koanf:"request_burst"`
}

// Stream is a stream that the configuration makes.
type Stream struct {
	File ingest.FileConfig `koanf:"file"`
}

// defaultConfig is what holds where nobody says otherwise.
func defaultConfig() Config {
	return Config{
		Web:          web.Config{Listen: ":8080", TLS: web.TLSConfig{Mode: web.TLSFiles}},
		UDP:          ":8443",
		TCP:          ":8443",
		Data:         "./data",
		Log:          LogConfig{Level: "info", Format: "text"},
		Limits:       LimitsConfig{PerAddress: 200, Rate: 100, Burst: 3000},
		Precondition: wish.PreconditionPages,
		Egress:       egress.Config{Wait: true, Transport: egress.TransportAuto},
		Broadcast:    broadcast.DefaultConfig(),
		Signal:       signal.DefaultConfig(),
		Relay:        signal.DefaultRelayConfig(),
		Chat:         defaultChatConfig(),
		DataChannel:  channel.Data{Enabled: true},
	}
}

// Validate checks what one value alone can't tell: names, and values that belong together.
func (c *Config) Validate(from origins) error {
	var problems []error
	owner := map[string]string{} // the stream of each key
	for _, name := range slices.Sorted(maps.Keys(c.Keys)) {
		if err := validName(name); err != nil {
			problems = append(problems, fmt.Errorf("%s: keys: %w", from["keys/"+name], err))
		}
		if other, taken := owner[c.Keys[name]]; taken {
			problems = append(problems, fmt.Errorf("%s: keys: %s and %s have the same key; a key has to tell which stream is meant",
				from["keys/"+name], other, name))
		}
		owner[c.Keys[name]] = name
	}
	for _, name := range slices.Sorted(maps.Keys(c.ICEServers)) {
		if err := c.ICEServers[name].Check(); err != nil {
			problems = append(problems, fmt.Errorf("%s: ice_servers.%s: %w", from.below(join("ice_servers", name)), name, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Streams)) {
		where := from.below(join("streams", name))
		if err := validName(name); err != nil {
			problems = append(problems, fmt.Errorf("%s: streams: %w", where, err))
		}
		if file := c.Streams[name].File; file.Video == "" && file.Audio == "" {
			problems = append(problems, fmt.Errorf("%s: streams.%s.file: it names neither a video nor an audio file; give it at least one", where, name))
		}
	}
	return errors.Join(problems...)
}

// validName is broadcast.ValidName for a name in a file. Names in URLs are taken in NFC (Unicode Standard Annex 15): another
// spelling would never match.
func validName(name string) error {
	if !norm.NFC.IsNormalString(name) {
		return fmt.Errorf("%w: %q is written in decomposed letters (NFD); write it composed (NFC)", broadcast.ErrName, name)
	}
	return broadcast.ValidName(name)
}

// logLevels are the words of log.level.
func logLevels() map[string]slog.Level {
	return map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
}
