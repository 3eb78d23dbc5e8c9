package audit

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// luckRun feeds shares of which some are blocks; a part of the blocks is kept back.
func luckRun(r *rand.Rand, t *luckTest, shares int, network, part float64) {
	job := &Job{Number: 1, Network: network}
	for i := range shares {
		floor := []float64{1000, 4000}[i/50%2]
		d := pareto(r, floor)
		if d >= network && r.Float64() < part {
			continue
		}
		t.arrive(&arrival{at: testStart.Add(time.Duration(i) * time.Second), floor: floor, difficulty: d, job: job})
	}
}

func TestLuckIsWhatItIsDefinedToBe(t *testing.T) {
	var test luckTest
	const network = 1e5
	job := &Job{Network: network}
	for i := range 100 {
		d := 2000.
		if i == 60 || i == 90 {
			d = network
		}
		test.arrive(&arrival{at: testStart, floor: 1000, difficulty: d, job: job})
	}
	test.arrive(&arrival{at: testStart, floor: network, difficulty: network, job: job}) // every share would be a block
	test.arrive(&arrival{at: testStart, floor: 1000, difficulty: 2000})
	test.arrive(&arrival{at: testStart, floor: 1000, difficulty: 2000, job: &Job{}})
	want := 0.
	for j, q := range []float64{0.25, 0.5, 0.9, 1} {
		want += []float64{0.2, 0.2, 0.2, 0.4}[j] * math.Pow(1-q, 2) / math.Pow(1-q*0.01, 100)
	}
	require.InDelta(t, math.Log(want), test.logE(), 1e-12)
	require.Equal(t, uint64(2), test.Blocks)
	require.Equal(t, uint64(100), test.Shares)
	require.InEpsilon(t, 1, test.Expected, 1e-12)
	peak := 0.
	for j, q := range []float64{0.25, 0.5, 0.9, 1} {
		peak += []float64{0.2, 0.2, 0.2, 0.4}[j] / math.Pow(1-q*0.01, 60)
	}
	require.InDelta(t, math.Log(peak), test.Summit.Peak, 1e-12) // just before the first
	require.NoError(t, test.check())
}

func TestLuckErrorRate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 8))
	const runs = 1000
	alarms := 0
	for range runs {
		var test luckTest
		luckRun(r, &test, 2000, 2e5, 0)
		if test.Summit.with(test.logE()) >= math.Log(20) {
			alarms++
		}
	}
	t.Logf("alarms at 5 %%: %d of %d", alarms, runs)
	require.LessOrEqual(t, float64(alarms), 0.05*runs+3*math.Sqrt(0.05*0.95*runs))
}

func TestLuckWords(t *testing.T) {
	plan := testPlan(t, nil)
	c := &context{plan: plan, threshold: 16, proven: Interval{Estimate: 200e12}}
	var none luckTest
	require.Equal(t, NotApplicable, none.finding(c).State)
	r := rand.New(rand.NewPCG(2, 8))

	var single luckTest
	luckRun(r, &single, 1000, 1.5e14, 0)
	f := single.finding(c)
	require.Equal(t, TooEarly, f.State)
	require.Greater(t, f.NeedShares, 1e11)
	require.Contains(t, f.Words, "years")
	t.Log(f.Words)

	var honest, thief luckTest
	luckRun(r, &honest, 40000, 1e6, 0)
	luckRun(r, &thief, 40000, 1e6, 0.9)
	f = honest.finding(c)
	require.Equal(t, Clear, f.State)
	t.Log(f.Words, f.Power)
	f = thief.finding(c)
	require.Equal(t, Alarm, f.State)
	require.False(t, f.Since.IsZero())
	t.Log(f.Words)
}

// Of several machines side by side the expected blocks add up, which is all that makes them visible.
func TestLuckOfMany(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 8))
	var fleet luckTest
	plan := testPlan(t, nil)
	c := &context{plan: plan, threshold: 16, proven: Interval{Estimate: 200e12}}
	for range 40 {
		var one luckTest
		luckRun(r, &one, 1000, 1e6, 1)
		require.NotEqual(t, Alarm, one.finding(c).State)
		fleet.join(&one)
	}
	require.Equal(t, Alarm, fleet.finding(c).State)
	var whole, first, second luckTest
	s := rand.New(rand.NewPCG(4, 8))
	luckRun(s, &whole, 1000, 1e5, 0)
	luckRun(s, &whole, 1000, 1e5, 0)
	s = rand.New(rand.NewPCG(4, 8))
	luckRun(s, &first, 1000, 1e5, 0)
	luckRun(s, &second, 1000, 1e5, 0)
	first.merge(&second)
	require.InDelta(t, whole.logE(), first.logE(), 1e-9)
	require.Equal(t, whole.Blocks, first.Blocks)
}
