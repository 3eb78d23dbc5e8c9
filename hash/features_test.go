package hash

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A machine with these features has these kernels, the expected fastest last.
func TestKernelsOfFeatures(t *testing.T) {
	for _, test := range []struct {
		has  features
		want []Kernel
	}{
		{features{}, []Kernel{Generic}},
		{features{arm64SHA2: true}, []Kernel{Generic, ARM64}},

		{features{sha: true}, []Kernel{Generic, SHANI}},
		{features{avx2: true}, []Kernel{Generic, AVX2}},
		{features{sha: true, avx2: true}, []Kernel{Generic, AVX2, SHANI}},
		{features{avx512: true}, []Kernel{Generic, AVX512x2, AVX512}},
		{features{sha: true, avx512: true}, []Kernel{Generic, SHANI, AVX512x2, AVX512}},
		{features{avx2: true, avx512: true}, []Kernel{Generic, AVX2, AVX512x2, AVX512}},
		{features{sha: true, avx2: true, avx512: true}, []Kernel{Generic, AVX2, SHANI, AVX512x2, AVX512}},

		// More ports change what is expected, not what runs.
		{features{fourPorts: true}, []Kernel{Generic}},
		{features{fourPorts: true, sha: true}, []Kernel{Generic, SHANI}},
		{features{fourPorts: true, avx2: true}, []Kernel{Generic, AVX2}},
		{features{fourPorts: true, sha: true, avx2: true}, []Kernel{Generic, SHANI, AVX2}},
		{features{fourPorts: true, avx512: true}, []Kernel{Generic, AVX512, AVX512x2}},
		{features{fourPorts: true, sha: true, avx512: true}, []Kernel{Generic, SHANI, AVX512, AVX512x2}},
		{features{fourPorts: true, avx2: true, avx512: true}, []Kernel{Generic, AVX2, AVX512, AVX512x2}},
		{features{fourPorts: true, sha: true, avx2: true, avx512: true}, []Kernel{Generic, SHANI, AVX2, AVX512, AVX512x2}},
	} {
		want := slices.DeleteFunc(test.want, func(k Kernel) bool { return !finished[k] })
		require.Equal(t, want, test.has.kernels(), "%+v", test.has)
		for k := range Kernel(255) {
			require.Equal(t, slices.Contains(want, k), test.has.runs(k), "%v with %+v", k, test.has)
		}

		pass := func(Kernel) error { return nil }
		auto, err := lastOf(test.has.kernels(), pass)
		require.NoError(t, err)
		require.Equal(t, want[len(want)-1], auto, "%+v", test.has)
		for _, k := range want {
			require.NoError(t, k.checkOn(test.has, pass))
		}
	}
}

func TestKernelsDoNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(10, func() { Auto.mustCheck() }))
	require.Zero(t, testing.AllocsPerRun(10, func() { Generic.mustCheck() }))
}
