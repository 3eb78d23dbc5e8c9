package audit

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEBH(t *testing.T) {
	logs := func(e ...float64) []float64 {
		for i := range e {
			e[i] = math.Log(e[i])
		}
		return e
	}
	for _, c := range []struct {
		logE      []float64
		alpha     float64
		want      []bool
		threshold float64
	}{
		{nil, 0.1, []bool{}, math.Log(10)},
		{logs(9), 0.1, []bool{false}, math.Log(10)},
		{logs(11), 0.1, []bool{true}, math.Log(10)},
		// Four hypotheses at 0.1: one needs 40, two need 20 each, three 13.3, four 10.
		{logs(39, 1, 1, 1), 0.1, []bool{false, false, false, false}, math.Log(40)},
		{logs(1, 41, 1, 1), 0.1, []bool{false, true, false, false}, math.Log(40)},
		{logs(21, 1, 39, 1), 0.1, []bool{true, false, true, false}, math.Log(20)},
		{logs(11, 12, 11, 39), 0.1, []bool{true, true, true, true}, math.Log(10)},
		{[]float64{math.Inf(1), math.NaN(), math.Inf(-1), 0}, 0.1, []bool{true, false, false, false}, math.Log(40)},
	} {
		got, threshold, err := EBH(c.logE, c.alpha)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%v", c.logE)
		require.InDelta(t, c.threshold, threshold, 1e-12)
	}
	for _, alpha := range []float64{0, -1, 1, math.NaN(), 1e-16} {
		_, _, err := EBH(logs(1), alpha)
		require.Error(t, err)
	}
}

// The share of honest ones among those named is alpha at most, however many are not honest.
func TestEBHFalseDiscoveryRate(t *testing.T) {
	const alpha, k, runs = 0.1, 50, 4000
	r := rand.New(rand.NewPCG(1, 2))
	for _, dishonest := range []int{0, 5, 25} {
		sum, found := 0., 0
		for range runs {
			logE := make([]float64, k)
			for i := range logE {
				// The likelihood ratio of N(3, 1) against N(0, 1): its mean under the latter is 1.
				z := r.NormFloat64()
				if i < dishonest {
					z += 3
				}
				logE[i] = 3*z - 4.5
			}
			rejected, _, err := EBH(logE, alpha)
			require.NoError(t, err)
			wrong, all := 0, 0
			for i, yes := range rejected {
				if yes {
					all++
					if i >= dishonest {
						wrong++
					}
				}
			}
			found += all - wrong
			sum += float64(wrong) / float64(max(1, all))
		}
		require.LessOrEqual(t, sum/runs, alpha)
		if dishonest > 0 {
			require.Greater(t, float64(found)/float64(runs*dishonest), 0.2)
		}
	}
}
