package audit

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pareto returns what an honest share achieves that had to achieve floor.
func pareto(r *rand.Rand, floor float64) float64 { return floor / (1 - r.Float64()) }

// bruteTail is the mixture as it is defined, worked out for every share.
type bruteTail struct {
	low   float64
	terms [tailLevels][4]float64
	peak  float64
}

func (b *bruteTail) logE() float64 {
	sum, weights := 0., 0.
	for i := 1; i < tailLevels; i++ {
		for j := range tailFractions {
			w := tailWeights[j] / math.Pow(float64(i)/2+4, 2)
			weights += w
			sum += w * math.Exp(b.terms[i][j])
		}
	}
	return math.Log(sum / weights)
}

func (b *bruteTail) arrive(floor, difficulty float64) {
	if b.low == 0 {
		b.low = math.Exp2(math.Floor(math.Log2(floor)))
	}
	for i := 1; i < tailLevels; i++ {
		x := b.low * math.Pow(2, float64(i/2))
		if i%2 == 1 {
			x *= math.Sqrt2
		}
		if floor >= x {
			continue
		}
		for j, q := range tailFractions {
			factor := 1 / (1 - q*floor/x)
			if difficulty >= x {
				factor *= 1 - q
			}
			b.terms[i][j] += math.Log(factor)
		}
	}
	b.peak = max(b.peak, b.logE())
}

func TestTailIsWhatItIsDefinedToBe(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		var brute bruteTail
		var test tailTest
		floor, cut := 700., math.Inf(1)
		if seed%3 == 0 {
			cut = 700 * math.Exp2(1+float64(seed)/2) // shares above it are missing, in part
		}
		for i := range 2500 {
			switch {
			case seed%2 == 0 && r.IntN(40) == 0:
				floor = math.Exp(r.Float64()*6 + 3)
			case seed%4 == 1 && r.IntN(2) == 0:
				floor = []float64{512, 700, 1024}[r.IntN(3)]
			}
			d := pareto(r, floor)
			if d >= cut && r.IntN(4) > 0 {
				continue
			}
			test.arrive(&arrival{at: testStart, floor: floor, difficulty: d})
			brute.arrive(floor, d)
			if i%97 == 0 || i < 20 {
				require.InDelta(t, brute.logE(), test.logE(), 1e-9, "seed %d, share %d", seed, i)
			}
		}
		require.NoError(t, test.check())
		require.LessOrEqual(t, test.Summit.Peak, brute.peak+1e-9)
		require.GreaterOrEqual(t, test.Summit.with(test.logE()), brute.peak-max(1, 0.05*brute.peak), "seed %d", seed)
	}
}

// tailRun is a device whose floor is set by a pool that looks at how many shares came, as vardiff does, and a bet against it.
func tailRun(r *rand.Rand, shares int, cut, part float64, each func(n int, t *tailTest) bool) {
	var test tailTest
	floor := 1000.
	for n := 1; n <= shares; {
		if cut == 0 && n%25 == 0 { // by its times, which are independent of what shares achieve
			floor = max(1, floor*[]float64{0.5, 1, 1, 2, 1.37, 1 / 1.37}[r.IntN(6)])
		}
		d := pareto(r, floor)
		if cut > 0 && d >= cut && (part == 1 || r.Float64() < part) {
			continue
		}
		test.arrive(&arrival{at: testStart, floor: floor, difficulty: d})
		if !each(n, &test) {
			return
		}
		n++
	}
}

// Whoever looks after every share accuses an honest device with probability alpha at most.
func TestTailErrorRate(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const runs, shares = 400, 1200
	alarms := 0
	for range runs {
		tailRun(r, shares, 0, 0, func(n int, test *tailTest) bool {
			if n == shares && test.Summit.with(test.logE()) >= math.Log(20) {
				alarms++
			}
			return true
		})
	}
	t.Logf("alarms at 5 %%: %d of %d", alarms, runs)
	require.LessOrEqual(t, float64(alarms), 0.05*runs+3*math.Sqrt(0.05*0.95*runs))
}

// A bet that knows threshold and fraction needs the shares of [ExceedanceShares]; the mixture, which does not, some more.
func TestTailDetection(t *testing.T) {
	for _, row := range []struct{ ratio, part, most float64 }{
		// The first difficulty is 1000, and thresholds are 512 times powers of the square root of 2.
		{10, 1, 1.7}, {100, 1, 1.9}, {100, 0.5, 1.9}, {131.072, 1, 1.45},
	} {
		table, err := ExceedanceShares(row.ratio, row.part, 1e-6)
		require.NoError(t, err)
		var times []float64
		for run := range uint64(61) {
			r := rand.New(rand.NewPCG(run, uint64(row.ratio)))
			tailRun(r, 1<<20, 1000*row.ratio, row.part, func(n int, test *tailTest) bool {
				if test.Summit.Peak >= math.Log(1e6) {
					times = append(times, float64(n))
					return false
				}
				return true
			})
		}
		slices.Sort(times)
		median := times[len(times)/2]
		t.Logf("X/D = %v, q = %v: median of %v shares, %.2f times the %.0f of a bet that knows", row.ratio, row.part, median, median/table, table)
		require.Less(t, median, row.most*table)
	}
}

func TestTailMergeIsWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var whole, first, second tailTest
	for i := range 4000 {
		floor := []float64{1024, 1500, 4096}[i/300%3]
		a := &arrival{at: testStart.Add(time.Duration(i) * time.Second), floor: floor, difficulty: pareto(r, floor)}
		whole.arrive(a)
		if i < 1800 {
			first.arrive(a)
		} else {
			second.arrive(a)
		}
	}
	require.Equal(t, first.Low, second.Low)
	before, err := json.Marshal(&second)
	require.NoError(t, err)
	first.merge(&second)
	after, err := json.Marshal(&second)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.NoError(t, first.check())
	require.InDelta(t, whole.logE(), first.logE(), 1e-9)
	require.Equal(t, whole.Shares, first.Shares)
	require.Equal(t, whole.largest(), first.largest())
	require.InEpsilon(t, whole.ceiling(1e-6), first.ceiling(1e-6), 1e-12)
	for i, p := range whole.points() {
		q := first.points()[i]
		require.Equal(t, p.Seen, q.Seen)
		require.InEpsilon(t, p.Expected, q.Expected, 1e-9)
	}
	var empty tailTest
	empty.merge(&first)
	require.Equal(t, first, empty)
	first.merge(&tailTest{})
	require.Equal(t, empty, first)
}

// A part that began at another difficulty has other thresholds: what both have goes on, the rest stands still. It stays a fair bet.
func TestTailMergeOfOtherThresholds(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 3))
	const runs = 600
	sum := 0.
	for range runs {
		var parts [2]tailTest
		for k, floor := range []float64{1000, []float64{60, 1000, 30000}[r.IntN(3)]} {
			for range 40 {
				parts[k].arrive(&arrival{at: testStart, floor: floor, difficulty: pareto(r, floor)})
			}
		}
		parts[0].merge(&parts[1])
		require.NoError(t, parts[0].check())
		sum += math.Exp(parts[0].logE())
	}
	t.Logf("mean e-value %.3f", sum/runs)
	require.Less(t, sum/runs, 1.25)
}

func TestTailPoints(t *testing.T) {
	var test tailTest
	require.Empty(t, test.points())
	for _, d := range []float64{1000, 1024, 2047, 2048, 5000, 1e6} {
		test.arrive(&arrival{at: testStart, floor: 1000, difficulty: d})
	}
	test.arrive(&arrival{at: testStart, floor: 3000, difficulty: 4096})
	points := test.points()
	for i, want := range []struct {
		seen     uint64
		expected float64
	}{{7, 7}, {6, 6*1000./1024 + 1}, {4, 6*1000./2048 + 1}, {3, 6*1000./4096 + 3000./4096}, {1, 9000. / 8192}} {
		require.Equal(t, math.Ldexp(512, i), points[i].Difficulty)
		require.Equal(t, want.seen, points[i].Seen, i)
		require.InEpsilon(t, want.expected, points[i].Expected, 1e-12)
	}
	require.Equal(t, math.Ldexp(512, 10), points[10].Difficulty)
	require.Equal(t, uint64(1), points[10].Seen)
	for _, p := range points[11:] {
		require.Zero(t, p.Seen)
	}
}

func TestTailWords(t *testing.T) {
	plan := testPlan(t, func(p *Plan) { p.NetworkDifficulty = 1.5e14 })
	c := &context{plan: plan, threshold: 16, proven: Interval{Estimate: 200e12}}
	var test tailTest
	f := test.finding(c)
	require.Equal(t, TooEarly, f.State)
	require.Positive(t, f.NeedShares)
	require.Contains(t, f.Limits, "705 years")
	r := rand.New(rand.NewPCG(5, 5))
	for range 3000 {
		test.arrive(&arrival{at: testStart, floor: 1000, difficulty: pareto(r, 1000)})
	}
	f = test.finding(c)
	require.Equal(t, Clear, f.State)
	t.Log(f.Words, f.Power, f.Limits)
	for i := range 30000 {
		if d := pareto(r, 1000); d < 64000 {
			test.arrive(&arrival{at: testStart.Add(time.Duration(i) * time.Second), floor: 1000, difficulty: d})
		}
	}
	f = test.finding(c)
	require.Equal(t, Alarm, f.State)
	t.Log(f.Words)
	t.Log(f.Power, f.Numbers)
	require.True(t, f.Since.After(testStart) && f.Since.Before(testStart.Add(30000*time.Second)), f.Since)
	require.InEpsilon(t, 64000, f.Numbers["missing_from_difficulty"], 0.5)
}
