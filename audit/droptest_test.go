package audit

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dropRunner runs a dropTest in expected shares, its baseline being the true rate.
type dropRunner struct {
	r    *rand.Rand
	test dropTest
	plan *Plan
	now  float64 // expected shares at the baseline
}

func newDropRunner(seed uint64, arl float64) *dropRunner {
	plan := plain()
	plan.Rated, plan.DropARL = pulseRate, arl
	return &dropRunner{r: rand.New(rand.NewPCG(seed, 3)), plan: plan}
}

// run goes on for so many expected shares, of which a part comes, or until the alarm.
func (d *dropRunner) run(expected, part float64) {
	for left := expected; left > 0 && d.test.Alarm.IsZero(); {
		gap := d.r.ExpFloat64() / part
		p := passing{from: start, to: start, exposure: min(gap, left) / pulseRate}
		d.test.pass(&p, d.plan)
		d.now += min(gap, left)
		if left -= gap; left > 0 {
			d.test.arrive(&arrival{at: start})
		}
	}
}

// TestDropARL: false alarms of honest devices, at the edge of what is allowed, are as rare as promised.
func TestDropARL(t *testing.T) {
	const runs, arl = 300, 300.
	sum := 0.
	for seed := range uint64(runs) {
		d := newDropRunner(seed, arl)
		d.run(1e9, 1)
		sum += d.now
	}
	mean := sum / runs
	t.Logf("%.0f expected shares to a false alarm on average, %.0f promised", mean, arl)
	require.Greater(t, mean, arl*(1-3/math.Sqrt(runs)))
	require.Less(t, mean, 30*arl, "far too dull")
}

// TestDropDelays: the median delay after 20 000 honest shares, in shares to be expected from the drop on.
func TestDropDelays(t *testing.T) {
	for _, v := range []struct{ arl, drop, delay float64 }{
		{1e6, 0.05, 4670}, {1e6, 0.1, 1390}, {1e6, 0.3, 169}, {1e6, 0.02, 21_500},
		{1e8, 0.05, 8770}, {1e8, 0.1, 2220}, {1e8, 0.3, 247}, {1e12, 0.1, 3900}, {1e12, 0.3, 406},
	} {
		if testing.Short() && v.drop < 0.1 {
			continue
		}
		runs, honest := uint64(80), 20_000.
		switch {
		case v.drop <= 0.05:
			runs = 40
		default: // what only the small fractions remember
			honest = 5000
		}
		var delays []float64
		for seed := range runs {
			d := newDropRunner(seed, v.arl)
			d.run(honest, 1)
			if !d.test.Alarm.IsZero() {
				continue // early, as it may be
			}
			before := d.now
			d.run(1e9, 1-v.drop)
			delays = append(delays, d.now-before)
			require.NoError(t, d.test.check())
		}
		median := quantile(delays, 0.5)
		t.Logf("ARL %.0e, drop %v: %.0f shares, %.0f in the table", v.arl, v.drop, median, v.delay)
		luck := 2 / math.Sqrt(float64(runs)) // nearly two standard deviations of such a median
		require.InDelta(t, v.delay, median, (0.1+luck)*v.delay, "ARL %v, drop %v", v.arl, v.drop)
	}
}

func TestDropWeights(t *testing.T) {
	sum := 0.
	for _, w := range dropWeights {
		sum += w
	}
	require.InEpsilon(t, 1, sum, 1e-15)
}

func TestDropGrowth(t *testing.T) {
	for _, e := range []float64{1e-9, 0.3, 1, 17, 600} {
		for i, g := range dropGrowth(e) {
			require.InEpsilon(t, math.Expm1(dropGrid[i]*e), g, 1e-12, "%v %v", e, dropGrid[i])
		}
	}
}

// TestDropOwnBaseline: a device that nobody rates is measured by itself, and what is told of the drop is right.
func TestDropOwnBaseline(t *testing.T) {
	plan, err := Plan{}.Complete()
	require.NoError(t, err)
	var d dropTest
	s := newPulse(3, plan)
	s.vardiff = true
	s.pass = func(p *passing) { d.pass(p, plan) }
	s.arrive = d.arrive
	s.run(20)
	c := &context{plan: plan, now: s.now, threshold: 14, perSecond: 1. / 3}
	f := d.finding(c)
	requireFinding(t, f)
	require.Equal(t, TooEarly, f.State, f.Words)
	s.run(200_000)
	f = d.finding(c)
	requireFinding(t, f)
	require.Equal(t, Clear, f.State)
	t.Log(f.Words, f.Power, f.FalseAlarms)
	require.InEpsilon(t, pulseRate, d.rate(), 0.07)
	require.Less(t, d.rate(), pulseRate)

	began := s.now
	s.rate *= 0.8
	s.run(20_000)
	s.rate /= 0.8
	f = d.finding(c)
	requireFinding(t, f)
	t.Log(f.Words, f.Limits)
	require.Equal(t, Alarm, f.State)
	require.InDelta(t, began.Unix(), f.At.Unix(), 2000)
	require.InDelta(t, 0.2, f.Numbers["drop_fraction"], 0.05)
	s.run(50_000)
	f = d.finding(c)
	require.Contains(t, f.Words, "over by")

	// Dead: no share ever comes again.
	var dead dropTest
	s = newPulse(4, plan)
	s.pass = func(p *passing) { dead.pass(p, plan) }
	s.arrive = dead.arrive
	s.run(20_000)
	s.rate = 0
	s.run(600)
	f = dead.finding(c)
	requireFinding(t, f)
	require.Equal(t, Alarm, f.State)
	require.Contains(t, f.Words, "no share came")
	s.run(1e8)
	require.NoError(t, dead.check())
	requireFinding(t, dead.finding(c))
}

// TestDropMerge: with a rated hash rate two parts make the whole.
func TestDropMerge(t *testing.T) {
	for seed := range uint64(20) {
		plan := plain()
		plan.Rated = pulseRate
		var whole, part, later dropTest
		now := &part
		s := newPulse(seed, plan)
		s.rate *= 0.97
		s.pass = func(p *passing) { whole.pass(p, plan); now.pass(p, plan) }
		s.arrive = func(a *arrival) { whole.arrive(a); now.arrive(a) }
		s.run(5000)
		now = &later
		s.run(5000)
		part.merge(&later)
		require.NoError(t, part.check())
		for i := range whole.Sums {
			require.InEpsilon(t, whole.Sums[i], part.Sums[i], 1e-8)
			require.InDelta(t, whole.Runs[i].Log, part.Runs[i].Log, 1e-8)
			require.InDelta(t, whole.Runs[i].Shares, part.Runs[i].Shares, 1e-8)
		}
		require.InEpsilon(t, whole.Expected, part.Expected, 1e-12)
		require.LessOrEqual(t, part.Highest, whole.Highest*(1+1e-9))
	}
	// With a baseline of its own each part stays valid, and a drop between them is found.
	plan, err := Plan{}.Complete()
	require.NoError(t, err)
	var a, b dropTest
	now := &a
	s := newPulse(8, plan)
	s.pass = func(p *passing) { now.pass(p, plan) }
	s.arrive = func(x *arrival) { now.arrive(x) }
	s.run(100_000)
	now = &b
	s.rate *= 0.7
	s.run(20_000)
	require.True(t, b.Alarm.IsZero())
	a.merge(&b)
	require.NoError(t, a.check())
	require.False(t, a.Alarm.IsZero())
	requireFinding(t, a.finding(&context{plan: plan, now: s.now}))
}

// TestDropTellsWhenItEnded has a device fall silent twice for five minutes in two days. What is said of the worse silence is when that one was
// over, not when the record was.
func TestDropTellsWhenItEnded(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	send := func(n int) {
		for i := range n {
			s.pass(time.Second)
			if i%60 == 0 {
				s.give(232.83, false)
			}
			s.send(1.5)
		}
	}
	silent := func(minutes int) {
		for range minutes {
			s.pass(time.Minute)
			s.give(232.83, false)
		}
	}
	send(6000)
	silent(5)
	send(6000)
	second := s.now
	silent(9)
	send(12000)
	r := s.Report()
	f, ok := finding(&r, TestDrop)
	require.True(t, ok)
	require.Equal(t, Alarm, f.State)
	require.WithinDuration(t, second, f.At, time.Minute)
	require.Contains(t, f.Words, "It was not the first.")
	require.Contains(t, f.Words, "over by "+second.Add(9*time.Minute).Format("2006-01-02 15:"), f.Words)
}
