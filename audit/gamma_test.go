package audit

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// poissonTails returns the probabilities that a Poisson variable of the given mean is below n, and that it is n or more. It
// knows nothing of gamma functions: it adds up the terms' ratios to the largest one and divides by the sum of all.
func poissonTails(n uint64, mean float64) (less, atLeast float64) {
	if !(mean > 0 && mean < 1e15) {
		panic(fmt.Sprintf("mean %v: the sum would not end", mean))
	}
	var sums [2]struct{ sum, lost float64 } // Kahan's
	add := func(k uint64, term float64) {
		i := 0
		if k >= n {
			i = 1
		}
		s := &sums[i]
		y := term - s.lost
		t := s.sum + y
		s.lost = (t - s.sum) - y
		s.sum = t
	}
	const negligible = 1e-35 // a tail of 1e-15 still has 20 digits
	mode := uint64(mean)
	add(mode, 1)
	for k, term := mode+1, 1.; ; k++ {
		if term *= mean / float64(k); term < negligible {
			break
		}
		add(k, term)
	}
	for k, term := mode, 1.; k > 0; k-- {
		if term *= float64(k) / mean; term < negligible {
			break
		}
		add(k-1, term)
	}
	all := sums[0].sum + sums[1].sum
	return sums[0].sum / all, sums[1].sum / all
}

func TestPoissonTails(t *testing.T) {
	less, atLeast := poissonTails(1, 2)
	require.InEpsilon(t, math.Exp(-2), less, 1e-15)
	require.InEpsilon(t, -math.Expm1(-2), atLeast, 1e-15)
	less, atLeast = poissonTails(3, 0.5)
	require.InEpsilon(t, math.Exp(-0.5)*(1+0.5+0.125), less, 1e-15)
	require.InEpsilon(t, 0.01438767796697068, atLeast, 1e-14)
}

// TestGammaQuantile adds up the Poisson terms on either side of the ends that Garwood finds.
func TestGammaQuantile(t *testing.T) {
	counts := []uint64{1, 2, 3, 10, 100, 1000, 99_998, 99_999, 100_000, 100_001, 300_000, 1_000_000, 1_000_000_000}
	if !testing.Short() {
		counts = append(counts, 1_000_000_000_000)
	}
	for _, n := range counts {
		for _, alpha := range []float64{0.9, 0.05, 1e-6, 1e-15} {
			if n >= 1e12 && alpha != 1e-6 {
				continue // tens of millions of terms
			}
			t.Run(fmt.Sprintf("n=%d/alpha=%v", n, alpha), func(t *testing.T) {
				low, high, err := Garwood(n, alpha)
				require.NoError(t, err)
				_, atLeast := poissonTails(n, low)
				less, _ := poissonTails(n+1, high)
				// An end near 1e12 has four decimals.
				tolerance := 1e-12 + 1e-15*math.Sqrt(float64(n))
				require.InEpsilon(t, alpha/2, atLeast, tolerance, "low %v", low)
				require.InEpsilon(t, alpha/2, less, tolerance, "high %v", high)
			})
		}
	}
}

// TestGammaQuantileSeam compares both ways of computing a quantile where one takes over from the other, which is where
// each is at its worst.
func TestGammaQuantileSeam(t *testing.T) {
	for _, p := range []float64{1e-9, 1e-3, 0.025, 0.25, 0.49999, 0.5, 0.50001, 0.9, 0.999} {
		for _, side := range []tail{below, above} {
			ours, theirs := manyQuantile(manyShares, p, side), gammaQuantile(math.Nextafter(manyShares, 0), p, side)
			require.InEpsilon(t, theirs, ours, 1e-14, "p %v, side %v", p, side)
		}
	}
}

func TestLessLog1p(t *testing.T) {
	for _, u := range []float64{-0.3, -0.01, -1e-4, 1e-4, 0.01, 0.3, 0.5} {
		require.InEpsilon(t, u-math.Log1p(u), lessLog1p(u), 1e-15/(u*u), "u %v", u)
	}
	require.InEpsilon(t, 5e-17, lessLog1p(1e-8), 1e-8)
	require.Zero(t, lessLog1p(0))
}
