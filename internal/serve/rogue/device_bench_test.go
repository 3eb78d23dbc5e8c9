package rogue

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
)

// BenchmarkDevice is what a share costs, jobs and claims included, computed and audited.
func BenchmarkDevice(b *testing.B) {
	c := base
	c.Duration, c.Model = -1, "BM1370"
	s, err := c.Stream()
	require.NoError(b, err)
	plan, err := audit.Plan{Model: c.Model}.Complete()
	require.NoError(b, err)
	d := audit.NewDevice("d", plan)
	b.ReportAllocs()
	for b.Loop() {
		for {
			e := s.Next()
			e.Tell(d)
			if e.What == Sent {
				break
			}
		}
	}
	b.StopTimer()
	r := d.Report()
	for _, f := range r.Findings {
		if f.State == audit.Alarm {
			b.Errorf("%s: %s", f.Test, f.Words)
		}
	}
}

func BenchmarkReport(b *testing.B) {
	c := base
	s, err := c.Stream()
	require.NoError(b, err)
	plan, err := audit.Plan{Model: c.Model}.Complete()
	require.NoError(b, err)
	d := audit.NewDevice("d", plan)
	for e := s.Next(); e != nil; e = s.Next() {
		e.Tell(d)
	}
	b.Run("report", func(b *testing.B) {
		for b.Loop() {
			d.Report()
		}
	})
	b.Run("combined", func(b *testing.B) {
		for b.Loop() {
			d.Combined()
		}
	})
}
