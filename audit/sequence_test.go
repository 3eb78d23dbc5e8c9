package audit

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
)

// TestSequence has intervals in parts of the estimate, where the prior is right.
func TestSequence(t *testing.T) {
	for _, v := range []struct {
		n         uint64
		low, high float64
		digits    float64
	}{
		{100, 0.697, 1.380, 1e-3},
		{1000, 0.887, 1.123, 1e-3},
		{10_000, 0.960, 1.041, 1e-3},
		{100_000, 0.9865, 1.0137, 1e-4},
		{1_000_000, 0.9954, 1.0046, 1e-4},
	} {
		const prior = 1e14
		low, high, err := Sequence(v.n, float64(v.n)/prior, prior, 0.05)
		require.NoError(t, err)
		require.InDelta(t, v.low, low/prior, v.digits/2*1.0001, "n %d", v.n)
		require.InDelta(t, v.high, high/prior, v.digits/2*1.0001, "n %d", v.n)
	}
}

// logGammaHalf returns lnΓ(n+½) - lnΓ(½) = Σ ln(k-½), k = 1…n, with 100 digits to the product, and nothing of gonum's or of math.Lgamma.
func logGammaHalf(n uint64) float64 {
	product := new(big.Float).SetPrec(300).SetInt64(1)
	for k := range n {
		product.Mul(product, new(big.Float).SetPrec(300).SetFloat64(float64(k)+0.5))
	}
	return bigLog(product)
}

// bigLog returns ln x: exponent and mantissa apart.
func bigLog(x *big.Float) float64 {
	mantissa := new(big.Float)
	exponent := x.MantExp(mantissa)
	m, _ := mantissa.Float64()
	return float64(exponent)*math.Ln2 + math.Log(m)
}

// logMixture is ln M(h), term by term.
func logMixture(n uint64, exposure, prior, h, gammaRatio float64) float64 {
	b := 0.5 / prior
	return 0.5*math.Log(b/(b+exposure)) + gammaRatio - float64(n)*math.Log((b+exposure)*h) + h*exposure
}

// TestSequenceEnds puts the ends back into the formula, computed another way: M is 1/alpha there.
func TestSequenceEnds(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 3, 7, 31, 32, 33, 100, 1000, 10_000} {
		ratio := logGammaHalf(n)
		for _, alpha := range []float64{0.5, 0.05, 1e-3, 1e-6, 1e-15} {
			for _, off := range []float64{1e-6, 0.01, 1, 3, 1e6} { // the prior's error
				const prior = 1e14
				exposure := (float64(n) + 0.1) / prior * off
				low, high, err := Sequence(n, exposure, prior, alpha)
				require.NoError(t, err)
				name := fmt.Sprintf("n %d, alpha %v, off %v", n, alpha, off)
				// The formula's sums lose digits that Sequence does not.
				tolerance := 1e-13 * (1 + float64(n)*math.Abs(math.Log(off)+30))
				if n == 0 {
					require.Zero(t, low)
				} else {
					require.Less(t, low, float64(n)/exposure, name)
					require.InDelta(t, -math.Log(alpha), logMixture(n, exposure, prior, low, ratio), tolerance, name)
				}
				require.InDelta(t, -math.Log(alpha), logMixture(n, exposure, prior, high, ratio), tolerance, name)
			}
		}
	}
}

// TestHalfGamma compares with exact products, and for many events with what is proven to lie above and below: Robbins' bounds of n! and
// Wallis' of the middle binomial coefficient, Γ(n+½) being √π·n!·C(2n,n)/4^n.
func TestHalfGamma(t *testing.T) {
	for _, n := range []uint64{1, 2, 5, 17, 31, 32, 33, 64, 200, 1000, 5000} {
		f := float64(n)
		exact := logGammaHalf(n) + math.Log(math.Pi)/2
		require.InDelta(t, exact-f*math.Log(f)+f, halfGamma(f), 1e-15*f*math.Log(f)+2e-15, "n %d", n)
	}
	for _, n := range []float64{1e5, 1e7, 1e9, 1e12} {
		root := math.Log(math.Pi)/2 + math.Log(2*math.Pi*n)/2 // √π·√(2πn)
		low := root + 1/(12*n+1) - math.Log(math.Pi*(n+0.5))/2
		high := root + 1/(12*n) - math.Log(math.Pi*(n+0.25))/2
		require.GreaterOrEqual(t, halfGamma(n), low-1e-14, "n %v", n)
		require.LessOrEqual(t, halfGamma(n), high+1e-14, "n %v", n)
	}
	require.InDelta(t, halfGamma(math.Nextafter(32, 0)), halfGamma(32), 1e-13, "the seam")
}

func TestSequenceRoots(t *testing.T) {
	for _, y := range []float64{0, 1e-30, 1e-12, 1e-6, 0.1, 1, 30, 1e3, 1e9} {
		more, less := new(big.Float).SetPrec(200).SetFloat64(moreRoot(y)), new(big.Float).SetPrec(200).SetFloat64(lessRoot(y))
		if y < 100 { // e^s as a sum
			// An error of the last bit in s is one of s times that in y.
			require.InDelta(t, y, bigExpLess(more), 1e-15*(y+moreRoot(y)))
			require.InDelta(t, y, bigExpLess(less.Neg(less)), 1e-15*(y+lessRoot(y)))
			continue
		}
		require.InEpsilon(t, y, lessRoot(y)-1, 1e-14)
		require.InEpsilon(t, math.Log(1+y+moreRoot(y)), moreRoot(y), 1e-14)
	}
	require.True(t, math.IsInf(moreRoot(math.Inf(1)), 1))
	require.True(t, math.IsInf(lessRoot(math.Inf(1)), 1))
}

// bigExpLess returns e^s - 1 - s by the series.
func bigExpLess(s *big.Float) float64 {
	sum, term := new(big.Float).SetPrec(200), new(big.Float).SetPrec(200).Set(s)
	for k := 2.; k < 400; k++ {
		term.Mul(term, s)
		term.Quo(term, big.NewFloat(k))
		sum.Add(sum, term)
	}
	f, _ := sum.Float64()
	return f
}

// TestSequenceExtremes has what nobody asks for, and must come out in order all the same.
func TestSequenceExtremes(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 1e6, 1e12, math.MaxUint64} {
		for _, exposure := range []float64{0, 5e-324, 1e-300, 1e-14, 1, 1e12, math.MaxFloat64} {
			for _, prior := range []float64{5e-324, 1e-300, 1, 1e14, math.MaxFloat64} {
				for _, alpha := range []float64{minAlpha, 0.05, math.Nextafter(1, 0)} {
					low, high, err := Sequence(n, exposure, prior, alpha)
					require.NoError(t, err)
					require.False(t, math.IsNaN(low) || math.IsNaN(high), "%d %v %v %v: %v %v", n, exposure, prior, alpha, low, high)
					require.GreaterOrEqual(t, low, 0.)
					require.LessOrEqual(t, low, high, "%d %v %v %v", n, exposure, prior, alpha)
					if rate := float64(n) / exposure; exposure > 0 && !math.IsInf(rate, 1) {
						require.LessOrEqual(t, low, rate*(1+1e-15))
						require.GreaterOrEqual(t, high, rate*(1-1e-15))
					}
				}
			}
		}
	}
	for _, bad := range [][3]float64{
		{-1, 1, 0.05}, {math.NaN(), 1, 0.05}, {math.Inf(1), 1, 0.05}, {1, 0, 0.05}, {1, -1, 0.05}, {1, math.NaN(), 0.05}, {1, math.Inf(1), 0.05},
		{1, 1, 0}, {1, 1, 1}, {1, 1, math.NaN()},
	} {
		_, _, err := Sequence(1, bad[0], bad[1], bad[2])
		require.Error(t, err, "%v", bad)
	}
}

// TestSequenceCovers looks after every share, under a difficulty that follows the shares: at most alpha of the runs ever miss the truth.
func TestSequenceCovers(t *testing.T) {
	const (
		runs  = 400
		alpha = 0.1
		rate  = 1e14
	)
	r := rand.New(rand.NewPCG(4, 2))
	missed := 0
	for range runs {
		n, exposure, each := uint64(0), 0., 1/rate // seconds per hash and second
		for n < 500 {
			// Just before the share the exposure is at its highest for the count, just after it at its lowest.
			gap := r.ExpFloat64() / (rate * each)
			exposure += gap * each
			_, high := sequence(float64(n), exposure, 2*rate, -math.Log(alpha))
			n++
			low, _ := sequence(float64(n), exposure, 2*rate, -math.Log(alpha))
			if high < rate || low > rate {
				missed++
				break
			}
			if gap < 0.5 { // fast: harder work
				each = max(each/1.5, 1e-2/rate)
			} else if gap > 1.5 {
				each = min(each*1.5, 1e2/rate)
			}
		}
	}
	require.LessOrEqual(t, missed, runs/10+3*6, "three standard deviations above a tenth")
	require.Greater(t, missed, runs/100, "far too wide")
}

// TestSPRT has Wald's numbers of shares for tests at rates of errors that people ask for, a hundredth being missed.
func TestSPRT(t *testing.T) {
	for _, v := range []struct {
		skim   float64
		shares [3]float64 // at alpha = 1e-2, 1e-3, 1e-6
		fixed  float64    // at 1e-3
		digits [3]float64
	}{
		{0.01, [3]float64{89_800, 135_200, 271_500}, 292_100, [3]float64{100, 100, 100}},
		{0.02, [3]float64{22_400, 33_700, 67_700}, 72_700, [3]float64{100, 100, 100}},
		{0.05, [3]float64{3540, 5335, 10_700}, 11_500, [3]float64{10, 1, 100}},
		{0.1, [3]float64{870, 1310, 2630}, 2810, [3]float64{10, 10, 10}},
		{0.3, [3]float64{89, 135, 271}, 282, [3]float64{1, 1, 1}},
	} {
		for i, alpha := range []float64{1e-2, 1e-3, 1e-6} {
			n, err := SPRTShares(v.skim, alpha, 0.01)
			require.NoError(t, err)
			require.InDelta(t, v.shares[i], n, v.digits[i]/2*1.0001, "skim %v, alpha %v", v.skim, alpha)
			// In days at 20 shares a minute.
			if v.skim == 0.01 && alpha == 1e-6 {
				require.InDelta(t, 9.4, n/20/60/24, 0.05)
			}
		}
		n, err := FixedShares(v.skim, 1e-3, 0.01)
		require.NoError(t, err)
		digits := map[bool]float64{true: 100, false: 10}[v.fixed > 1e4]
		if v.skim == 0.3 {
			digits = 1
		}
		require.InDelta(t, v.fixed, n, digits/2*1.0001, "skim %v", v.skim)
	}
	for _, v := range []struct{ skim, perMinute, hours float64 }{
		{0.02, 20, 2.4 * 24}, {0.05, 20, 8.9}, {0.1, 20, 2.2}, {0.01, 6, 31 * 24}, {0.02, 6, 7.9 * 24}, {0.05, 6, 30}, {0.1, 6, 7.4},
	} {
		n, err := SPRTShares(v.skim, 1e-6, 0.01)
		require.NoError(t, err)
		require.InEpsilon(t, v.hours, n/v.perMinute/60, 0.03)
	}
	require.InEpsilon(t, 0.01, BeyondTolerance(0.02, 0.01), 0.02)
	require.InEpsilon(t, skimGain(1e-3), skimGain(math.Nextafter(1e-3, 0)), 1e-9, "the seam")
	for _, bad := range [][3]float64{{0, 0.01, 0.01}, {1, 0.01, 0.01}, {0.1, 0, 0.01}, {0.1, 0.5, 0.5}, {math.NaN(), 0.1, 0.1}, {0.1, math.NaN(), 0.1}} {
		_, err := SPRTShares(bad[0], bad[1], bad[2])
		require.Error(t, err)
		_, err = FixedShares(bad[0], bad[1], bad[2])
		require.Error(t, err)
	}
}

// TestNormalQuantileAgainstErf checks the quantiles behind FixedShares by the other function.
func TestNormalQuantileAgainstErf(t *testing.T) {
	for _, p := range []float64{1e-12, 1e-6, 1e-3, 0.01, 0.3} {
		n, err := FixedShares(0.5, p, 0.5)
		require.NoError(t, err)
		z := math.Sqrt(n) * 0.5 // the other quantile is 0
		require.InEpsilon(t, p, math.Erfc(z/math.Sqrt2)/2, 1e-9)
	}
}

// TestClaimMedians lets machines skim: the median and the nine tenths of the shares expected until the odds are a million to one.
func TestClaimMedians(t *testing.T) {
	for _, v := range []struct{ skim, median, most float64 }{
		{0.01, 294_000, 482_000}, {0.02, 74_600, 116_600}, {0.05, 12_000, 18_400}, {0.1, 2920, 4500}, {0.3, 357, 478},
	} {
		r := rand.New(rand.NewPCG(5, uint64(1000*v.skim)))
		const runs = 300
		var times []float64
		for range runs {
			var c claimTest
			step := v.median / 400
			poisson := distuv.Poisson{Lambda: (1 - v.skim) * step, Src: r}
			for c.Summit.Peak < 6*math.Ln10 {
				c.Seen.Expected += step
				c.Seen.Shares += uint64(poisson.Rand())
				look(&c.Seen, &c.Summit, &c.Corners, start, -1, &claimGrid, &claimLogs)
			}
			times = append(times, c.Seen.Expected)
		}
		median, most := quantile(times, 0.5), quantile(times, 0.9)
		t.Logf("skim %v: median %.0f, nine in ten %.0f", v.skim, median, most)
		// The table's mean is over nine fractions, without that of 0.3: ours is sooner there.
		require.Less(t, median, 1.15*v.median, "skim %v", v.skim)
		require.Greater(t, median, 0.8*v.median, "skim %v", v.skim)
		require.Less(t, most, 1.15*v.most, "skim %v", v.skim)
		require.Greater(t, most, 0.85*v.most, "skim %v", v.skim)
	}
}
