package hash

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
		{features{fourPorts: true, sha: true, avx2: true}, []Kernel{Generic, AVX2, SHANI}},
		{features{fourPorts: true, avx512: true}, []Kernel{Generic, AVX512, AVX512x2}},
		{features{fourPorts: true, sha: true, avx512: true}, []Kernel{Generic, SHANI, AVX512, AVX512x2}},
		{features{fourPorts: true, avx2: true, avx512: true}, []Kernel{Generic, AVX2, AVX512, AVX512x2}},
		{features{fourPorts: true, sha: true, avx2: true, avx512: true}, []Kernel{Generic, AVX2, SHANI, AVX512, AVX512x2}},
	} {
		require.Equal(t, test.want, test.has.kernels(), "%+v", test.has)
		for k := range Kernel(255) {
			require.Equal(t, slices.Contains(test.want, k), test.has.runs(k), "%v with %+v", k, test.has)
		}

		pass := func(Kernel) error { return nil }
		auto, err := lastOf(test.has.kernels(), pass)
		require.NoError(t, err)
		require.Equal(t, test.want[len(test.want)-1], auto, "%+v", test.has)
		for _, k := range test.want {
			require.NoError(t, k.checkOn(test.has, pass))
		}
	}
}

// Of few messages Auto asks a kernel that this machine has, and that passed.
func TestChoice(t *testing.T) {
	pass := failing()
	for _, test := range []struct {
		many Kernel
		has  features
		test func(Kernel) error
		want choice
	}{
		{Generic, features{}, pass, choice{many: Generic}},
		{ARM64, features{arm64SHA2: true}, pass, choice{ARM64, Generic, 1}},
		{SHANI, features{sha: true, avx2: true}, pass, choice{many: SHANI}},
		{AVX2, features{avx2: true}, pass, choice{AVX2, Generic, 1}},
		{AVX512, features{avx512: true}, pass, choice{AVX512, Generic, 1}},
		{AVX512, features{sha: true, avx512: true}, pass, choice{AVX512, SHANI, shaniFew}},
		{AVX512x2, features{sha: true, avx512: true, fourPorts: true}, pass, choice{AVX512x2, SHANI, shaniFew}},
		{AVX512, features{sha: true, avx512: true}, failing(SHANI), choice{AVX512, Generic, 1}},
		{AVX512, features{avx512: true}, failing(Generic), choice{many: AVX512}},
	} {
		c := choose(test.many, test.has, test.test)
		require.Equal(t, test.want, c)
		for left := 1; left < 40; left++ {
			want := c.many
			if left <= c.atMost {
				want = c.few
			}
			require.Equal(t, want, c.of(left))
		}
	}
	for k := Auto + 1; k < kernelCount; k++ {
		if SelfTest(k) == nil {
			require.Equal(t, choice{many: k}, k.mustChoose(), "one that is named is the only one")
		}
	}
}

// No kernel needs an extension that was not asked for: each generator says at every function which ones it uses.
func TestAssemblyNeedsNothingElse(t *testing.T) {
	asked := map[Kernel][]string{ // those of amd64's baseline included
		SHANI:    {"SSE", "SSE2", "SSSE3", "SSE4.1", "SHA"},
		AVX2:     {"AVX", "AVX2"},
		AVX512:   {"AVX", "AVX2", "AVX512F", "AVX512BW", "AVX512DQ", "AVX512VL"},
		AVX512x2: {"AVX", "AVX2", "AVX512F", "AVX512BW", "AVX512DQ", "AVX512VL"},
	}
	files, err := filepath.Glob("*_amd64.s")
	require.NoError(t, err)
	function := regexp.MustCompile(`(?m)^(?:// Requires: (.*)\n)?TEXT ·(\w+)\(SB\)`)
	seen := map[Kernel]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		functions := function.FindAllSubmatch(text, -1)
		require.NotEmpty(t, functions, file)
		for _, f := range functions {
			needs, name := string(f[1]), string(f[2])
			of := Auto
			for k := range asked {
				if strings.HasSuffix(strings.ToLower(name), k.String()) {
					of = k
				}
			}
			require.NotEqual(t, Auto, of, "%s: %s is of no kernel", file, name)
			require.NotEmpty(t, needs, "%s: %s needs nothing", file, name)
			require.Subset(t, asked[of], strings.Split(needs, ", "), "%s: %s", file, name)
			seen[of] = true
		}
	}
	for k := range asked {
		require.True(t, seen[k], "%v has assembly", k)
	}
}

// Go's own code uses SSE, which is slow on some processors after AVX until the upper halves of registers are cleared. No
// result shows whether they are.
func TestAssemblyClearsUpperHalves(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	require.NoError(t, err)
	returns := regexp.MustCompile(`(\w+)\n\s*RET\n`)
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, function := range strings.Split(string(text), "\nTEXT ·")[1:] {
			name, _, _ := strings.Cut(function, "(SB)")
			if !strings.Contains(name, "AVX") || strings.HasSuffix(name, "<>") { // a subroutine, which Go does not call
				continue
			}
			found := returns.FindAllStringSubmatch(function, -1)
			require.NotEmpty(t, found, "%s: %s", file, name)
			for _, r := range found {
				require.Equal(t, "VZEROUPPER", r[1], "%s: before %s returns", file, name)
			}
			seen++
		}
	}
	require.GreaterOrEqual(t, seen, 12, "searches, headers, pairs and suffixes of three kernels")
}

func TestKernelsDoNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(10, func() { Auto.mustChoose() }))
	require.Zero(t, testing.AllocsPerRun(10, func() { Generic.mustChoose() }))
}
