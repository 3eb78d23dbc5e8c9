//go:build unix

package load

import (
	"math"
	"syscall"
)

// fileLimit returns how many files this process may have open. The runtime has raised it as far as it may.
func fileLimit() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return math.MaxUint64
	}
	return uint64(l.Cur)
}
