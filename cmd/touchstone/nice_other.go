//go:build !unix && !windows

package main

import (
	"errors"
	"runtime"
)

// lowerPriority makes this process give way to others.
func lowerPriority(int) error {
	return errors.New("--nice: not possible on " + runtime.GOOS)
}
