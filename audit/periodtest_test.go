package audit

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func periodPulse(seed uint64, plan *Plan, p *periodTest) *pulse {
	s := newPulse(seed, plan)
	s.pass = p.pass
	s.arrive = p.arrive
	return s
}

// TestPeriodFalseAlarms: honest devices, with vardiff and drops of the rate, at all looks.
func TestPeriodFalseAlarms(t *testing.T) {
	plan := plain()
	alarms, high := 0, 0.
	const runs = 60
	for seed := range uint64(runs) {
		var p periodTest
		s := periodPulse(seed, plan, &p)
		s.vardiff = seed%2 == 0
		s.run(6 * 3600)
		if seed%3 == 0 {
			s.rate *= 0.8 // tuned down, in the middle of periods
		}
		s.run(5 * 3600)
		high = max(high, p.Summit.Peak)
		if p.Summit.Peak >= math.Log(20) {
			alarms++
		}
		require.NoError(t, p.check())
	}
	t.Logf("%d of %d at odds of 20; highest %.2f", alarms, runs, high)
	require.LessOrEqual(t, alarms, 3+5)
}

// TestPeriodSlices: slices too short to tell one alone, by when they are told.
func TestPeriodSlices(t *testing.T) {
	plan, err := Plan{}.Complete()
	require.NoError(t, err)
	for _, v := range []struct {
		period, slice, hours float64
	}{{3600, 30, 7}, {1200, 20, 5}, {600, 15, 5}, {7200, 60, 12}} {
		var p periodTest
		s := periodPulse(11, plan, &p)
		told := math.Inf(1)
		c := &context{plan: plan, threshold: math.Log(1e6)}
		s.run(1234) // anywhere in the period
		for begin := s.now; s.now.Sub(begin).Hours() < v.hours; {
			rate := s.rate
			s.rate = 0
			s.run(v.slice)
			s.rate = rate
			s.run(v.period - v.slice)
			if p.Summit.Peak >= c.threshold && math.IsInf(told, 1) {
				told = s.now.Sub(begin).Hours()
			}
		}
		c.now = s.now
		f := p.finding(c)
		requireFinding(t, f)
		t.Logf("%v s every %v s: told after %.1f h: %s | %s", v.slice, v.period, told, f.Words, f.Power)
		require.Equal(t, Alarm, f.State)
		require.LessOrEqual(t, told, v.hours)
	}
}

// TestPeriodSilence: a single long silence makes no period, wherever it is.
func TestPeriodSilence(t *testing.T) {
	plan := plain()
	for seed := range uint64(10) {
		var p periodTest
		s := periodPulse(seed, plan, &p)
		s.run(2000 + 600*float64(seed))
		rate := s.rate
		s.rate = 0
		s.run(900)
		s.rate = rate
		s.run(10_000)
		require.Less(t, p.Summit.Peak, math.Log(1e4))
	}
}

func TestPeriodFindings(t *testing.T) {
	plan := plain()
	c := &context{plan: plan, threshold: math.Log(1e6)}
	var p periodTest
	f := p.finding(c)
	requireFinding(t, f)
	require.Equal(t, TooEarly, f.State)
	s := periodPulse(1, plan, &p)
	s.run(1800)
	f = p.finding(c)
	requireFinding(t, f)
	require.Equal(t, TooEarly, f.State)
	s.run(12 * 3600)
	f = p.finding(c)
	requireFinding(t, f)
	require.Equal(t, Clear, f.State)
	t.Log(f.Words, f.Power, f.Limits)
}

// TestPeriodSlots: time that passes goes where it belongs, across the ends of slots and folds, and for longer than a fold.
func TestPeriodSlots(t *testing.T) {
	var p periodTest
	p.Base = baseline{Prior: 1e14, First: 16, FirstExposure: 16e-14}
	midnight := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return midnight.Add(time.Duration(s * 1e9)) }
	pass := func(from, to float64) {
		p.Silent = 0
		p.pass(&passing{from: at(from), to: at(to), exposure: (to - from) * 1e-16}) // a hundredth of a share a second: no silence
	}
	pass(5, 15)
	require.InEpsilon(t, 5e-16, p.Slots.Exposure[0], 1e-9)
	require.InEpsilon(t, 5e-16, p.Slots.Exposure[1], 1e-9)
	pass(7195, 7210)
	require.InEpsilon(t, 5e-16, p.Slots.Exposure[719], 1e-9)
	require.InEpsilon(t, 15e-16, p.Slots.Exposure[0], 1e-9)
	p.arrive(&arrival{at: at(7199.9)})
	p.arrive(&arrival{at: at(7200)})
	require.EqualValues(t, 1, p.Slots.Shares[719])
	require.EqualValues(t, 1, p.Slots.Shares[0])
	before := p.Exposure
	p.Silent = -1e9 // no silence is too long, to see whole folds
	p.pass(&passing{from: at(20), to: at(20 + 3*7200 + 10), exposure: (3*7200 + 10) * 1e-16})
	require.InEpsilon(t, before+(3*7200+10)*1e-16, p.Exposure, 1e-9)
	require.InEpsilon(t, 4e-15, p.Slots.Exposure[2], 1e-9)
	require.InEpsilon(t, 3e-15, p.Slots.Exposure[3], 1e-9)
	sum := 0.
	for _, e := range p.Slots.Exposure {
		sum += e
	}
	require.InEpsilon(t, p.Exposure, sum, 1e-9)
	// Before 1970, too.
	slot, left := slotOf(time.Unix(-5, 0))
	require.Equal(t, 719, slot)
	require.EqualValues(t, 5e9, left)
}

// TestPeriodMerge: counts add up, and so does what they say.
func TestPeriodMerge(t *testing.T) {
	plan := plain()
	var whole, part, later periodTest
	now := &part
	s := newPulse(12, plan)
	s.pass = func(p *passing) { whole.pass(p); now.pass(p) }
	s.arrive = func(a *arrival) { whole.arrive(a); now.arrive(a) }
	slice := func() {
		s.run(3570)
		rate := s.rate
		s.rate = 0
		s.run(30)
		s.rate = rate
	}
	for range 4 {
		slice()
	}
	now = &later
	for range 4 {
		slice()
	}
	part.merge(&later)
	require.NoError(t, part.check())
	a, _ := whole.value()
	b, _ := part.value()
	require.InDelta(t, a, b, 1.5, "but for the first shares of the later part, which set its prior")
	require.Greater(t, b, 20.)
}

// TestSilentSlices lets whole devices take 72 seconds of each hour for somebody else: most are told in the first hour, all in three. Ones
// that take as much share by share are not told by these tests, and say nothing of the sort.
func TestSilentSlices(t *testing.T) {
	plan := testPlan(t, nil)
	first := 0
	for seed := range uint64(6) {
		m := simulate(plan, 300+seed)
		m.silent = func(now time.Time) bool {
			into := now.Sub(testStart) % time.Hour
			return 40*time.Minute <= into && into < 40*time.Minute+72*time.Second
		}
		m.run(time.Hour)
		r := m.device.Report()
		if f, _ := finding(&r, TestGap); f.State == Alarm {
			first++
		}
		m.run(2*time.Hour + 5*time.Minute)
		r = m.device.Report()
		gap, ok := finding(&r, TestGap)
		require.True(t, ok)
		period, ok := finding(&r, TestPeriod)
		require.True(t, ok)
		require.True(t, gap.State == Alarm || period.State == Alarm, "%s %s", gap.Words, period.Words)

		m = simulate(plan, 300+seed)
		m.skim = 0.02
		m.run(3 * time.Hour)
		r = m.device.Report()
		for _, test := range []string{TestGap, TestPeriod, TestDrop} {
			f, ok := finding(&r, test)
			require.True(t, ok)
			require.NotEqual(t, Alarm, f.State, f.Words)
		}
	}
	require.GreaterOrEqual(t, first, 3)
}
