//go:build linux || darwin

package cluster

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile makes a file and locks it: JetStream does not keep a second process from its store. The system unlocks it with the
// end of the process, however that comes.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// freeBytes is what may still be written to a folder's disk.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return defaultMaxStore
	}
	return int64(s.Bavail) * int64(s.Bsize) //nolint:unconvert // the types differ between systems
}
