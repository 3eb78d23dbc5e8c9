package mine

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// BenchmarkMine compares the rate of a whole Miner with that of the bare scan
// on as many threads, in alternating windows of one run. The metric of_scan is
// the ratio of the two.
func BenchmarkMine(b *testing.B) {
	const window = 200 * time.Millisecond
	threads := runtime.GOMAXPROCS(0)
	for _, kernel := range hash.Kernels() {
		b.Run(fmt.Sprintf("kernel=%v/threads=%d", kernel, threads), func(b *testing.B) {
			m, err := New(Config{Threads: threads, Kernel: kernel, OnFound: func(Found) {}})
			require.NoError(b, err)
			require.NoError(b, m.SetWork(&Work{Job: testJob(work.MaskBIP320), Extranonce1: []byte{1, 1}}))
			var mined, scanned, mineTime, scanTime float64
			for b.Loop() {
				before := m.Stats().Hashes
				ctx, cancel := context.WithTimeout(b.Context(), window)
				start := time.Now()
				require.NoError(b, m.Run(ctx))
				mineTime += time.Since(start).Seconds()
				cancel()
				mined += float64(m.Stats().Hashes - before)

				start = time.Now()
				scanned += float64(scanFor(b, kernel, threads, window))
				scanTime += time.Since(start).Seconds()
			}
			b.ReportMetric(mined/mineTime, "hashes/s")
			b.ReportMetric(mined/mineTime/(scanned/scanTime), "of_scan")
		})
	}
}

// scanFor runs bare scans on n goroutines for a time and returns their hashes.
func scanFor(b *testing.B, kernel hash.Kernel, n int, d time.Duration) uint64 {
	deadline := time.Now().Add(d)
	counts := make(chan uint64)
	for range n {
		scanner, err := hash.NewScanner(kernel)
		require.NoError(b, err)
		go func() {
			var midstates [hash.MaxMidstates]hash.Midstate
			for i := range midstates {
				midstates[i][0] = uint32(i)
			}
			scanner.Reset(midstates[:], &hash.Tail{})
			candidates := make([]hash.Candidate, 0, 64)
			var hashes uint64
			for nonce := uint32(0); time.Now().Before(deadline); {
				_, tried := scanner.Scan(candidates, hash.FilterMask(32), nonce, scanner.Slice())
				nonce += uint32(tried)
				hashes += tried * hash.MaxMidstates
			}
			counts <- hashes
		}()
	}
	var sum uint64
	for range n {
		sum += <-counts
	}
	return sum
}
