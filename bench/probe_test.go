package bench

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

// A probe does at least what it is asked for, and says how much.
func TestProbes(t *testing.T) {
	features := thisCPU().Features
	needs := map[resource]string{
		{vector, 512}: "avx512f", {shifts, 512}: "avx512f",
		{vector, 256}: "avx2", {shifts, 256}: "avx2",
		{vector, 128}: "sse2", {shifts, 128}: "sse2", {rounds, 128}: "sha",
	}
	for r, feature := range needs {
		probe := probeOf(r)
		if probe == nil || !slices.Contains(features, feature) {
			t.Logf("no probe of %v runs on this machine", r)
			continue
		}
		turn := probe(1)
		require.Positive(t, turn)
		require.Equal(t, 100*turn, probe(99*turn+1))
		require.Equal(t, 100*turn, probe(100*turn))
	}
	require.Nil(t, probeOf(resource{vector, 1024}))
	require.Nil(t, probeOf(resource{rounds, 512}))
}

func TestDemandsOf(t *testing.T) {
	require.Empty(t, demandsOf(hash.Operations{}))
	ds := demandsOf(hash.Operations{Hashes: 16, Width: 512, Vector: 2400, Shifts: 960})
	if probeOf(resource{vector, 512}) == nil {
		require.Empty(t, ds, "what cannot be measured is no bound")
		return
	}
	require.Equal(t, []demand{{resource{vector, 512}, 150}, {resource{shifts, 512}, 60}}, ds)
}

// Kernels are counted with the width that is theirs.
func TestCountedKernels(t *testing.T) {
	for _, k := range hash.Kernels() {
		for _, n := range searched {
			ops, ok := hash.ScanOperations(k, n)
			if !ok {
				t.Logf("the operations of %v with %d midstates are not counted", k, n)
				continue
			}
			require.Contains(t, []int{128, 256, 512}, ops.Width)
			require.Positive(t, ops.Hashes)
			require.Greater(t, ops.Vector+ops.Rounds, ops.Shifts)
		}
	}
}
