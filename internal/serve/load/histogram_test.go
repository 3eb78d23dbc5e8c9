package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBuckets(t *testing.T) {
	end := uint64(0)
	for i := range numBuckets {
		require.Equal(t, i, bucketOf(end), "each bucket begins where the one before ends")
		require.Equal(t, i, bucketOf(bucketEnd(i)-1))
		require.LessOrEqual(t, float64(bucketEnd(i)-end), max(1, float64(end)/32), "none is wide")
		end = bucketEnd(i)
	}
	require.EqualValues(t, int64(1)<<maxBits, end)
	require.Equal(t, numBuckets-1, bucketOf(math.MaxUint64))
}

// Quantiles are those of a sorted list.
func TestLatency(t *testing.T) {
	var h histogram
	require.Equal(t, Latency{}, h.latency())
	rng := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(rng.ExpFloat64() * float64(time.Millisecond))
		h.add(d)
		all = append(all, d)
	}
	h.add(-time.Second) // a clock that was set back
	all = append(all, 0)
	slices.Sort(all)
	l := h.latency()
	require.EqualValues(t, len(all), l.Count)
	require.Equal(t, milliseconds(all[len(all)-1]), l.Max)
	for part, got := range map[float64]float64{0.5: l.P50, 0.9: l.P90, 0.99: l.P99, 0.999: l.P999} {
		want := milliseconds(all[int(math.Ceil(part*float64(len(all))))-1])
		require.GreaterOrEqual(t, got, want)
		require.LessOrEqual(t, got, want*33/32+0.001)
	}
	sum := uint64(0)
	for _, b := range l.Histogram {
		sum += b.Count
	}
	require.Equal(t, l.Count, sum)
}
