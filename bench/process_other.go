//go:build !linux

package bench

import (
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

func processCPU(int) (time.Duration, error) {
	return 0, fmt.Errorf("%w: another process can be measured on Linux only", ErrConfig)
}

func residentBytes(int) int64                  { return 0 }
func ownCPU() time.Duration                    { return 0 }
func availableCPUs() int                       { return runtime.NumCPU() }
func allowedCPUs() []int                       { return nil }
func loadAverage() (load [3]float64)           { return load }
func pinSelf([]int)                            {}
func startPinned(cmd *exec.Cmd, _ []int) error { return cmd.Start() }
