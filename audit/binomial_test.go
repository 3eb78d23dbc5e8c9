package audit

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// tailBig is P(X <= k) of a binomial variable, with 300 bits.
func tailBig(k, n uint64, p float64) *big.Float {
	f := func(v float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(v) }
	pb, qb := f(p), f(1)
	qb.Sub(qb, pb)
	term := f(1)
	for range n {
		term.Mul(term, qb)
	}
	sum := new(big.Float).Copy(term)
	for i := uint64(1); i <= k; i++ {
		term.Mul(term, pb)
		term.Quo(term, qb)
		term.Mul(term, f(float64(n-i+1)))
		term.Quo(term, f(float64(i)))
		sum.Add(sum, term)
	}
	return sum
}

func TestClopperPearson(t *testing.T) {
	// The ends are where the binomial tails are alpha/2, summed up in math/big. A relative error of 1e-9 of p shows in the tail: by the
	// slope of the tail there.
	for _, n := range []uint64{1, 2, 7, 50, 1000, 4000} {
		for _, k := range []uint64{0, 1, 2, 5, n / 100, n / 3, n / 2, n - 1, n} {
			if k > n {
				continue
			}
			for _, alpha := range []float64{.5, .05, 1e-3, 1e-6, 1e-9} {
				low, high, err := ClopperPearson(k, n, alpha)
				require.NoError(t, err)
				require.True(t, 0 <= low && low <= float64(k)/float64(n) && float64(k)/float64(n) <= high && high <= 1, "%d of %d: %v %v", k, n, low, high)
				if k < n {
					requireRoot(t, high, alpha/2, func(p float64) *big.Float { return tailBig(k, n, p) })
				}
				if k > 0 {
					requireRoot(t, low, alpha/2, func(p float64) *big.Float {
						one := new(big.Float).SetPrec(300).SetFloat64(1)
						return one.Sub(one, tailBig(k-1, n, p))
					})
				}
			}
		}
	}
	_, high, err := ClopperPearson(0, 1000, .002)
	require.NoError(t, err)
	require.InEpsilon(t, 1-math.Pow(.001, 1./1000), high, 1e-12)
	for _, bad := range [][2]uint64{{1, 0}, {0, 0}, {5, 4}, {0, math.MaxUint64}} {
		_, _, err := ClopperPearson(bad[0], bad[1], .05)
		require.Error(t, err)
	}
	_, _, err = ClopperPearson(1, 4, math.NaN())
	require.Error(t, err)
}

// requireRoot checks that tail crosses want within 1e-9 of x.
func requireRoot(t *testing.T, x, want float64, tail func(float64) *big.Float) {
	t.Helper()
	at := func(p float64) float64 { v, _ := tail(math.Min(p, 1)).Float64(); return v - want }
	if x*(1+1e-9) >= 1 {
		return // the last bits of 1
	}
	low, high := at(x*(1-1e-9)), at(x*(1+1e-9))
	require.True(t, low*high <= 0, "%v: tail - %v is %v and %v beside it", x, want, low, high)
}

func TestClopperPearsonLarge(t *testing.T) {
	for _, n := range []uint64{1e6, 1e8, 1e10} {
		for _, k := range []uint64{1, 10, 1000, n / 1000, n / 2} {
			low, high, err := ClopperPearson(k, n, 1e-6)
			require.NoError(t, err)
			q := float64(k) / float64(n)
			z := 4.891638475699 * math.Sqrt(q*(1-q)/float64(n))
			if k >= 1000 { // near the normal approximation, to its next order
				require.InDelta(t, q-z, low, z*.1)
				require.InDelta(t, q+z, high, z*.1)
			}
			gl, gh, err := Garwood(k, 1e-6) // k is nearly Poisson
			require.NoError(t, err)
			if q < 1e-4 {
				require.InEpsilon(t, gl/float64(n), low, 2e-5+float64(k)/float64(n))
				require.InEpsilon(t, gh/float64(n), high, 2e-5+float64(k)/float64(n))
			}
		}
	}
}

func TestAnytimeProportion(t *testing.T) {
	const alpha, p, runs = .05, .02, 400
	missed := 0
	for run := range runs {
		rng := rand.New(rand.NewPCG(9, uint64(run)))
		k, out := uint64(0), false
		for n := uint64(1); n <= 3000; n++ {
			if rng.Float64() < p {
				k++
			}
			if n%10 == 0 && !out {
				low, high, err := AnytimeProportion(k, n, alpha)
				require.NoError(t, err)
				require.True(t, low >= 0 && low <= float64(k)/float64(n) && high >= float64(k)/float64(n) && high <= 1)
				out = p < low || p > high
			}
		}
		if out {
			missed++
		}
	}
	require.LessOrEqual(t, missed, 30, "of %d, for ever; 20 are allowed on average", runs)
	fixedLow, fixedHigh, _ := ClopperPearson(20, 1000, alpha)
	low, high, _ := AnytimeProportion(20, 1000, alpha)
	require.Less(t, low, fixedLow)
	require.Greater(t, high, fixedHigh)
	low, high, err := AnytimeProportion(0, 0, alpha)
	require.NoError(t, err)
	require.Equal(t, [2]float64{0, 1}, [2]float64{low, high})
	low, _, err = AnytimeProportion(0, 1<<40, 1e-9)
	require.NoError(t, err)
	require.Zero(t, low)
}

// The mixture is what numeric integration of the likelihood ratios gives, and is 1 on average at p0.
func TestProportionBet(t *testing.T) {
	for _, c := range []struct{ k, n, p0 float64 }{{0, 0, .01}, {3, 100, .01}, {10, 100, .01}, {0, 500, .01}, {40, 2000, .02}, {7, 7, .3}} {
		// p = sin²u turns Jeffreys' density into a constant: 2/π du.
		from, to := math.Asin(math.Sqrt(c.p0)), math.Pi/2
		const steps = 200_000
		h := (to - from) / steps
		sum := 0.
		for i := range steps {
			p := math.Pow(math.Sin(from+(float64(i)+.5)*h), 2)
			sum += math.Exp(c.k*math.Log(p/c.p0) + (c.n-c.k)*math.Log((1-p)/(1-c.p0)))
		}
		require.InEpsilon(t, sum*h/(to-from), math.Exp(proportionBet(c.k, c.n, c.p0)), 1e-6, c)
	}
	for _, n := range []float64{1, 10, 300} { // expectation at p0
		mean := 0.
		for k := 0.; k <= n; k++ {
			lg := func(x float64) float64 { v, _ := math.Lgamma(x + 1); return v }
			mean += math.Exp(lg(n) - lg(k) - lg(n-k) + k*math.Log(.05) + (n-k)*math.Log(.95) + proportionBet(k, n, .05))
		}
		require.InEpsilon(t, 1, mean, 1e-9)
	}
	require.False(t, math.IsInf(proportionBet(0, 1e12, .5), 0))
}
