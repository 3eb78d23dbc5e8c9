package main

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCalibration is the calibration with few devices and short rows: nothing it prints is far from what it should be.
func TestCalibration(t *testing.T) {
	for _, h := range honestRows(2) {
		r, err := runHonest(h.what, h.device, h.plan, 10, 2, 1)
		require.NoError(t, err)
		require.LessOrEqual(t, r.evidence, 3, "%s: %v", h.what, r.tests) // of 10 at 5 %: more once in 1000 times, if all of it is used
		require.Zero(t, r.facts, "%s: %v", h.what, r.tests)
		require.Zero(t, r.surveillance, "%s: %v", h.what, r.tests)
		require.Greater(t, r.shares, uint64(10*1000))
	}
	for _, s := range sections() {
		var all []outcome
		for i := range s.rows {
			if r := &s.rows[i]; r.expected+r.after <= 2000 {
				o := r.run(5, 2, 1)
				require.Equal(t, 5, o.found+o.early, "%s, %s", s.title, o.what)
				if r.expected < 3000 && s.title != "Silent slices" {
					require.InDelta(t, 1, o.median/o.expected, 0.6, "%s, %s", s.title, o.what)
				}
				require.Equal(t, o, r.run(5, 1, 1), "however many threads")
				all = append(all, o)
			}
		}
		var b bytes.Buffer
		writeSection(&b, &s, all)
		require.Contains(t, b.String(), s.title)
	}
}

func TestClopperPearson(t *testing.T) {
	low, high := clopperPearson(0, 2000)
	require.Zero(t, low)
	require.InEpsilon(t, 1-math.Pow(0.025, 1./2000), high, 1e-9)
	low, high = clopperPearson(10, 100)
	require.InDelta(t, 0.0490, low, 1e-4)
	require.InDelta(t, 0.1762, high, 1e-4)
	_, high = clopperPearson(5, 5)
	require.Equal(t, 1.0, high)
}

func TestShares(t *testing.T) {
	require.Equal(t, "357", shares(357))
	require.Equal(t, "294000", shares(293_987))
	require.Equal(t, "never", shares(math.Inf(1)))
}
