package main

import (
	"math"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/internal/serve/rogue"
)

// honest is what came of honest devices.
type honest struct {
	what            string
	devices         int
	evidence        int // devices with an alarm of a test with an e-value
	tests           map[string]int
	surveillance    int
	facts           int
	shares          uint64
	expected, hours float64
	low, high       float64 // of the share with an alarm of evidence, Clopper and Pearson's interval at 95 %
}

// runHonest computes honest devices under a plan, and counts alarms at any time until their end: findings keep their peaks.
func runHonest(what string, c rogue.Synthetic, plan audit.Plan, devices, threads int, seed uint64) (*honest, error) {
	p, err := plan.Complete()
	if err != nil {
		return nil, err
	}
	h := &honest{what: what, devices: devices, tests: map[string]int{}, hours: c.Duration.Hours()}
	var mu sync.Mutex
	each(devices, threads, func(i int) {
		c := c
		c.Seed = seed + uint64(i)
		s, err := c.Stream()
		if err != nil {
			panic(err) // checked by the caller's first
		}
		d := audit.NewDevice("d", p)
		for e := s.Next(); e != nil; e = s.Next() {
			e.Tell(d)
		}
		r := d.Report()
		mu.Lock()
		defer mu.Unlock()
		h.shares += r.Counts.Counted
		h.expected += s.Expected()
		kinds := map[audit.Kind]bool{}
		for _, f := range r.Findings {
			if f.State == audit.Alarm {
				kinds[f.Kind] = true
				h.tests[f.Test]++
			}
		}
		if kinds[audit.Evidence] {
			h.evidence++
		}
		if kinds[audit.Surveillance] {
			h.surveillance++
		}
		if kinds[audit.Fact] {
			h.facts++
		}
	})
	h.low, h.high = clopperPearson(h.evidence, devices)
	return h, nil
}

// honestRows are the situations that are computed.
func honestRows(hours float64) []struct {
	what   string
	device rogue.Synthetic
	plan   audit.Plan
} {
	base := rogue.Synthetic{Rate: rate, Duration: time.Duration(hours * float64(time.Hour)), Model: "BM1370"}
	filter, err := rogue.ParseVice("filter=131072")
	if err != nil {
		panic(err)
	}
	filtered := base
	filtered.Vice = filter
	offline, err := rogue.ParseVice("offline=5m,every=1h")
	if err != nil {
		panic(err)
	}
	interrupted := base
	interrupted.Vice = offline
	plan := audit.Plan{Alpha: 0.05, Model: "BM1370"}
	exact := plan
	exact.Tolerance, exact.ToleranceAbove, exact.Drift, exact.CellWeakness = 1e-9, 1e-9, 1e-9, 1e-9
	return []struct {
		what   string
		device rogue.Synthetic
		plan   audit.Plan
	}{
		{"vardiff, default tolerances", base, plan},
		{"vardiff, no tolerance at all", base, exact},
		{"vardiff and a hardware filter above it", filtered, plan},
		{"vardiff, disconnected 5 min an hour", interrupted, exact},
	}
}

// clopperPearson is the exact interval of a probability at 95 % when k of n were seen.
func clopperPearson(k, n int) (low, high float64) {
	if k > 0 {
		low = betaQuantile(0.025, float64(k), float64(n-k+1))
	}
	high = 1
	if k < n {
		high = betaQuantile(0.975, float64(k+1), float64(n-k))
	}
	return low, high
}

func part(k, n int) float64 { return float64(k) / math.Max(1, float64(n)) }
