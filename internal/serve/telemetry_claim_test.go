package serve

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// TestClaimedRate holds a machine against what it computes now: one that was tuned down after a month still has the old rate in its
// average.
func TestClaimedRate(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		average, now, want float64
		source             string
	}{
		{98e12, 80e12, 80e12, "momentary rate"},
		{98e12, nan, 98e12, "GHS av"},
		{98e12, 0, 98e12, "GHS av"},
		{98e12, 98e9, 98e12, "GHS av"}, // in another unit
		{nan, 80e12, 80e12, "momentary rate"},
		{0, 80e12, 0, "GHS av"}, // one of the two is nonsense
	} {
		rate, source := claimedRate(&telemetry.Reading{Rate: c.average, RateNow: c.now, RateField: "GHS av"})
		require.Equal(t, c.want, rate)
		require.Equal(t, c.source, source)
	}
	boards := []float64{40e12, 40e12}
	likeWhole(boards, &telemetry.Reading{Rate: 98e12, RateNow: 80e12}, 80e12)
	require.Equal(t, []float64{40e12, 40e12}, boards, "of the moment already")
}
