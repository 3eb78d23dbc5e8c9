package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/bench"
)

// runBench runs the command with a measurement of the test's.
func runBench(ctx context.Context, measure measureFunc, args ...string) (code int, stdout, stderr string) {
	var out, log bytes.Buffer
	p := testProgram(nil, &out, &log)
	p.measure = measure
	code = p.run(ctx, append([]string{"bench"}, args...))
	return code, out.String(), log.String()
}

// measured are the results of a machine with all there is to print.
func measured() *bench.Results {
	fraction, by, ratio, scaling, energy := 0.943, "vector", 3.51, 0.981, 210.5
	return &bench.Results{
		Measurements: []bench.Measurement{
			{Task: bench.Scan, Kernel: "avx512", Midstates: 16, Threads: 1, Median: 25.31, Best: 25.6, Low: 25.2, High: 25.4, Spread: 0.004, Windows: 90,
				BoundFraction: &fraction, BoundBy: &by, RatioStdlib: &ratio, Nanojoules: &energy},
			{Task: bench.Scan, Kernel: "chainhash", Midstates: 1, Threads: 1, Median: 1.25, Best: 1.3, Low: 1.2, High: 1.3, Spread: 0.02, Windows: 90},
			{Task: bench.Scan, Kernel: "avx512", Midstates: 16, Threads: 64, Median: 1589, Best: 1600, Low: 1580, High: 1590, Spread: 0.01, Windows: 90, Scaling: &scaling},
			{Task: bench.Pairs, Kernel: "avx2", Threads: 1, Median: 10, Best: 11, Low: 9.9, High: 10.1, Spread: 0.03, Windows: 90},
		},
		Summary: bench.Summary{
			Machine: bench.Machine{OS: "linux", Arch: "amd64", Go: "go1.26.8", Threads: 64, CPU: bench.CPU{Name: "Abacus\x1b", Vendor: "None", Family: 1, Model: 2, LogicalCores: 64}},
			Units:   []bench.UnitRate{{Unit: "vector", Width: 512, Median: 15.42, Best: 15.5}},
			Refused: []bench.RefusedKernel{},
		},
	}
}

func TestBenchPrints(t *testing.T) {
	code, out, log := runBench(t.Context(), func(_ context.Context, c bench.Config) (*bench.Results, error) {
		require.Equal(t, []bench.Task{bench.Scan, bench.Pairs}, c.Tasks)
		require.Equal(t, []int{1, 64}, c.Threads)
		require.Equal(t, 2500*time.Millisecond, c.Duration)
		return measured(), nil
	}, "--task", "scan,pairs", "--threads", "1, 64", "--seconds", "2.5")
	require.Equal(t, exitOK, code)
	require.Empty(t, log)
	require.Equal(t, strings.TrimPrefix(`
Abacus? (None, family 1, model 2), 64 logical cores, linux/amd64, go1.26.8
operations a second and core, in thousand millions, by unit and bits: vector 512: 15.4

       scan  midstates  MH/s  best  spread  of bound      by  x crypto/sha256  nJ/hash
     avx512         16  25.3  25.6   0.4 %    94.3 %  vector             3.51    210.5
  chainhash          1  1.25  1.30   2.0 %

    scan  midstates  threads  MH/s  best  spread  scaling  nJ/hash
  avx512         16       64  1589  1600   1.0 %     0.98

  pairs  MH/s  best  spread  of bound  by  x crypto/sha256  nJ/hash
   avx2  10.0  11.0   3.0 %
`, "\n"), out)
}

// A machine that is not the one of the earlier run is named, and so is what is missing.
func TestBenchAgainst(t *testing.T) {
	old := measured()
	old.Summary.CPU.Name = "Slide rule"
	old.Measurements[0].Median, old.Measurements[0].Low, old.Measurements[0].High, old.Measurements[0].Best = 20, 19.9, 20.1, 21
	text, err := old.AppendJSON(nil)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "old.json")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	code, out, log := runBench(t.Context(), func(context.Context, bench.Config) (*bench.Results, error) {
		r := measured()
		r.Measurements = r.Measurements[:3]
		r.Measurements[1].Kernel = "sha256-simd"
		return r, nil
	}, "--against", name)
	require.Equal(t, exitOK, code)
	require.Empty(t, log)
	require.Regexp(t, `avx512 +16 .* 20\.0  1\.266  faster\n`, out)
	require.Regexp(t, `sha256-simd +1 .* new\n`, out)
	require.Contains(t, out, "\nthe earlier run was on another machine: Slide rule (None, ")
	require.True(t, strings.HasSuffix(out, "\nonly in the earlier run: scan with chainhash, 1 midstate\n"), out)
}

func TestBenchRefusedKernel(t *testing.T) {
	for _, args := range [][]string{nil, {"--json"}} {
		code, out, log := runBench(t.Context(), func(context.Context, bench.Config) (*bench.Results, error) {
			r := measured()
			r.Summary.Refused = []bench.RefusedKernel{{Kernel: "avx2", Reason: "it cannot add"}}
			return r, nil
		}, args...)
		require.Equal(t, exitInvalid, code)
		require.Contains(t, out, "avx512")
		require.Equal(t, "touchstone: error: kernel avx2 is refused: it cannot add\n", log)
	}
}

// What was asked for is measured whole or not printed, and no file is left behind.
func TestBenchInterrupted(t *testing.T) {
	dir := t.TempDir()
	picture := filepath.Join(dir, "bench.png")
	require.NoError(t, os.WriteFile(picture, []byte("an older one"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	code, out, log := runBench(ctx, func(ctx context.Context, c bench.Config) (*bench.Results, error) {
		c.Progress = func(bench.Progress) { cancel() }
		return bench.Run(ctx, c)
	}, "--plot", picture)
	require.Equal(t, exitCannotJudge, code)
	require.Empty(t, out)
	require.Equal(t, "touchstone: error: interrupted: nothing is printed of a part of the measurements\n", log)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	kept, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.Equal(t, "an older one", string(kept))
}

func TestBenchFails(t *testing.T) {
	code, out, log := runBench(t.Context(), func(context.Context, bench.Config) (*bench.Results, error) {
		return nil, errors.New("no such luck")
	}, "--json")
	require.Equal(t, exitCannotJudge, code)
	require.Empty(t, out)
	require.Equal(t, "touchstone: error: no such luck\n", log)
}

// A picture that can't be drawn does not take the table with it.
func TestBenchPrintsWithoutPicture(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(dir, 0o700))
	code, out, log := runBench(t.Context(), func(context.Context, bench.Config) (*bench.Results, error) {
		return measured(), os.RemoveAll(dir)
	}, "--plot", filepath.Join(dir, "bench.svg"))
	require.Equal(t, exitCannotJudge, code)
	require.Contains(t, out, "avx512")
	require.Contains(t, log, "touchstone: error: --plot: ")
}

// A picture takes the place of another of its name, readable as files are.
func TestBenchPlots(t *testing.T) {
	for _, name := range []string{"bench.svg", "bench.PNG"} {
		name = filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(name, nil, 0o600))
		code, _, log := runBench(t.Context(), func(context.Context, bench.Config) (*bench.Results, error) { return measured(), nil }, "--plot", name)
		require.Equal(t, exitOK, code, log)
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Positive(t, info.Size())
		require.NotZero(t, info.Mode()&fs.FileMode(0o044))
	}
}

func TestBenchProgress(t *testing.T) {
	at := bench.Progress{Task: bench.Scan, Kernel: "avx512", Midstates: 16, Threads: 2, Done: 0.5, Left: 30 * time.Second}
	require.Equal(t, " 50 %, 30s left | scan: avx512, 16 midstates, 2 threads", progressText(at))
	at = bench.Progress{Task: bench.Headers, Kernel: "crypto/sha256", Threads: 1, Done: 1}
	require.Equal(t, "100 %, 0.0s left | headers: crypto/sha256", progressText(at))
}
