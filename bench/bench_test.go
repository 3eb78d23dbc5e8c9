package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/touchstone-btc/touchstone/hash"
)

// The kernels' own benchmarks are those of package hash. These are of what they are compared with, in the same units, and of
// several threads.

func reportRate(b *testing.B, hashes int) {
	b.ReportMetric(float64(hashes)/b.Elapsed().Seconds(), "hashes/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(hashes), "ns/hash")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkBaseline(b *testing.B) {
	for _, other := range baselines() {
		search, err := other.search()
		if err != nil {
			b.Fatal(err)
		}
		for _, t := range []struct {
			task Task
			run  workload
		}{
			{Scan, search},
			{Headers, batches(oneByOne[[hash.HeaderSize]byte](other.doubled))},
			{Pairs, batches(oneByOne[[hash.PairSize]byte](other.doubled))},
		} {
			b.Run(fmt.Sprintf("task=%s/code=%s", t.task, other.name), func(b *testing.B) {
				b.ReportAllocs()
				reportRate(b, t.run(b.N))
			})
		}
	}
}

// BenchmarkThreads searches on several threads at once; an op is a window.
func BenchmarkThreads(b *testing.B) {
	for _, k := range hash.Kernels() {
		for _, n := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("kernel=%v/midstates=16/threads=%d", k, n), func(b *testing.B) {
				runs := make([]workload, n)
				for i := range runs {
					run, err := searchWith(k, 16)
					if err != nil {
						b.Fatal(err)
					}
					runs[i] = run
				}
				c := newCrew(newClock(), runs)
				defer c.stop()
				rate := 0.0
				for b.Loop() {
					rate += c.window(threadWindow)
				}
				b.ReportMetric(rate/float64(b.N), "hashes/s")
				b.ReportMetric(float64(time.Second)*float64(b.N)/rate, "ns/hash")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkUnits measures the processor's units.
func BenchmarkUnits(b *testing.B) {
	seen := map[resource]bool{}
	for _, k := range hash.Kernels() {
		ops, _ := hash.ScanOperations(k, 16)
		for _, d := range demandsOf(ops) {
			if seen[d.resource] {
				continue
			}
			seen[d.resource] = true
			b.Run(fmt.Sprintf("unit=%s/bits=%d", d.unit, d.width), func(b *testing.B) {
				probe := probeOf(d.resource)
				done := 0
				for done < b.N {
					done += probe(min(b.N-done, 1<<20)) // it cannot be preempted
				}
				b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "ops/s")
			})
		}
	}
}
