package main

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// lowerPriority makes this process give way to others. On Linux priority
// belongs to threads; those made later inherit it from the thread that makes
// them, so every thread there is gets it, again until none is new.
func lowerPriority(nice int) error {
	done := map[int]bool{}
	for again := true; again; {
		again = false
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("--nice: %w", cause(err))
		}
		for _, e := range entries {
			id, err := strconv.Atoi(e.Name())
			if err != nil || done[id] {
				continue
			}
			done[id], again = true, true
			// A thread may have ended since it was listed.
			if err := unix.Setpriority(unix.PRIO_PROCESS, id, nice); err != nil && err != unix.ESRCH {
				return fmt.Errorf("--nice %d: %w", nice, err)
			}
		}
	}
	return nil
}
