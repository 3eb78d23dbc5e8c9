package work

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTimeLimits(t *testing.T) {
	const now = 1_700_000_000
	low, high := TimeLimits(now, now-3600, 0)
	require.Equal(t, []uint32{now - 3600, now + 7200}, []uint32{low, high})
	_, high = TimeLimits(now, now-3600, now+100)
	require.Equal(t, uint32(now+100), high)
	_, high = TimeLimits(now, now-3600, now+10000)
	require.Equal(t, uint32(now+7200), high)
	_, high = TimeLimits(math.MaxUint32-10, 0, 0)
	require.Equal(t, uint32(math.MaxUint32), high, "no wrap in the last hours of 32-bit time")

	for time, want := range map[uint32]bool{now - 3601: false, now - 3600: true, now: true, now + 7200: true, now + 7201: false} {
		require.Equal(t, want, TimeAllowed(time, now, now-3600, 0), "%d", time)
	}
	require.False(t, TimeAllowed(now+8000, now, now+8000, 0), "a template from the future allows no time yet")
}

func TestClampTime(t *testing.T) {
	for _, c := range []struct{ now, min, max, want uint32 }{
		{100, 50, 0, 100},
		{100, 150, 0, 150},
		{100, 50, 80, 80},
		{100, 50, 100, 100},
		{100, 120, 110, 120},
		{0, 0, 0, 0},
		{math.MaxUint32, 0, 0, math.MaxUint32},
	} {
		require.Equal(t, c.want, ClampTime(c.now, c.min, c.max), "%+v", c)
	}
}
