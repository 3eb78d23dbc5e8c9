package hash_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

// allKernels names every kernel there is, on whatever machine. A new kernel is one more row.
var allKernels = []hash.Kernel{
	hash.Generic,
	hash.ARM64,
	hash.SHANI,
	hash.AVX2,
	hash.AVX512,
	hash.AVX512x2,
}

// eachKernel runs test for every kernel, by name. A kernel this machine lacks is skipped aloud; [TestRequiredKernels]
// makes that an error on a machine meant to have it. One that fails its self-test is not skipped: [TestNoKernelIsRefused].
func eachKernel(t *testing.T, test func(t *testing.T, k hash.Kernel)) {
	t.Helper()
	for _, k := range allKernels {
		t.Run(k.String(), func(t *testing.T) {
			if !has(k) {
				t.Skipf("kernel %v does not run on this machine", k)
			}
			test(t, k)
		})
	}
}

// TestRequiredKernels fails if this machine lacks a kernel named in the environment variable TOUCHSTONE_REQUIRE_KERNELS,
// so that no kernel goes untested for want of a machine; and if it has one not named in TOUCHSTONE_ONLY_KERNELS, so that an
// emulated machine is the lesser one it is meant to be. Both are names, separated by commas; not set means any.
func TestRequiredKernels(t *testing.T) {
	for _, k := range kernelsFromEnvironment(t, "TOUCHSTONE_REQUIRE_KERNELS") {
		require.True(t, has(k), "kernel %v is required here, but this machine has only %v", k, hash.Kernels())
		require.Contains(t, allKernels, k, "required here, but not in the table of the tests")
	}
	if only := kernelsFromEnvironment(t, "TOUCHSTONE_ONLY_KERNELS"); len(only) > 0 {
		require.Subset(t, only, hash.Kernels(), "this machine was to have only %v, and has %v", only, hash.Kernels())
	}
}

func kernelsFromEnvironment(t *testing.T, variable string) (ks []hash.Kernel) {
	for name := range strings.SplitSeq(os.Getenv(variable), ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		k, err := hash.ParseKernel(name)
		require.NoError(t, err, variable)
		ks = append(ks, k)
	}
	return ks
}

// kernels are the rows of the benchmark tables.
func kernels(tb testing.TB) []hash.Kernel {
	tb.Helper()
	var ks []hash.Kernel
	for _, k := range allKernels {
		if !has(k) {
			tb.Logf("kernel %v does not run on this machine", k)
			continue
		}
		ks = append(ks, k)
	}
	return ks
}

func has(k hash.Kernel) bool { return slices.Contains(hash.Kernels(), k) }

func TestKernelNames(t *testing.T) {
	for _, k := range append([]hash.Kernel{hash.Auto}, allKernels...) {
		parsed, err := hash.ParseKernel(k.String())
		require.NoError(t, err)
		require.Equal(t, k, parsed)
	}
	for _, name := range []string{"", "Generic", "generic ", "kernel(1)", "avx-512"} {
		_, err := hash.ParseKernel(name)
		require.ErrorContains(t, err, "auto, generic", "%q", name)
	}
	require.Equal(t, "kernel(250)", hash.Kernel(250).String())
}

func TestKernels(t *testing.T) {
	usable := hash.Kernels()
	require.Contains(t, usable, hash.Generic)
	require.NotContains(t, usable, hash.Auto)
	require.Subset(t, allKernels, usable, "a kernel without a row in the table of the tests")
	require.Contains(t, usable, hash.Auto.Resolve())
	for _, k := range allKernels {
		require.Equal(t, k, k.Resolve())
	}

	usable[0] = hash.Auto // the slice is ours
	require.NotContains(t, hash.Kernels(), hash.Auto)
}

func TestUnusableKernel(t *testing.T) {
	_, err := hash.NewScanner(hash.Kernel(250))
	require.ErrorContains(t, err, "kernel(250) does not run on this machine: use one of [generic")
	require.Panics(t, func() { hash.SumHeaders(hash.Kernel(250), nil, nil) })
	require.Panics(t, func() { hash.SumPairs(hash.Kernel(250), nil, nil) })
}
