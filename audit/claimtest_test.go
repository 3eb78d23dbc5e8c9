package audit

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// late hands passings on when the plan's Lag is over, as a Device does.
type late struct {
	plan *Plan
	line []passing
	pass func(p *passing, plan *Plan)
}

func (l *late) put(p *passing) { l.line = append(l.line, *p) }

func (l *late) until(now time.Time) {
	for len(l.line) > 0 && !l.line[0].to.After(now.Add(-l.plan.Lag)) {
		p := l.line[0]
		l.line = l.line[1:]
		l.pass(&p, l.plan)
	}
}

// TestClaimFalseAlarms looks before and after each share of devices that do exactly what they claim, without any tolerance.
func TestClaimFalseAlarms(t *testing.T) {
	const runs = 200
	for _, vardiff := range []bool{false, true} {
		plan := plain()
		var below, above int
		for seed := range uint64(runs) {
			var c claimTest
			var a aboveTest
			s := newPulse(seed, plan)
			s.vardiff = vardiff
			s.pass = func(p *passing) { c.pass(p, plan); a.pass(p, plan) }
			s.arrive = func(x *arrival) { c.arrive(x); a.arrive(x) }
			s.run(12_000)
			if c.Summit.Peak >= math.Log(20) {
				below++
			}
			if a.Summit.Peak >= math.Log(20) {
				above++
			}
		}
		t.Logf("vardiff %v: %d and %d of %d at odds of 20", vardiff, below, above, runs)
		require.LessOrEqual(t, below, 10+9, "three standard deviations above a twentieth")
		require.LessOrEqual(t, above, 10+9)
		require.Greater(t, below+above, 0, "the bets are too small to see anything")
	}
}

// TestClaimPeaks computes the e-value just before and just after every share, in one sum, and compares the peak.
func TestClaimPeaks(t *testing.T) {
	plan := plain()
	for seed := range uint64(20) {
		var c claimTest
		var a aboveTest
		peak, abovePeak, n, expected := 0., 0., 0., 0.
		value := func(sign float64) float64 {
			sum := 0.
			grid := claimGrid
			if sign > 0 {
				grid = aboveGrid
			}
			for _, x := range grid {
				sum += math.Pow(1+sign*x, n) * math.Exp(-sign*x*expected) / claimBets
			}
			return math.Log(sum)
		}
		s := newPulse(seed, plan)
		s.pass = func(p *passing) {
			c.pass(p, plan)
			a.pass(p, plan)
			expected += p.claim * p.exposure
			peak = max(peak, value(-1))
		}
		s.arrive = func(x *arrival) {
			c.arrive(x)
			a.arrive(x)
			n++
			abovePeak = max(abovePeak, value(+1))
		}
		s.run(1000)
		require.InDelta(t, peak, c.Summit.Peak, 1e-9)
		require.InDelta(t, abovePeak, a.Summit.Peak, 1e-9)
		require.InDelta(t, value(-1), c.logE(), 1e-9)
		require.InDelta(t, value(+1), a.logE(), 1e-9)
	}
}

// TestClaimEdges: only what comes while something is claimed counts, and what is on its way when the claim ends.
func TestClaimEdges(t *testing.T) {
	plan := plain()
	var c claimTest
	at := func(s float64) time.Time { return start.Add(time.Duration(s * 1e9)) }
	share := func(s, claim float64) { c.arrive(&arrival{at: at(s), claim: claim}) }
	share(1, 0)
	require.Zero(t, c.Seen.Shares, "nothing is claimed yet")
	c.pass(&passing{from: at(0), to: at(10), exposure: 1e-14}, plan)
	require.Zero(t, c.Seen.Expected)
	c.pass(&passing{from: at(10), to: at(20), exposure: 1e-14, claim: 1e14}, plan)
	require.InDelta(t, 1, c.Seen.Expected, 1e-12)
	share(20, 1e14)
	share(21, 0)
	share(22, 0)
	require.EqualValues(t, 3, c.Seen.Shares)
	share(22.1, 0)
	require.EqualValues(t, 3, c.Seen.Shares, "later than the lag")
	for _, claim := range []float64{math.NaN(), math.Inf(1), -1} {
		c.pass(&passing{from: at(20), to: at(30), exposure: 1e-14, claim: claim}, plan)
	}
	for _, exposure := range []float64{math.NaN(), math.Inf(1), -1, 0} {
		c.pass(&passing{from: at(20), to: at(30), exposure: exposure, claim: 1e14}, plan)
	}
	require.InDelta(t, 1, c.Seen.Expected, 1e-12)
	c.pass(&passing{from: at(20), to: at(30), exposure: 1e300, claim: 1e300}, plan)
	c.pass(&passing{from: at(20), to: at(30), exposure: 1e100, claim: 1e100}, plan)
	require.NoError(t, c.check())
	require.False(t, math.IsNaN(c.logE()) || math.IsInf(c.logE(), 0))
}

// TestClaimLag: shares that come late by up to the lag, in batches, are not missed.
func TestClaimLag(t *testing.T) {
	plan := plain()
	plan.Lag = 30 * time.Second
	alarms := 0
	for seed := range uint64(100) {
		var c claimTest
		line := late{plan: plan, pass: c.pass}
		var held []*arrival
		batch := start.Add(plan.Lag)
		s := newPulse(seed, plan)
		s.pass = func(p *passing) { line.put(p) }
		s.arrive = func(a *arrival) {
			for !a.at.Before(batch) { // a proxy that sends every half minute
				line.until(batch)
				for _, h := range held {
					h.at = batch
					c.arrive(h)
				}
				held = held[:0]
				batch = batch.Add(plan.Lag)
			}
			held = append(held, a)
		}
		s.run(10_000)
		if c.Summit.Peak >= math.Log(20) {
			alarms++
		}
	}
	require.LessOrEqual(t, alarms, 5+7)
}

// TestClaimMerge joins parts: counts and value are those of the whole, the peak is never higher and mostly the same.
func TestClaimMerge(t *testing.T) {
	for seed := range uint64(30) {
		plan := plain()
		var whole, part claimTest
		var wholeAbove, partAbove aboveTest
		now, nowAbove := &part, &partAbove
		s := newPulse(seed, plan)
		s.rate *= 0.9 + 0.01*float64(seed)
		s.pass = func(p *passing) {
			whole.pass(p, plan)
			now.pass(p, plan)
			wholeAbove.pass(p, plan)
			nowAbove.pass(p, plan)
		}
		s.arrive = func(a *arrival) { whole.arrive(a); now.arrive(a); wholeAbove.arrive(a); nowAbove.arrive(a) }
		s.run(10_000)
		later, laterAbove := claimTest{}, aboveTest{}
		now, nowAbove = &later, &laterAbove
		s.run(10_000)
		part.merge(&later)
		partAbove.merge(&laterAbove)
		require.Equal(t, whole.Seen.Shares, part.Seen.Shares)
		require.InEpsilon(t, whole.Seen.Expected, part.Seen.Expected, 1e-12)
		require.InDelta(t, whole.logE(), part.logE(), 1e-8)
		require.InDelta(t, wholeAbove.logE(), partAbove.logE(), 1e-8)
		require.LessOrEqual(t, part.Summit.Peak, whole.Summit.Peak+1e-9)
		require.InDelta(t, whole.Summit.Peak, part.Summit.Peak, 0.7)
		require.LessOrEqual(t, partAbove.Summit.Peak, wholeAbove.Summit.Peak+1e-9)
		require.InDelta(t, wholeAbove.Summit.Peak, partAbove.Summit.Peak, 0.7)
		require.NoError(t, part.check())
		require.NoError(t, partAbove.check())
	}
}

// TestClaimFindings goes through the states.
func TestClaimFindings(t *testing.T) {
	plan, err := Plan{}.Complete()
	require.NoError(t, err)
	at := func(rate, claim, seconds float64) (below, above Finding) {
		var c claimTest
		var a aboveTest
		s := newPulse(9, plan)
		s.rate, s.claim = rate, claim
		s.pass = func(p *passing) { c.pass(p, plan); a.pass(p, plan) }
		s.arrive = func(x *arrival) { c.arrive(x); a.arrive(x) }
		s.run(seconds)
		cx := &context{plan: plan, now: s.now, threshold: math.Log(1e6)}
		return c.finding(cx), a.finding(cx)
	}
	for _, v := range []struct {
		name                 string
		rate, claim, seconds float64
		below, above         State
	}{
		{"nothing claimed", pulseRate, 0, 1000, NotApplicable, NotApplicable},
		{"too early", pulseRate, pulseRate, 300, TooEarly, TooEarly},
		{"honest", pulseRate, pulseRate, 30_000, Clear, Clear},
		{"less", 0.9 * pulseRate, pulseRate, 60_000, Alarm, Clear},
		{"more", 1.15 * pulseRate, pulseRate, 60_000, Clear, Alarm},
		{"dead", 0, pulseRate, 1000, Alarm, TooEarly},
	} {
		below, above := at(v.rate, v.claim, v.seconds)
		for _, f := range []Finding{below, above} {
			t.Logf("%s: %s %s: %s | %s | %s", v.name, f.Test, f.State, f.Words, f.Power, f.Limits)
			requireFinding(t, f)
		}
		require.Equal(t, v.below, below.State, v.name)
		require.Equal(t, v.above, above.State, v.name)
		if v.below == TooEarly {
			// With as many more shares it can say something.
			below, _ = at(v.rate, v.claim, v.seconds+3.1*below.NeedShares)
			require.NotEqual(t, TooEarly, below.State)
		}
	}
}

// requireFinding asks of a finding what all promise.
func requireFinding(t *testing.T, f Finding) {
	t.Helper()
	require.NotEmpty(t, f.Test)
	require.NotEmpty(t, f.Kind)
	require.NotEmpty(t, f.Words)
	require.NotEmpty(t, f.Limits)
	require.NotContains(t, f.Words+f.Power+f.Limits+f.FalseAlarms, "NaN")
	require.NotContains(t, f.Words+f.Power+f.Limits+f.FalseAlarms, "%!")
	require.NotContains(t, f.Words+f.Power, "Inf")
	switch f.State {
	case Alarm:
		require.False(t, f.Since.IsZero(), "%s: %s", f.Test, f.Words)
		require.NotEmpty(t, f.Power)
	case Clear:
		require.NotEmpty(t, f.Power)
	case TooEarly:
		require.NotZero(t, f.NeedShares, f.Test)
	case NotApplicable:
	default:
		t.Fatalf("%s: state %q", f.Test, f.State)
	}
	if f.Kind == Surveillance {
		require.NotEmpty(t, f.FalseAlarms)
	}
	for name, v := range f.Numbers {
		require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s: %s", f.Test, name)
	}
	for _, v := range []float64{f.LogE, f.Peak, f.Threshold, f.NeedShares} {
		require.False(t, math.IsNaN(v) || math.IsInf(v, 0), f.Test)
	}
}
