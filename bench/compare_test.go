package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// measured is a row with a median and how far its interval reaches to each side.
func measured(kernel string, median, side float64) Measurement {
	return Measurement{Task: Scan, Kernel: kernel, Midstates: 1, Threads: 1, Median: median, Best: median + side, Low: median - side, High: median + side, Windows: 9}
}

func TestCompareWith(t *testing.T) {
	machine := Machine{OS: "linux", Arch: "amd64", Threads: 2, CPU: CPU{Name: "one", LogicalCores: 2}}
	before := func() *Results {
		return &Results{Summary: Summary{Machine: machine, Units: []UnitRate{{Unit: "vector", Width: 512, Median: 15}}}, Measurements: []Measurement{
			measured("avx512", 100, 1), measured("avx2", 50, 1), measured(stdlib, 10, 0.05), measured("gone", 1, 0.1),
		}}
	}
	compare := func(now *Results) []string {
		now.CompareWith(before())
		var verdicts []string
		for _, m := range now.Measurements {
			if m.Change == nil {
				verdicts = append(verdicts, m.Kernel+" new")
			} else {
				verdicts = append(verdicts, m.Kernel+" "+m.Change.Verdict)
			}
		}
		return verdicts
	}
	now := func(ms ...Measurement) *Results {
		return &Results{Summary: Summary{Machine: machine}, Measurements: ms}
	}

	r := now(measured("avx512", 103, 1), measured("avx2", 47, 1), measured(stdlib, 10, 0.05), measured("come", 2, 0.1))
	require.Equal(t, []string{"avx512 faster", "avx2 slower", "crypto/sha256 noise", "come new"}, compare(r))
	require.Equal(t, &Change{Before: 100, Ratio: 1.03, Verdict: Faster}, r.Measurements[0].Change)
	a := r.Summary.Against
	require.True(t, a.SameMachine)
	require.Equal(t, []Key{{Scan, "gone", 1, 1}}, a.Missing)
	require.Equal(t, []Key{{Scan, "come", 1, 1}}, a.New)

	r = now(measured("avx512", 101.9, 1), measured("avx2", 48.1, 1))
	require.Equal(t, []string{"avx512 noise", "avx2 noise"}, compare(r), "the intervals touch")

	r = now(measured("avx512", 103, 1), measured("avx2", 47, 1), measured(stdlib, 9.6, 0.05))
	require.Equal(t, []string{"avx512 noise", "avx2 slower", "crypto/sha256 noise"}, compare(r), "the machine drifted by 4 %, one changed by 3 %")

	r = now(measured("avx512", 103, 1), measured("avx2", 47, 1))
	r.Summary.Units = []UnitRate{{Unit: "vector", Width: 512, Median: 14.4}, {Unit: "vector", Width: 256, Median: 1}}
	require.Equal(t, []string{"avx512 noise", "avx2 slower"}, compare(r), "the vector units are slower by 4 %")

	r = now(measured("avx512", 103, 1), measured(stdlib, 12, 0.05))
	r.Summary.Go = "go1.99"
	require.Equal(t, []string{"avx512 faster", "crypto/sha256 faster"}, compare(r), "another Go's crypto/sha256 is other code")

	r = now(measured("avx512", 103, 1), measured("avx2", 47, 1))
	r.Measurements[0].Best, r.Measurements[1].Best = 101, 51
	require.Equal(t, []string{"avx512 noise", "avx2 noise"}, compare(r), "windows that nothing disturbed are as they were")

	machine.CPU.Name = "another"
	r = now(measured("avx512", 103, 1), measured(stdlib, 5, 0.05))
	machine.CPU.Name = "one"
	require.Equal(t, []string{"avx512 faster", "crypto/sha256 slower"}, compare(r))
	require.False(t, r.Summary.Against.SameMachine)
	require.Equal(t, "one", r.Summary.Against.Machine.CPU.Name)
}

func TestMachine(t *testing.T) {
	m := ThisMachine()
	require.NotEmpty(t, m.Touchstone)
	require.NotEmpty(t, m.CPU.Name)
	require.Positive(t, m.CPU.LogicalCores)
	require.Positive(t, m.Threads)
	n := m
	require.True(t, m.Same(&n))
	n.Go = "go1.99"
	require.True(t, m.Same(&n), "another Go is another program")
	n.Threads++
	require.False(t, m.Same(&n))
	require.Contains(t, m.String(), m.Arch)
}
