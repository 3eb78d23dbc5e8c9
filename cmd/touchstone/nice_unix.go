//go:build unix && !linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// lowerPriority makes this process give way to others.
func lowerPriority(nice int) error {
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil {
		return fmt.Errorf("--nice %d: %w", nice, err)
	}
	return nil
}
