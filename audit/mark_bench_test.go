package audit

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What tail, luck, filter, latency and arrivals take for a share and the time before it, of an honest device whose difficulty doubles
// or halves now and then.
func BenchmarkMarkTests(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	plan := testPlan(b, nil)
	difficulties := make([]float64, 1<<16)
	for i := range difficulties {
		difficulties[i] = pareto(r, 1)
	}
	var (
		filter   filterTest
		tail     tailTest
		luck     luckTest
		latency  latencyTest
		arrivals arrivalTest
	)
	job := Job{Network: 1e14}
	floor, now := 65536., testStart
	b.ReportAllocs()
	for i := range b.N {
		if i%64 == 0 {
			floor = []float64{65536, 131072, 65536, 32768}[i/64%4]
		}
		if i%10 == 0 {
			job.Number++
		}
		then := now.Add(3 * time.Second)
		p := passing{from: now, to: then, floor: floor, exposure: 3 / hashesPerShare(floor)}
		now = then
		a := arrival{at: now, floor: floor, difficulty: floor * difficulties[i&(1<<16-1)], job: &job}
		arrivals.pass(&p, plan)
		filter.share(floor, a.difficulty)
		filter.floor(floor)
		tail.arrive(&a)
		luck.arrive(&a)
		latency.arrive(&a)
		arrivals.arrive(&a)
	}
}
