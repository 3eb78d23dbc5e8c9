package audit

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// arrivalStream is how shares come, in a test: 20 a minute on average.
type arrivalStream struct {
	vardiff bool
	drift   float64                   // coefficient of variation of the rate, from ten minutes to ten minutes
	gap     func(*rand.Rand) float64  // between shares, with mean 1; exponential if nil
	when    func(at float64) float64  // when a share found at that second is sent, not before the one before; at once if nil
	stop    func(t *arrivalTest) bool // asked after each share
}

func (s arrivalStream) run(r *rand.Rand, test *arrivalTest, plan *Plan, seconds float64) {
	const rate = 1e12
	start := testStart.Add(time.Duration(r.Int64N(int64(time.Hour))))
	when := func(second float64) time.Time { return start.Add(time.Duration(second * 1e9)) }
	now, passed, exact, floor, factor := 0., 0., 0., 3*rate/hashesPerDifficulty, 1.
	nextLook, counted, nextDrift := 120., 0, 0.
	for now < seconds {
		if s.drift > 0 && now >= nextDrift {
			nextDrift = now + 600
			factor = max(0.1, 1+s.drift*r.NormFloat64())
		}
		if s.vardiff && now >= nextLook { // by what came, as pools do
			nextLook = now + 120
			switch {
			case counted > 50:
				floor *= 2
			case counted < 30:
				floor /= 2
			}
			counted = 0
		}
		g := 0.
		if s.gap != nil {
			g = s.gap(r)
		} else {
			g = r.ExpFloat64()
		}
		exact += g * hashesPerShare(floor) / (rate * factor)
		now = exact
		sent := now
		if s.when != nil {
			sent = s.when(now)
		}
		if sent > passed {
			test.pass(&passing{from: when(passed), to: when(sent), floor: floor, exposure: (sent - passed) / hashesPerShare(floor)}, plan)
			passed = sent
		}
		test.arrive(&arrival{at: when(sent), floor: floor, difficulty: floor})
		counted++
		if s.stop != nil && s.stop(test) {
			return
		}
	}
}

// Honest machines, some of them in situations that look like bursts or like regularity.
func TestArrivalErrorRate(t *testing.T) {
	plan := testPlan(t, nil)
	batch := func(period float64) func(float64) float64 {
		return func(at float64) float64 { return math.Ceil(at/period) * period }
	}
	for name, stream := range map[string]arrivalStream{
		"steady":        {},
		"vardiff":       {vardiff: true},
		"drifting":      {drift: 0.02, vardiff: true},
		"batches":       {when: batch(2)},
		"whole seconds": {when: math.Floor},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 11))
			const runs = 120
			alarms := 0
			for range runs {
				var test arrivalTest
				stream.run(r, &test, plan, 4*3600)
				require.NoError(t, test.check())
				if test.Summit.with(test.logE()) >= math.Log(20) {
					alarms++
				}
			}
			t.Logf("alarms at 5 %%: %d of %d", alarms, runs)
			require.LessOrEqual(t, float64(alarms), 0.05*runs+3*math.Sqrt(0.05*0.95*runs))
		})
	}
}

// gamma gaps of shape k: k exponential ones joined.
func gammaGaps(k int) func(*rand.Rand) float64 {
	return func(r *rand.Rand) (g float64) {
		for range k {
			g += r.ExpFloat64() / float64(k)
		}
		return g
	}
}

func TestArrivalsFindsWhatIsNotChance(t *testing.T) {
	c := &context{plan: testPlan(t, nil), threshold: 16}
	for _, row := range []struct {
		name   string
		stream arrivalStream
		words  string
		hours  float64
	}{
		{"a metronome", arrivalStream{gap: func(*rand.Rand) float64 { return 1 }}, "evenly", 1.5},
		{"gamma gaps of shape 4", arrivalStream{gap: gammaGaps(4)}, "evenly", 4},
		{"sent every five minutes", arrivalStream{when: func(at float64) float64 { return math.Ceil(at/300) * 300 }}, "bursts", 2},
		{"a slice of two minutes in ten that goes elsewhere", arrivalStream{when: func(at float64) float64 {
			if m := math.Mod(at, 600); m < 120 {
				return at - m + 120
			}
			return at
		}}, "bursts", 12},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 11))
			var test arrivalTest
			stream := row.stream
			stream.stop = func(t *arrivalTest) bool { return t.Summit.Peak >= c.threshold }
			stream.run(r, &test, c.plan, 96*3600)
			f := test.finding(c)
			require.Equal(t, Alarm, f.State)
			require.Contains(t, f.Words, row.words)
			t.Logf("%d shares, %.1f hours. %s", test.Shares, float64(test.Shares)/1200, f.Words)
			require.Less(t, float64(test.Shares)/1200, row.hours)
		})
	}
}

func TestArrivalWords(t *testing.T) {
	c := &context{plan: testPlan(t, nil), threshold: 16}
	r := rand.New(rand.NewPCG(4, 11))
	var test arrivalTest
	f := test.finding(c)
	require.Equal(t, TooEarly, f.State)
	require.Positive(t, f.NeedShares)
	arrivalStream{vardiff: true}.run(r, &test, c.plan, 24*3600)
	f = test.finding(c)
	require.Equal(t, Clear, f.State)
	t.Log(f.Words, f.Power, f.Numbers)
	require.InDelta(t, 1, f.Numbers["dispersion_short"], 0.2)
	require.Less(t, f.Numbers["dispersion_short_low"], 1.0)
	require.Greater(t, f.Numbers["dispersion_short_high"], 1.0)
	require.Less(t, f.Numbers["gap_anderson_darling"], 3.86) // 1 % for a rate that is known
	var even arrivalTest
	arrivalStream{gap: gammaGaps(2)}.run(r, &even, c.plan, 24*3600)
	require.Greater(t, even.finding(c).Numbers["gap_anderson_darling"], 20.0)
}

// The means that bets on regularity are divided by, against the binomial distribution.
func TestEvenMeans(t *testing.T) {
	for _, s := range []int{1, 2, 3, 17, 64, 501} {
		means := evenMeans(s)
		for i, theta := range arrivalEvens {
			want := 0.
			for n := 0; n <= s; n++ {
				a, _ := math.Lgamma(float64(s + 1))
				b, _ := math.Lgamma(float64(n + 1))
				c, _ := math.Lgamma(float64(s - n + 1))
				want += math.Exp(a-b-c-float64(s)*math.Ln2) * math.Exp(-theta*square(float64(2*n-s))/float64(s))
			}
			require.InEpsilon(t, want, means[i], 1e-11)
		}
	}
}

func TestArrivalMerge(t *testing.T) {
	plan := testPlan(t, nil)
	r := rand.New(rand.NewPCG(5, 11))
	var first, second, empty arrivalTest
	arrivalStream{}.run(r, &first, plan, 3*3600)
	arrivalStream{}.run(r, &second, plan, 3*3600)
	want := first.Scales[0].Even[1] + second.Scales[0].Even[1]
	shares := first.Shares + second.Shares
	first.merge(&second)
	require.NoError(t, first.check())
	require.InDelta(t, want, first.Scales[0].Even[1], 1e-12)
	require.Equal(t, shares, first.Shares)
	empty.merge(&first)
	require.Equal(t, first, empty)
	first.merge(&arrivalTest{})
	require.Equal(t, empty, first)
}

// Times and exposures that no device has lead nowhere, but end.
func TestArrivalExtremes(t *testing.T) {
	plan := testPlan(t, nil)
	var test arrivalTest
	at := testStart
	for i := range 200 {
		e := []float64{1e-12, 1e-300, 1e200, 0, -1, math.NaN(), 1e-12, 3e-12}[i%8]
		test.pass(&passing{from: at, to: at.Add(time.Duration(i%3) * time.Second), exposure: e}, plan)
		at = at.Add(time.Duration(i%3) * time.Second)
		test.arrive(&arrival{at: at, floor: 1, difficulty: 1})
		require.NoError(t, test.check())
	}
	require.False(t, math.IsNaN(test.logE()))
}
