package bench

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

func TestCalibrate(t *testing.T) {
	kernels := hash.Kernels()
	for _, midstates := range []int{1, 5, 16} {
		rates, err := Calibrate(t.Context(), kernels, midstates, 0)
		require.NoError(t, err)
		var measured []hash.Kernel
		for i, r := range rates {
			measured = append(measured, r.Kernel)
			require.Positive(t, r.Hashes)
			if i > 0 {
				require.LessOrEqual(t, r.Hashes, rates[i-1].Hashes)
			}
		}
		require.ElementsMatch(t, kernels, measured)
	}
	rates, err := Calibrate(t.Context(), []hash.Kernel{hash.Auto}, 1, 0)
	require.NoError(t, err)
	require.Equal(t, hash.Auto.Resolve(), rates[0].Kernel)
}

func TestCalibrateRefuses(t *testing.T) {
	generic := []hash.Kernel{hash.Generic}
	_, err := Calibrate(t.Context(), nil, 1, 0)
	require.EqualError(t, err, "no kernel to measure")
	_, err = Calibrate(t.Context(), generic, 0, 0)
	require.EqualError(t, err, "0 midstates: give 1 to 16")
	_, err = Calibrate(t.Context(), generic, 17, 0)
	require.EqualError(t, err, "17 midstates: give 1 to 16")
	_, err = Calibrate(t.Context(), []hash.Kernel{hash.Kernel(250)}, 1, 0)
	require.ErrorContains(t, err, "kernel(250) does not run on this machine")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Calibrate(ctx, generic, 1, time.Hour)
	require.ErrorIs(t, err, context.Canceled)
}

// fakeTime is a clock that only the workloads on it move.
type fakeTime struct{ now time.Duration }

func (f *fakeTime) clock() time.Duration { return f.now }

// workload takes a nanosecond a time divided by speed, and now and then, when slow says so, ten times as long. It does its
// work in steps of so many.
func (f *fakeTime) workload(speed float64, step int, slow func() bool) workload {
	return func(atLeast int) (done int) {
		done = (atLeast + step - 1) / step * step
		each := 1 / speed
		if slow != nil && slow() {
			each *= 10
		}
		f.now += time.Duration(float64(done) * each)
		return done
	}
}

// Whatever disturbs every third window of one of them does not change which is the fastest, nor the rate found.
func TestAlternate(t *testing.T) {
	var f fakeTime
	n := 0
	third := func() bool { n++; return n%3 == 0 }
	subjects := []subject{{run: f.workload(0.5, 1, nil)}, {run: f.workload(2, 4096, third)}, {run: f.workload(1, 64, nil)}}
	rates, err := alternate(t.Context(), f.clock, subjects, time.Millisecond, time.Second)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{0.5e9, 2e9, 1e9}, rates, 1e6)
	require.InDelta(t, float64(time.Second), float64(f.now), float64(20*time.Millisecond))
}

// A clock that stands still, as a coarse one does in a short window, is no reason to divide by zero.
func TestWindowWithoutTime(t *testing.T) {
	s := subject{run: func(n int) int { return min(n, 1000) }}
	require.InDelta(t, 1e12, s.window(func() time.Duration { return 0 }, time.Millisecond), 1)
}

func TestWindowLearns(t *testing.T) {
	var f fakeTime
	s := subject{run: f.workload(0.001, 1, nil)} // a microsecond each
	require.InDelta(t, 1e6, s.window(f.clock, 4*time.Millisecond), 1)
	f.now = 0
	s.window(f.clock, 4*time.Millisecond)
	require.InDelta(t, float64(4*time.Millisecond), float64(f.now), float64(2*time.Microsecond))
}

func TestQuantile(t *testing.T) {
	require.Equal(t, 3.0, median([]float64{5, 1, 3}))
	require.Equal(t, 2.0, median([]float64{3, 1}))
	require.Equal(t, 7.0, median([]float64{7}))
	sorted := []float64{0, 10, 20, 30, 40}
	require.Equal(t, 0.0, quantile(sorted, 0))
	require.Equal(t, 15.0, quantile(sorted, 0.375))
	require.Equal(t, 40.0, quantile(sorted, 1))
}
