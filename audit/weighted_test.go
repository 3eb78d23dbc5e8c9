package audit

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// With equal weights it is Garwood's interval.
func TestWeightedEqual(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 10, 1000, 1e6, 1e12} {
		low, high, err := Garwood(n, 0.05)
		require.NoError(t, err)
		for _, w := range []float64{1, 1e-9, 4294967296.5} {
			gotLow, gotHigh, err := Weighted(w*float64(n), w*w*float64(n), w, 0.05)
			require.NoError(t, err)
			require.InDelta(t, w*low, gotLow, 1e-11*w*low)
			require.InEpsilon(t, w*high, gotHigh, 1e-11)
		}
	}
}

// It holds what it promises where weights differ: the truth lies outside in a twentieth of cases at most.
func TestWeightedCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	poisson := func(mean float64) (n float64) {
		for limit, p := math.Exp(-mean), r.Float64(); p > limit; p *= r.Float64() {
			n++
		}
		return n
	}
	for _, of := range [][][2]float64{{{1, 10}, {7, 3}}, {{1, 0.2}, {2, 0.1}}, {{1, 40}, {100, 1}, {3, 5}}} { // weight, mean
		truth, largest := 0.0, 0.0
		for _, wm := range of {
			truth += wm[0] * wm[1]
			largest = max(largest, wm[0])
		}
		const runs = 4000
		missed := 0
		for range runs {
			sum, squares := 0.0, 0.0
			for _, wm := range of {
				n := poisson(wm[1])
				sum += wm[0] * n
				squares += wm[0] * wm[0] * n
			}
			low, high, err := Weighted(sum, squares, largest, 0.05)
			require.NoError(t, err)
			if truth < low || truth > high {
				missed++
			}
		}
		require.LessOrEqual(t, missed, runs/20+3*14, "three standard deviations above a twentieth")
	}
}

func TestWeightedRefuses(t *testing.T) {
	for _, c := range [][4]float64{
		{-1, 1, 1, 0.05}, {1, -1, 1, 0.05}, {1, 1, 0, 0.05}, {1, 0, 1, 0.05}, {0, 1, 1, 0.05}, {1, 1, 1, 0}, {1, 1, 1, 1},
		{math.NaN(), 1, 1, 0.05}, {1, 1, math.NaN(), 0.05},
	} {
		_, _, err := Weighted(c[0], c[1], c[2], c[3])
		require.Error(t, err, "%v", c)
	}
}
