package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHashRateFlag(t *testing.T) {
	for text, want := range map[string]float64{
		"1H/s": 1, "500kH/s": 5e5, "500 KH/s": 5e5, "1.5MH": 1.5e6, "2gh/s": 2e9, "100TH/s": 1e14, " 1.2 PH/s ": 1.2e15, "3EH/s": 3e18, "1e3TH": 1e15,
	} {
		var f hashRateFlag
		require.NoError(t, f.Set(text), text)
		require.InEpsilon(t, want, float64(f), 1e-12, text)
		var again hashRateFlag
		require.NoError(t, again.Set(f.String()), f.String())
		require.InEpsilon(t, want, float64(again), 0.005)
	}
	for _, text := range []string{"", "100", "TH/s", "0TH/s", "-1TH/s", "NaNTH/s", "InfTH/s", "1QH/s", "1e400H/s", "100 T", "1 TH/m"} {
		var f hashRateFlag
		require.Error(t, f.Set(text), text)
	}
}
