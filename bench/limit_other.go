//go:build !linux

package bench

import (
	"context"
	"fmt"
	"time"
)

// MachineLimit needs Linux.
func MachineLimit(context.Context, []int, int, int) (time.Duration, error) {
	return 0, fmt.Errorf("%w: the machine's limit can be measured on Linux only", ErrConfig)
}
