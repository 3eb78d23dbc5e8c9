package audit

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rateTests are the tests of rates and silences together, as a Device has them.
type rateTests struct {
	Claim  claimTest  `json:"claim"`
	Above  aboveTest  `json:"above"`
	Drop   dropTest   `json:"drop"`
	Gap    gapTest    `json:"gap"`
	Period periodTest `json:"period"`
}

func (t *rateTests) pass(p *passing, plan *Plan) {
	t.Claim.pass(p, plan)
	t.Above.pass(p, plan)
	t.Drop.pass(p, plan)
	t.Gap.pass(p, plan)
	t.Period.pass(p)
}

func (t *rateTests) arrive(a *arrival, plan *Plan) {
	t.Claim.arrive(a)
	t.Above.arrive(a)
	t.Drop.arrive(a)
	t.Gap.arrive(a, plan)
	t.Period.arrive(a)
}

func (t *rateTests) merge(o *rateTests) {
	t.Claim.merge(&o.Claim)
	t.Above.merge(&o.Above)
	t.Drop.merge(&o.Drop)
	t.Gap.merge(&o.Gap)
	t.Period.merge(&o.Period)
}

func (t *rateTests) check() error {
	for _, err := range []error{t.Claim.check(), t.Above.check(), t.Drop.check(), t.Gap.check(), t.Period.check()} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *rateTests) findings(c *context) []Finding {
	return []Finding{t.Claim.finding(c), t.Above.finding(c), t.Drop.finding(c), t.Gap.finding(c), t.Period.finding(c)}
}

// requireSound asks what must hold of any state that check lets pass.
func (t *rateTests) requireSound(tb testing.TB, c *context) {
	tb.Helper()
	for _, e := range []float64{t.Claim.logE(), t.Above.logE(), t.Period.logE()} {
		require.False(tb, math.IsNaN(e) || math.IsInf(e, 0))
	}
	for _, f := range t.findings(c) {
		for name, v := range f.Numbers {
			require.False(tb, math.IsNaN(v) || math.IsInf(v, 0), "%s: %s", f.Test, name)
		}
		for _, v := range []float64{f.LogE, f.Peak, f.Threshold, f.NeedShares} {
			require.False(tb, math.IsNaN(v) || math.IsInf(v, 0), "%s: %s", f.Test, f.Words)
		}
		require.NotContains(tb, f.Words+f.Power+f.FalseAlarms, "NaN", f.Test)
		_, err := json.Marshal(f)
		require.NoError(tb, err)
	}
	for _, s := range t.Gap.spans(c) {
		require.False(tb, math.IsNaN(s.Shares) || math.IsInf(s.Shares, 0))
	}
	t.Gap.common("it")
}

// filledRates returns tests that have seen alarms of all kinds.
func filledRates(tb testing.TB) (*rateTests, *pulse) {
	plan, err := Plan{}.Complete()
	require.NoError(tb, err)
	t := &rateTests{}
	s := newPulse(21, plan)
	s.pass = func(p *passing) { t.pass(p, plan) }
	s.arrive = func(a *arrival) { t.arrive(a, plan) }
	s.run(3000)
	for range 12 {
		rate := s.rate
		s.run(3500)
		s.rate = 0
		s.run(100)
		s.rate = rate
	}
	s.rate *= 0.6
	s.run(10_000)
	return t, s
}

// TestRateStateRoundTrip stops and goes on: the state that was written and read back does what the other does.
func TestRateStateRoundTrip(t *testing.T) {
	whole, s := filledRates(t)
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	t.Logf("%d bytes", len(text))
	require.Less(t, len(text), 30_000)
	var back rateTests
	require.NoError(t, json.Unmarshal(text, &back))
	require.NoError(t, back.check())
	again, err := json.Marshal(&back)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	s.pass = func(p *passing) { whole.pass(p, s.plan); back.pass(p, s.plan) }
	s.arrive = func(a *arrival) { whole.arrive(a, s.plan); back.arrive(a, s.plan) }
	s.run(5000)
	text, err = json.Marshal(whole)
	require.NoError(t, err)
	again, err = json.Marshal(&back)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	c := &context{plan: s.plan, now: s.now, threshold: 14, perSecond: 1. / 3}
	require.Equal(t, whole.findings(c), back.findings(c))
	for _, f := range whole.findings(c) {
		requireFinding(t, f)
	}
	// What is asked changes nothing.
	again, err = json.Marshal(&back)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
}

// TestRateStateGarbage changes numbers of the state: it is refused, or does no harm.
func TestRateStateGarbage(t *testing.T) {
	whole, s := filledRates(t)
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	require.NoError(t, whole.check())
	var tree any
	require.NoError(t, json.Unmarshal(text, &tree))
	var spots []func(v any) (undo func())
	var walk func(at any, set func(v any))
	walk = func(at any, set func(v any)) {
		switch v := at.(type) {
		case map[string]any:
			for k := range v {
				walk(v[k], func(x any) { v[k] = x })
			}
		case []any:
			for i := range v {
				walk(v[i], func(x any) { v[i] = x })
			}
		case float64:
			spots = append(spots, func(x any) func() { set(x); return func() { set(at) } })
		}
	}
	walk(tree, nil)
	r := rand.New(rand.NewPCG(6, 6))
	r.Shuffle(len(spots), func(i, j int) { spots[i], spots[j] = spots[j], spots[i] })
	refused, passed := 0, 0
	for _, spot := range spots[:min(len(spots), 250)] {
		for _, v := range []any{-1., 0., 1e-300, 1e17, 1e308, -1e308} {
			undo := spot(v)
			bad, err := json.Marshal(tree)
			undo()
			require.NoError(t, err)
			var back rateTests
			if json.Unmarshal(bad, &back) != nil || back.check() != nil {
				refused++
				continue
			}
			passed++
			c := &context{plan: s.plan, now: s.now, threshold: 14}
			back.requireSound(t, c)
			if passed%10 == 0 {
				p := passing{from: s.now, to: s.now.Add(time.Minute), exposure: 20 / pulseRate, claim: pulseRate}
				back.pass(&p, s.plan)
				back.arrive(&arrival{at: p.to, claim: pulseRate}, s.plan)
				back.merge(whole)
				back.requireSound(t, c)
				require.NoError(t, back.check())
			}
		}
	}
	t.Logf("%d refused, %d did no harm", refused, passed)
	require.Greater(t, refused, passed/4)

	for _, bad := range []string{`"slots":"AA"`, `"slots":"` + strings.Repeat("/", 11520) + `"`, `"slots":"` + strings.Repeat("!", 11520) + `"`} {
		var p periodTest
		if json.Unmarshal(fmt.Appendf(nil, "{%s}", bad), &p) == nil {
			require.Error(t, p.check(), "NaN in the slots")
		}
	}
}

// TestRateExtremes gives the tests what no device does.
func TestRateExtremes(t *testing.T) {
	plan := plain()
	var r rateTests
	c := &context{plan: plan, now: start, threshold: 14}
	r.requireSound(t, c)
	require.NoError(t, r.check())
	at := start
	for _, exposure := range []float64{math.NaN(), math.Inf(1), -1, 0, 5e-324, 1e-300, 1e-14, 1, 1e300, math.MaxFloat64} {
		for _, claim := range []float64{math.NaN(), math.Inf(1), -1, 0, 5e-324, 1e14, math.MaxFloat64} {
			for _, d := range []time.Duration{-time.Hour, 0, 1, time.Second, time.Hour, 200 * 365 * 24 * time.Hour} {
				r.pass(&passing{from: at, to: at.Add(d), exposure: exposure, claim: claim}, plan)
				for range 3 {
					r.arrive(&arrival{at: at, claim: claim}, plan)
				}
				r.Gap.heard(at)
			}
			r.requireSound(t, c)
			require.NoError(t, r.check())
		}
	}
	o := r
	r.merge(&o)
	r.requireSound(t, c)
	require.NoError(t, r.check())
	r.Gap.down(at)
	r.requireSound(t, c)
}

// BenchmarkRateTests is what a share costs all these tests together, time and arrival.
func BenchmarkRateTests(b *testing.B) {
	plan, err := Plan{}.Complete()
	require.NoError(b, err)
	for _, part := range []float64{1, 0.9} {
		b.Run(fmt.Sprintf("rate=%v", part), func(b *testing.B) {
			var t rateTests
			r := rand.New(rand.NewPCG(1, 1))
			gaps := make([]time.Duration, 4096)
			for i := range gaps {
				gaps[i] = time.Duration(3e9 * r.ExpFloat64() / part)
			}
			now := start
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				gap := gaps[i%len(gaps)]
				p := passing{from: now, to: now.Add(gap), floor: 1, exposure: gap.Seconds() / 3 / pulseRate, claim: pulseRate}
				now = p.to
				t.pass(&p, plan)
				t.arrive(&arrival{at: now, floor: 1, difficulty: 2, claim: pulseRate}, plan)
			}
		})
	}
}

func BenchmarkPeriodLook(b *testing.B) {
	var p periodTest
	s := periodPulse(1, plain(), &p)
	s.run(8 * 3600)
	for b.Loop() {
		p.value()
	}
}

func BenchmarkSequence(b *testing.B) {
	for b.Loop() {
		sequence(12_345, 1e-10, 1e14, 7)
	}
}
