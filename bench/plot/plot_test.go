package plot

import (
	"bytes"
	"html"
	"image/png"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/bench"
)

// results are those of a machine with several kernels; keep says which of them there are.
func results(keep func(*bench.Measurement) bool) *bench.Results {
	r := &bench.Results{Summary: bench.Summary{Machine: bench.Machine{
		OS: "linux", Arch: "amd64", Go: "go1.26.8", CPU: bench.CPU{Name: "Abacus", Family: 26, Model: 2, LogicalCores: 8},
	}}}
	add := func(m bench.Measurement) {
		if keep(&m) {
			r.Measurements = append(r.Measurements, m)
		}
	}
	fraction, by := 0.94, "vector"
	for i, kernel := range []string{"generic", "shani", "avx2", "avx512", "avx512x2"} {
		for _, n := range []int{1, 2, 4, 8, 16} {
			m := bench.Measurement{Task: bench.Scan, Kernel: kernel, Midstates: n, Threads: 1, Median: 4 * float64(1+i*i) * (1 + float64(n)/40)}
			if i > 0 {
				m.BoundFraction, m.BoundBy = &fraction, &by
			}
			add(m)
		}
		add(bench.Measurement{Task: bench.Headers, Kernel: kernel, Threads: 1, Median: 3 * float64(1+i)})
		add(bench.Measurement{Task: bench.Pairs, Kernel: kernel, Threads: 1, Median: 3.2 * float64(1+i)})
	}
	for i, kernel := range []string{"crypto/sha256", "chainhash", "sha256-simd"} {
		add(bench.Measurement{Task: bench.Scan, Kernel: kernel, Midstates: 1, Threads: 1, Median: 6 + float64(i)})
		add(bench.Measurement{Task: bench.Headers, Kernel: kernel, Threads: 1, Median: 5 + float64(i)})
		add(bench.Measurement{Task: bench.Pairs, Kernel: kernel, Threads: 1, Median: 5.5 + float64(i)})
	}
	for i, scaling := range []float64{0.99, 0.97, 0.91} {
		n := 2 << i
		add(bench.Measurement{Task: bench.Scan, Kernel: "avx512x2", Midstates: 16, Threads: n, Median: 56 * scaling * float64(n), Scaling: &scaling})
	}
	return r
}

func all(*bench.Measurement) bool { return true }

func TestDraw(t *testing.T) {
	tests := []struct {
		name string
		keep func(*bench.Measurement) bool
		want []string // texts of the picture
	}{
		{"all", all, []string{
			"SHA-256d on Abacus (family 26, model 2), 8 cores, linux/amd64, go1.26.8",
			"search, one thread", "16 midstates", "others' code", "28.0", "what the processor's units allow",
			"batches, one thread", "headers", "pairs", "search on more threads: avx512x2, 16 midstates", "408 (91 %)", "56.0",
		}},
		{"one task", func(m *bench.Measurement) bool { return m.Task == bench.Pairs }, []string{"batches, one thread", "pairs", "12.8"}},
		{"others' code only", (*bench.Measurement).IsBaseline, []string{"chainhash"}},
		{"nothing", func(*bench.Measurement) bool { return false }, []string{"SHA-256d on Abacus (family 26, model 2), 8 cores, linux/amd64, go1.26.8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var svg, again, picture bytes.Buffer
			require.NoError(t, Draw(&svg, "svg", results(tt.keep)))
			require.NoError(t, Draw(&again, "svg", results(tt.keep)))
			require.True(t, bytes.Equal(svg.Bytes(), again.Bytes()), "the same results make the same picture")
			for _, text := range tt.want {
				require.True(t, strings.Contains(svg.String(), ">"+html.EscapeString(text)+"<"), text)
			}
			require.NoError(t, Draw(&picture, "png", results(tt.keep)))
			_, err := png.Decode(&picture)
			require.NoError(t, err)
		})
	}
}

func TestFormats(t *testing.T) {
	require.True(t, Draws("svg"))
	require.True(t, Draws("png"))
	for _, format := range []string{"", "PNG", "pdf", "jpg"} {
		require.False(t, Draws(format))
		require.ErrorContains(t, Draw(&bytes.Buffer{}, format, results(all)), "use svg or png")
	}
}
