package cluster

import (
	"fmt"
	"log/slog"
	"strings"
)

// logger gives what the NATS server logs to slog. Its notices are of little use to who runs a gateway: they are for debugging.
type logger struct{ log *slog.Logger }

// Noticef, Warnf, Errorf, Fatalf, Debugf and Tracef are NATS's logging levels.
func (l *logger) Noticef(format string, v ...any) { l.log.Debug(text(format, v)) }

// Warnf is a warning.
func (l *logger) Warnf(format string, v ...any) { l.log.Warn(text(format, v)) }

// Errorf is an error.
func (l *logger) Errorf(format string, v ...any) { l.log.Error(text(format, v)) }

// Fatalf is an error after which the server ends by itself; the process goes on.
func (l *logger) Fatalf(format string, v ...any) { l.log.Error(text(format, v)) }

// Debugf is not asked for.
func (l *logger) Debugf(string, ...any) {}

// Tracef is not asked for.
func (l *logger) Tracef(string, ...any) {}

func text(format string, v []any) string { return strings.TrimSpace(fmt.Sprintf(format, v...)) }
