package audit

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRate(t *testing.T) {
	r := Rate{Shares: 100, Exposure: 1e-12}
	require.Equal(t, 1e14, r.Estimate())
	low, high, err := r.Interval(0.05)
	require.NoError(t, err)
	require.InDelta(t, 81.3640e12, low, 1e8)
	require.InDelta(t, 121.6268e12, high, 1e8)
	proven, err := r.AtLeast(0.025)
	require.NoError(t, err)
	require.Equal(t, low, proven)

	none := Rate{Exposure: 2}
	require.Zero(t, none.Estimate())
	low, high, err = none.Interval(0.05)
	require.NoError(t, err)
	require.Zero(t, low)
	require.InEpsilon(t, math.Log(40)/2, high, 1e-14)
	proven, err = none.AtLeast(0.05)
	require.NoError(t, err)
	require.Zero(t, proven)
}

// TestRateUnknown has what no rate follows from.
func TestRateUnknown(t *testing.T) {
	for _, r := range []Rate{{}, {Shares: 5}} {
		require.True(t, math.IsNaN(r.Estimate()))
		low, high, err := r.Interval(0.05)
		require.NoError(t, err)
		require.Zero(t, low)
		require.True(t, math.IsInf(high, 1))
		proven, err := r.AtLeast(0.05)
		require.NoError(t, err)
		require.Zero(t, proven)
		_, _, err = r.Interval(1)
		require.ErrorContains(t, err, "alpha 1")
		_, err = r.AtLeast(0)
		require.ErrorContains(t, err, "alpha 0")
	}
	for _, exposure := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		r := Rate{Shares: 5, Exposure: exposure}
		require.True(t, math.IsNaN(r.Estimate()))
		_, _, err := r.Interval(0.05)
		require.ErrorContains(t, err, "exposure")
		_, err = r.AtLeast(0.05)
		require.ErrorContains(t, err, "exposure")
	}
}

// TestRateSimulated lets machines of a known rate find shares under targets that change at set times, with pauses: the
// interval misses no more of them than it promises, and the estimates' mean is the rate.
func TestRateSimulated(t *testing.T) {
	const (
		hashRate = 1.2e12
		machines = 4000
		alpha    = 0.1
	)
	r := rand.New(rand.NewPCG(20261120, 2))
	plan := []struct {
		difficulty int64 // 0: pause
		seconds    int
	}{{1024, 40}, {4096, 60}, {0, 100}, {256, 10}, {16384, 300}}
	var tooLow, tooHigh, sum float64
	for range machines {
		var e Exposure
		now := start
		for _, p := range plan {
			end := now.Add(time.Duration(p.seconds) * time.Second)
			if p.difficulty == 0 {
				e.Pause(now)
				now = end
				continue
			}
			e.Set(now, difficulty(t, p.difficulty, 1))
			perSecond := hashRate / (float64(p.difficulty) * 4295032833)
			for at := r.ExpFloat64() / perSecond; at < float64(p.seconds); at += r.ExpFloat64() / perSecond {
				e.Advance(now.Add(time.Duration(at * 1e9)))
				e.Count(1)
			}
			now = end
		}
		e.Pause(now)
		rate := e.Rate()
		require.True(t, rate.Varied)
		low, high, err := rate.Interval(alpha)
		require.NoError(t, err)
		switch {
		case high < hashRate:
			tooLow++
		case low > hashRate:
			tooHigh++
		}
		sum += rate.Estimate()
	}
	// Each end may miss 200 of 4,000; four standard deviations of luck are 55.
	require.Less(t, tooLow, 255.)
	require.Less(t, tooHigh, 255.)
	require.Greater(t, tooLow+tooHigh, 200., "the interval is far too wide")
	require.InEpsilon(t, hashRate, sum/machines, 0.01)
}
