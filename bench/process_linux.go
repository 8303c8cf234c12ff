package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// userTick is a clock tick of /proc/pid/stat: USER_HZ is 100 on all architectures that Go runs on.
const userTick = 10 * time.Millisecond

// processCPU is the user and system time of a process (proc(5), fields 14 and 15 of /proc/pid/stat).
func processCPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("%w: process %d can't be measured: %w", ErrConfig, pid, err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%w: process %d can't be measured: /proc/%d/stat is %q", ErrConfig, pid, pid, text)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * userTick, nil
}

func residentBytes(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// ownCPU is this process's user and system time.
func ownCPU() time.Duration { return usage(unix.RUSAGE_SELF) }

func usage(who int) time.Duration {
	var u unix.Rusage
	if unix.Getrusage(who, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// availableCPUs is how many CPUs this process may use.
func availableCPUs() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return runtime.NumCPU()
	}
	return set.Count()
}

// allowedCPUs lists the CPUs that this process may use.
func allowedCPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var list []int
	for i := 0; len(list) < set.Count(); i++ {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list
}

// loadAverage is the machine's, over 1, 5 and 15 minutes.
func loadAverage() (load [3]float64) {
	text, _ := os.ReadFile("/proc/loadavg")
	for i, f := range strings.Fields(string(text)) {
		if i < len(load) {
			load[i], _ = strconv.ParseFloat(f, 64)
		}
	}
	return load
}

func cpuSet(cpus []int) *unix.CPUSet {
	set := &unix.CPUSet{}
	for _, c := range cpus {
		set.Set(c)
	}
	return set
}

// pinSelf binds all threads of this process to the CPUs; those that come later inherit it.
func pinSelf(cpus []int) {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.SchedSetaffinity(tid, cpuSet(cpus))
		}
	}
}

// startPinned starts a process that is bound to the CPUs from its first instruction on: it inherits them from the thread that
// makes it, so that its Go runtime counts no others.
func startPinned(cmd *exec.Cmd, cpus []int) error {
	if len(cpus) == 0 {
		return cmd.Start()
	}
	defer onCPUs(cpus)()
	return cmd.Start()
}

// onCPUs binds the calling goroutine to the CPUs until release.
func onCPUs(cpus []int) (release func()) {
	runtime.LockOSThread()
	var before unix.CPUSet
	if unix.SchedGetaffinity(0, &before) != nil || unix.SchedSetaffinity(0, cpuSet(cpus)) != nil {
		return runtime.UnlockOSThread
	}
	return func() {
		_ = unix.SchedSetaffinity(0, &before)
		runtime.UnlockOSThread()
	}
}
