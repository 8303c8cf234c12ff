package bench

import "time"

// process is one whose CPU time and memory are measured. The zero value measures nothing.
type process struct {
	pid int
	own bool
}

func (p *process) self() { p.own = true }

// open checks that the process can be measured.
func (p *process) open(pid int) error {
	if pid == 0 {
		return nil
	}
	if _, err := processCPU(pid); err != nil {
		return err
	}
	p.pid = pid
	return nil
}

// cpu is the user and system time so far; 0 where it is not known.
func (p *process) cpu() time.Duration {
	switch {
	case p.own:
		return ownCPU()
	case p.pid != 0:
		d, _ := processCPU(p.pid)
		return d
	}
	return 0
}

// resident is the resident set size in bytes; 0 where it is not known.
func (p *process) resident() int64 {
	if p.pid == 0 {
		return 0
	}
	return residentBytes(p.pid)
}
