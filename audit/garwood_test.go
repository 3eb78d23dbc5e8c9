package audit

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGarwood has intervals of other programs' making, to the digits that tables print.
func TestGarwood(t *testing.T) {
	for _, v := range []struct {
		n         uint64
		low, high float64
	}{
		{0, 0, 3.6889},
		{1, 0.0253, 5.5716},
		{10, 4.7954, 18.3904},
		{100, 81.3640, 121.6268},
		{1000, 938.9730, 1063.9521},
	} {
		low, high, err := Garwood(v.n, 0.05)
		require.NoError(t, err)
		require.InDelta(t, v.low, low, 0.00005, "n %d", v.n)
		require.InDelta(t, v.high, high, 0.00005, "n %d", v.n)
	}
}

// TestGarwoodRelative has the ends in parts of the count.
func TestGarwoodRelative(t *testing.T) {
	alphas := []float64{0.05, 1e-3, 1e-6}
	for _, v := range []struct {
		n         uint64
		digits    float64
		intervals [3][2]float64
	}{
		{10, 0.01, [3][2]float64{{0.48, 1.84}, {0.27, 2.53}, {0.12, 3.54}}},
		{100, 0.001, [3][2]float64{{0.814, 1.216}, {0.703, 1.374}, {0.585, 1.580}}},
		{385, 0.001, [3][2]float64{{0.903, 1.105}, {0.841, 1.179}, {0.770, 1.272}}},
		{1000, 0.001, [3][2]float64{{0.939, 1.064}, {0.899, 1.108}, {0.853, 1.163}}},
		{10_000, 0.001, [3][2]float64{{0.980, 1.020}, {0.967, 1.033}, {0.952, 1.050}}},
		{38_416, 0.001, [3][2]float64{{0.990, 1.010}, {0.983, 1.017}, {0.975, 1.025}}},
		{153_664, 0.001, [3][2]float64{{0.995, 1.005}, {0.992, 1.008}, {0.988, 1.013}}},
		{1_000_000, 0.001, [3][2]float64{{0.998, 1.002}, {0.997, 1.003}, {0.995, 1.005}}},
	} {
		for i, alpha := range alphas {
			low, high, err := Garwood(v.n, alpha)
			require.NoError(t, err)
			require.InDelta(t, v.intervals[i][0], low/float64(v.n), v.digits/2*1.0001, "n %d, alpha %v", v.n, alpha)
			require.InDelta(t, v.intervals[i][1], high/float64(v.n), v.digits/2*1.0001, "n %d, alpha %v", v.n, alpha)
		}
	}
	for i, high := range []float64{3.69, 7.60, 14.5} {
		_, got, err := Garwood(0, alphas[i])
		require.NoError(t, err)
		require.InEpsilon(t, -math.Log(alphas[i]/2), got, 1e-14)
		require.InDelta(t, high, got, 0.05)
	}
}

// TestGarwoodCoverage adds up, for means below and above each end where the coverage jumps, the probability of the counts
// whose interval holds the mean. It is never less than promised, and neither end is missed by more than half of the rest.
func TestGarwoodCoverage(t *testing.T) {
	const largest = 200
	for _, alpha := range []float64{0.5, 0.05, 1e-3} {
		var low, high [largest]float64
		var means []float64
		for n := range uint64(largest) {
			var err error
			low[n], high[n], err = Garwood(n, alpha)
			require.NoError(t, err)
			for _, end := range []float64{low[n], high[n]} {
				if 0 < end && end < 60 { // counts of 200 and more then have less than 1e-45
					means = append(means, end*(1-1e-9), end*(1+1e-9))
				}
			}
		}
		require.NotEmpty(t, means)
		least := 1.
		for _, mean := range means {
			var tooLow, tooHigh float64
			term := math.Exp(-mean)
			for n := range largest {
				switch {
				case mean < low[n]:
					tooHigh += term
				case mean > high[n]:
					tooLow += term
				}
				term *= mean / float64(n+1)
			}
			require.LessOrEqual(t, tooLow, alpha/2*(1+1e-6), "alpha %v, mean %v", alpha, mean)
			require.LessOrEqual(t, tooHigh, alpha/2*(1+1e-6), "alpha %v, mean %v", alpha, mean)
			least = min(least, 1-tooLow-tooHigh)
		}
		require.Less(t, least, 1-alpha/2, "an interval that is never near its promise is too wide")
	}
}

func TestAtLeast(t *testing.T) {
	for _, n := range []uint64{1, 10, 1000, 1_000_000} {
		for _, alpha := range []float64{0.9, 0.05, 1e-6} {
			bound, err := AtLeast(n, alpha)
			require.NoError(t, err)
			_, atLeast := poissonTails(n, bound)
			require.InEpsilon(t, alpha, atLeast, 1e-11, "n %d, alpha %v", n, alpha)
		}
		one, err := AtLeast(n, 0.025)
		require.NoError(t, err)
		low, _, err := Garwood(n, 0.05)
		require.NoError(t, err)
		require.Equal(t, low, one)
	}
	bound, err := AtLeast(0, 0.05)
	require.NoError(t, err)
	require.Zero(t, bound)
}

// TestGarwoodExtremes has what nobody asks for and must all the same come out in order.
func TestGarwoodExtremes(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 99_999, 100_000, 1 << 53, 1<<63 + 1, math.MaxUint64} {
		var lastLow, lastHigh float64
		for i, alpha := range []float64{minAlpha, 1e-12, 1e-6, 0.05, 0.5, 0.999999, math.Nextafter(1, 0)} {
			low, high, err := Garwood(n, alpha)
			require.NoError(t, err)
			require.LessOrEqual(t, low, float64(n), "n %d, alpha %v", n, alpha)
			require.GreaterOrEqual(t, low, lastLow, "n %d, alpha %v", n, alpha)
			require.GreaterOrEqual(t, high, float64(n), "n %d, alpha %v", n, alpha)
			if i > 0 {
				require.LessOrEqual(t, high, lastHigh, "n %d, alpha %v", n, alpha)
			}
			lastLow, lastHigh = low, high
			bound, err := AtLeast(n, alpha)
			require.NoError(t, err)
			require.False(t, math.IsNaN(bound) || math.IsInf(bound, 0), "n %d, alpha %v", n, alpha)
			require.GreaterOrEqual(t, bound, low, "n %d, alpha %v", n, alpha)
		}
	}
}

func TestGarwoodAlpha(t *testing.T) {
	for _, alpha := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -0.05, 0, 1e-16, 1, 1.5} {
		for _, n := range []uint64{0, 10} {
			_, _, err := Garwood(n, alpha)
			require.ErrorContains(t, err, "want at least 1e-15 and less than 1", "alpha %v", alpha)
			_, err = AtLeast(n, alpha)
			require.ErrorContains(t, err, "want at least 1e-15 and less than 1", "alpha %v", alpha)
		}
	}
}
