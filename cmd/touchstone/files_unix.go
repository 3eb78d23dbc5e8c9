//go:build unix

package main

import (
	"math"

	"golang.org/x/sys/unix"
)

// filesLimit returns how many files this process may have open. The runtime has
// raised it as far as it may.
func filesLimit() uint64 {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return math.MaxUint64
	}
	return uint64(l.Cur)
}
