package load

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// begin makes load until the function it returns is called.
func begin(b *testing.B, c Config) (g *Generator, end func() Report) {
	b.Helper()
	g, err := New(c)
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	b.Cleanup(cancel)
	return g, func() Report {
		cancel()
		require.NoError(b, <-ended)
		r := g.Report()
		require.NoError(b, r.Right())
		return r
	}
}

// ready waits until all connections of g are.
func ready(b *testing.B, g *Generator) {
	b.Helper()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		r := g.Report()
		if r.Ready == r.Connections {
			return
		}
		require.True(b, time.Now().Before(until), "%s\n%q", &r, r.Problems)
	}
}

// BenchmarkPoolLoad sends shares to a pool in a process of its own, 2000 a second over 200 connections; an operation is a share. How long
// it takes is the load's doing and not the pool's: look at the latencies.
func BenchmarkPoolLoad(b *testing.B) {
	_, url := startPool(b, "")
	g, err := New(Config{Pool: url, Connections: 200, ConnectRate: 2000, SharesPerMinute: 600, Shares: uint64(b.N), Bad: 0.02})
	require.NoError(b, err)
	b.ResetTimer()
	require.NoError(b, g.Run(b.Context()))
	b.StopTimer()
	r := g.Report()
	require.NoError(b, r.Right())
	b.ReportMetric(r.Reply.P50, "reply_p50_ms")
	b.ReportMetric(r.Reply.P99, "reply_p99_ms")
	b.ReportMetric(r.Late.P99, "late_p99_ms")
}

// BenchmarkFanOut has one of many connections find a block; an operation is a block, most of whose time is the search. Measured is the
// time from the block's way out to when the last connection has a job on top of it: the journal, the chain, the template and the
// sending to all; and the part of it that is from the first connection to the last. The generator's own work for all of those lines,
// on the same cores, is in it.
func BenchmarkFanOut(b *testing.B) {
	for _, sessions := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			if testing.Short() && sessions > 1000 {
				b.Skip("it takes many connections")
			}
			_, url := startPool(b, "")
			g, end := begin(b, Config{Pool: url, Connections: sessions, ConnectRate: 2000, SharesPerMinute: -1})
			ready(b, g)
			var spread, last []float64
			b.ResetTimer()
			for b.Loop() {
				hash, err := g.FindBlock(b.Context())
				require.NoError(b, err)
				tip := told(b, g, hash.String(), sessions)
				spread, last = append(spread, tip.Spread), append(last, tip.Last)
			}
			b.StopTimer()
			end()
			slices.Sort(spread)
			slices.Sort(last)
			b.ReportMetric(spread[len(spread)/2], "spread_ms")
			b.ReportMetric(last[len(last)/2], "block_to_last_ms")
			b.ReportMetric(last[len(last)-1], "block_to_last_max_ms")
		})
	}
}

// told waits until that many sessions were told of a block.
func told(b *testing.B, g *Generator, hash string, sessions int) Tip {
	b.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		r := g.Report()
		i := slices.IndexFunc(r.Tips, func(t Tip) bool { return t.PrevBlock == hash })
		if i >= 0 && r.Tips[i].Sessions == sessions {
			return r.Tips[i]
		}
		require.True(b, time.Now().Before(until), "%s\n%q", &r, r.Problems)
	}
}

// BenchmarkProxyLatency has 1000 devices mine at a pool, half of them through a proxy, at the same time; an operation is a share of
// either half. What the proxy adds is the difference between the halves.
func BenchmarkProxyLatency(b *testing.B) {
	for _, record := range []bool{false, true} {
		b.Run(fmt.Sprintf("record=%t", record), func(b *testing.B) {
			dir := ""
			if record {
				dir = b.TempDir()
			}
			_, pool := startPool(b, "")
			_, proxy := startProxy(b, pool, dir)
			const devices = 1000
			var halves [2]*Generator
			for i, url := range []string{pool, proxy} {
				var err error
				halves[i], err = New(Config{
					Pool: url, Connections: devices / 2, ConnectRate: 1000, SharesPerMinute: 60, Shares: uint64(b.N+1) / 2, Bad: 0.02,
					Worker: fmt.Sprintf("half%d", i),
				})
				require.NoError(b, err)
			}
			b.ResetTimer()
			var running sync.WaitGroup
			var errs [2]error
			for i, g := range halves {
				running.Go(func() { errs[i] = g.Run(b.Context()) })
			}
			running.Wait()
			b.StopTimer()
			var r [2]Report
			for i, g := range halves {
				require.NoError(b, errs[i])
				r[i] = g.Report()
				require.NoError(b, r[i].Right())
			}
			b.ReportMetric(r[0].Reply.P50, "direct_p50_ms")
			b.ReportMetric(r[0].Reply.P99, "direct_p99_ms")
			b.ReportMetric(r[1].Reply.P50-r[0].Reply.P50, "added_p50_ms")
			b.ReportMetric(r[1].Reply.P99-r[0].Reply.P99, "added_p99_ms")
		})
	}
}
