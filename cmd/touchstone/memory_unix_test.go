//go:build unix

package main

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkMineMemory mines two blocks on a new private chain, in a process of its
// own, and tells the most memory it had: at most 250 MB. (Linux counts what this
// process had when it started the other, if that was more.)
func BenchmarkMineMemory(b *testing.B) {
	peak := 0.0
	for b.Loop() {
		cmd := exec.Command("touchstone", "mine", "--blocks", "2", "--datadir", b.TempDir())
		out, err := cmd.CombinedOutput()
		require.NoError(b, err, "%s", out)
		unit := 1024.0 // of Maxrss
		if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
			unit = 1
		}
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		require.True(b, ok)
		peak = max(peak, float64(usage.Maxrss)*unit/1e6)
	}
	b.ReportMetric(peak, "peak_MB")
	require.LessOrEqual(b, peak, 250.0)
}
