package audit

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGapThreshold(t *testing.T) {
	for _, v := range []struct{ perMinute, thousandth, millionth, digits float64 }{
		{6, 160, 229, 1}, {20, 52, 72, 1}, {60, 18, 25, 1}, {300, 4.0, 5.4, 0.1},
	} {
		require.InDelta(t, v.thousandth, GapThreshold(v.perMinute/60, 1e-3), v.digits/2*1.0001, "%v shares a minute", v.perMinute)
		require.InDelta(t, v.millionth, GapThreshold(v.perMinute/60, 1e-6), v.digits/2*1.0001, "%v shares a minute", v.perMinute)
		// By the probability of a single gap.
		g := GapThreshold(v.perMinute/60, 1e-6)
		require.InEpsilon(t, 1e-6, v.perMinute/60*86400*math.Exp(-v.perMinute/60*g), 1e-9)
	}
	require.True(t, math.IsInf(GapThreshold(0, 1e-6), 1))
	require.Zero(t, GapThreshold(1e-9, 1))
	for _, v := range [][2]float64{{-1, 1e-6}, {math.NaN(), 1e-6}, {math.Inf(1), 1e-6}, {1, 0}, {1, -1}, {1, math.NaN()}} {
		require.True(t, math.IsNaN(GapThreshold(v[0], v[1])), "%v", v)
	}
}

func gapPulse(seed uint64, plan *Plan, g *gapTest) *pulse {
	s := newPulse(seed, plan)
	s.pass = func(p *passing) { g.pass(p, plan) }
	s.arrive = func(a *arrival) { g.arrive(a, plan) }
	return s
}

// TestGapFalseAlarms: as many false alarms a day as are asked for, and no more.
func TestGapFalseAlarms(t *testing.T) {
	plan := plain()
	plan.GapPerDay, plan.Lag = 1, time.Millisecond
	for _, vardiff := range []bool{false, true} {
		var g gapTest
		s := gapPulse(1, plan, &g)
		s.vardiff = vardiff
		const days = 40
		s.run(days * 86400)
		t.Logf("vardiff %v: %d in %d days", vardiff, g.Alarms, days)
		require.LessOrEqual(t, g.Alarms, uint64(days+30))
		require.NoError(t, g.check())
		if !vardiff {
			require.Greater(t, g.Alarms, uint64(days/3), "too dull")
		}
		require.Len(t, g.Longest, maxSilences)
		require.Len(t, g.spans(&context{plan: plan, now: s.now}), maxSilences)
	}
}

// TestGapFindings: silences of a minute and a half an hour, at 20 shares a minute, and what looks like them.
func TestGapFindings(t *testing.T) {
	plan, err := Plan{}.Complete()
	require.NoError(t, err)
	silent := func(s *pulse, seconds float64) {
		rate := s.rate
		s.rate = 0
		s.run(seconds)
		s.rate = rate
	}
	c := &context{plan: plan, threshold: 14}
	var g gapTest
	s := gapPulse(2, plan, &g)
	require.Equal(t, TooEarly, g.finding(c).State)
	requireFinding(t, g.finding(c))
	s.run(3600)
	c.now = s.now
	f := g.finding(c)
	requireFinding(t, f)
	require.Equal(t, Clear, f.State, f.Words)
	t.Log(f.Words, f.Power)
	from := s.now
	silent(s, 95)
	require.NotEqual(t, Alarm, g.finding(c).State, "no sign of life")
	g.heard(s.now)
	c.now = s.now
	f = g.finding(c)
	requireFinding(t, f)
	require.Equal(t, Alarm, f.State, "an answer proves that the connection lives")
	require.InDelta(t, from.Unix(), f.At.Unix(), 15)
	s.run(3600)
	c.now = s.now
	f = g.finding(c)
	requireFinding(t, f)
	require.Equal(t, Alarm, f.State)
	require.EqualValues(t, 1, f.Numbers["silences"])
	require.InDelta(t, 95, f.Numbers["longest_seconds"], 20)
	silent(s, 120)
	s.run(600)
	c.now = s.now
	f = g.finding(c)
	t.Log(f.Words, f.FalseAlarms)
	require.EqualValues(t, 2, f.Numbers["silences"])
	spans := g.spans(c)
	require.NotEmpty(t, spans)
	alarms := 0
	for i, span := range spans {
		require.Equal(t, SpanSilent, span.What)
		require.True(t, span.To.After(span.From))
		require.True(t, i == 0 || !span.From.Before(spans[i-1].From))
		if span.Alarm {
			alarms++
		}
	}
	require.Equal(t, 2, alarms)

	// The connection ends: nothing is known of the silence before, nor of the time until the first share of the next one.
	g = gapTest{}
	s = gapPulse(3, plan, &g)
	s.run(3600)
	silent(s, 200)
	g.down(s.now)
	silent(s, 200)
	g.heard(s.now)
	s.run(600)
	c.now = s.now
	require.Equal(t, Clear, g.finding(c).State)

	// A proxy or a link holds shares back for two minutes: they come all at once.
	g = gapTest{}
	s = gapPulse(4, plan, &g)
	s.run(3600)
	var held []*arrival
	s.arrive = func(a *arrival) { held = append(held, a) }
	s.run(120)
	s.arrive = func(a *arrival) { g.arrive(a, plan) }
	require.Greater(t, len(held), 20)
	for _, a := range held {
		a.at = s.now
		g.arrive(a, plan)
	}
	s.run(600)
	c.now = s.now
	f = g.finding(c)
	require.Equal(t, Clear, f.State)
	require.Contains(t, f.Words, "held back")

	// Tuned down to a third, it is no longer measured by what it did.
	g = gapTest{}
	s = gapPulse(5, plan, &g)
	s.run(20_000)
	s.rate /= 3
	s.run(200_000)
	require.LessOrEqual(t, g.Alarms, uint64(25), "until the rate is learned")
	early := g.Alarms
	s.run(1_000_000)
	require.Equal(t, early, g.Alarms)
}

func TestGapMerge(t *testing.T) {
	plan := plain()
	plan.GapPerDay = 10
	var whole, part, later gapTest
	now := &part
	s := newPulse(6, plan)
	s.pass = func(p *passing) { whole.pass(p, plan); now.pass(p, plan) }
	s.arrive = func(a *arrival) { whole.arrive(a, plan); now.arrive(a, plan) }
	s.run(200_000)
	now = &later
	s.run(200_000)
	part.merge(&later)
	require.NoError(t, part.check())
	require.InDelta(t, float64(whole.Alarms), float64(part.Alarms), 5)
	require.InDelta(t, whole.Watched, part.Watched, 200)
	require.Len(t, part.Longest, maxSilences)
	same := 0
	for i := range part.Longest {
		for j := range whole.Longest {
			if part.Longest[i].From == whole.Longest[j].From {
				same++
			}
		}
	}
	require.Greater(t, same, maxSilences*9/10)
}

func TestPoissonBinomialTail(t *testing.T) {
	// All alike it is a binomial variable.
	p := make([]float64, 30)
	for i := range p {
		p[i] = 0.1
	}
	for k := 0; k <= 31; k++ {
		sum := 0.
		for j := k; j <= 30; j++ {
			lg := func(x float64) float64 { v, _ := math.Lgamma(x + 1); return v }
			sum += math.Exp(lg(30) - lg(float64(j)) - lg(float64(30-j)) + float64(j)*math.Log(0.1) + float64(30-j)*math.Log(0.9))
		}
		require.InDelta(t, sum, PoissonBinomialTail(p, k), 1e-12)
		if sum > 0 {
			require.InEpsilon(t, sum, PoissonBinomialTail(p, k), 1e-9)
		}
	}
	// Different ones, by all 2^10 cases.
	r := rand.New(rand.NewPCG(1, 1))
	p = p[:10]
	for i := range p {
		p[i] = r.Float64()
	}
	for k := range 12 {
		sum := 0.
		for set := range 1 << 10 {
			q, n := 1., 0
			for i := range p {
				if set>>i&1 == 1 {
					q, n = q*p[i], n+1
				} else {
					q *= 1 - p[i]
				}
			}
			if n >= k {
				sum += q
			}
		}
		require.InDelta(t, sum, PoissonBinomialTail(p, k), 1e-12)
	}
	require.Zero(t, PoissonBinomialTail([]float64{math.NaN(), -1}, 1))
	require.EqualValues(t, 1, PoissonBinomialTail([]float64{2, 3}, 2))

	// A thousand devices at 20 shares a minute, in windows of 30 seconds.
	p = make([]float64, 1000)
	rates := make([]float64, 1000)
	for i := range p {
		rates[i] = 1. / 3
		p[i] = math.Exp(-10)
	}
	require.InEpsilon(t, 4.5e-5, p[0], 0.01)
	require.InEpsilon(t, 1.5e-5, PoissonBinomialTail(p, 3), 0.04)
	require.InEpsilon(t, 1.7e-7, PoissonBinomialTail(p, 4), 0.04)
	require.InEpsilon(t, 1.5e-9, PoissonBinomialTail(p, 5), 0.04)
	require.Equal(t, 4, CoordinatedThreshold(rates, 30, 1e-3))
	require.Equal(t, 5, CoordinatedThreshold(rates, 30, 1e-5))
	require.Zero(t, CoordinatedThreshold(rates[:1], 30, 1e-5))
	require.Zero(t, CoordinatedThreshold([]float64{0.1, 0.1}, 1, 1e-9))
}

// TestCoordinatedSilences: devices that are silent for half a minute together, too short for each of them alone.
func TestCoordinatedSilences(t *testing.T) {
	plan, err := Plan{}.Complete()
	require.NoError(t, err)
	fleet := func(devices int, together int) []deviceSilences {
		var all []deviceSilences
		for i := range devices {
			var g gapTest
			s := gapPulse(uint64(100+i), plan, &g)
			s.run(7200)
			if i < together {
				rate := s.rate
				s.rate = 0
				s.run(45)
				s.rate = rate
			} else {
				s.run(45)
			}
			s.run(3600)
			d, ok := g.common("rig-" + string(rune('a'+i%26)))
			require.True(t, ok)
			require.Zero(t, g.Alarms)
			all = append(all, d)
		}
		return all
	}
	f := coordinatedSilences(plan, nil)
	requireFinding(t, f)
	require.Equal(t, NotApplicable, f.State)
	f = coordinatedSilences(plan, fleet(100, 0))
	requireFinding(t, f)
	require.Equal(t, Clear, f.State, f.Words)
	t.Log(f.Words, f.Power)
	f = coordinatedSilences(plan, fleet(100, 8))
	requireFinding(t, f)
	require.Equal(t, Alarm, f.State)
	t.Log(f.Words, f.Limits)
	require.EqualValues(t, 8, f.Numbers["silent_devices"])
	require.InDelta(t, start.Add(7200*time.Second).Unix(), f.At.Unix(), 30)
	require.EqualValues(t, 1, f.Numbers["silences_in_common"])
}
