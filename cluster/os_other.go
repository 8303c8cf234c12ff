//go:build !linux && !darwin

package cluster

import "os"

// lockFile makes the file; this system's locks are not used.
func lockFile(path string) (*os.File, error) { return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) }

// freeBytes takes the disk for large enough.
func freeBytes(string) int64 { return 2 * defaultMaxStore }
