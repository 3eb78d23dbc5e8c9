package main

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// lowerPriority makes this process give way to others. Windows has classes
// instead of numbers: from 10 on only what nobody else wants is used.
func lowerPriority(nice int) error {
	class := uint32(windows.BELOW_NORMAL_PRIORITY_CLASS)
	if nice >= 10 {
		class = windows.IDLE_PRIORITY_CLASS
	}
	if err := windows.SetPriorityClass(windows.CurrentProcess(), class); err != nil {
		return fmt.Errorf("--nice %d: %w", nice, err)
	}
	return nil
}
