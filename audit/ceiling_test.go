package audit

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCeilingTable(t *testing.T) {
	days := []float64{1, 7, 30, 365}
	for rate, want := range map[float64][]string{
		1.2e12: {"1.7e+06", "1.2e+07", "5.2e+07", "6.4e+08"},
		100e12: {"1.5e+08", "1.0e+09", "4.4e+09", "5.3e+10"},
		200e12: {"2.9e+08", "2.0e+09", "8.7e+09", "1.1e+11"},
		10e15:  {"1.5e+10", "1.0e+11", "4.4e+11", "5.3e+12"},
		1e18:   {"1.5e+12", "1.0e+13", "4.4e+13", "5.3e+14"},
	} {
		for i, d := range days {
			x, err := Ceiling(rate, d*86400, 1e-6)
			require.NoError(t, err)
			require.Equal(t, want[i], fmt.Sprintf("%.1e", x), "%g H/s, %g days", rate, d)
		}
	}
	for _, bad := range [][3]float64{{-1, 1, 0.1}, {1, math.NaN(), 0.1}, {math.Inf(1), 1, 0.1}, {1e300, 1e300, 0.1}, {0, math.Inf(1), 0.1},
		{1, 1, 0}, {1, 1, 1}, {1, 1, math.NaN()}} {
		_, err := Ceiling(bad[0], bad[1], bad[2])
		require.Error(t, err, bad)
	}
	_, err := CeilingOf(math.Inf(1), 0.1)
	require.Error(t, err)
}

func TestBlockTable(t *testing.T) {
	const network, year, day, hour = 1.5e14, 365 * 86400, 86400, 3600
	for _, row := range []struct {
		rate, perDay float64
		times        [3]float64 // at 1e-2, 1e-3, 1e-6
	}{
		{200e12, 2.7e-5, [3]float64{471 * year, 705 * year, 1411 * year}},
		{10e15, 1.3e-3, [3]float64{9.4 * year, 14 * year, 28 * year}},
		{1e18, 0.134, [3]float64{34 * day, 51 * day, 103 * day}},
		{10e18, 1.34, [3]float64{3.4 * day, 5.2 * day, 10 * day}},
		{100e18, 13.4, [3]float64{8 * hour, 12 * hour, 25 * hour}},
	} {
		n, err := BlocksPerDay(row.rate, network)
		require.NoError(t, err)
		require.InEpsilon(t, row.perDay, n, 0.035)
		for i, alpha := range []float64{1e-2, 1e-3, 1e-6} {
			s, err := BlockTime(row.rate, network, alpha)
			require.NoError(t, err)
			require.InEpsilon(t, row.times[i], s, 0.035, "%g H/s at %g", row.rate, alpha)
			// What the words say is what is computed.
			require.InEpsilon(t, -math.Log(alpha), n*s/86400, 1e-12)
		}
	}
	s, err := BlockTime(200e12, network, 1e-3)
	require.NoError(t, err)
	require.Equal(t, "705 years", spanWords(s))
	s, err = BlockTime(0, network, 1e-3)
	require.NoError(t, err)
	require.True(t, math.IsInf(s, 1))
	for _, bad := range [][3]float64{{-1, 1, 0.1}, {1, 0, 0.1}, {math.NaN(), 1, 0.1}, {1, math.NaN(), 0.1}, {1, 1, 1}} {
		_, err := BlockTime(bad[0], bad[1], bad[2])
		require.Error(t, err, bad)
	}
}

func TestExceedanceTable(t *testing.T) {
	for _, row := range []struct{ ratio, fraction, want, ks float64 }{
		{10, 1, 131, 730}, {100, 1, 1370, 73_000}, {1e4, 1, 1.4e5, 7e8}, {1e6, 1, 1.4e7, 7e12}, {100, 0.5, 9000, 3e5}, {1e4, 0.5, 9e5, 3e9},
	} {
		n, err := ExceedanceShares(row.ratio, row.fraction, 1e-6)
		require.NoError(t, err)
		require.InEpsilon(t, row.want, n, 0.014, "%v", row)
		// Kolmogorov and Smirnov's test sees the distance (1-p)pq/(1-pq) for partial, p for complete withholding: asymptotically at
		// ln(2/alpha)/2 over its square.
		p := 1 / row.ratio
		distance := (1 - p) * p * row.fraction / (1 - p*row.fraction)
		require.InEpsilon(t, row.ks, math.Log(2e6)/2/(distance*distance), 0.04, "%v", row)
	}
	for _, bad := range [][3]float64{{1, 1, 0.1}, {10, 0, 0.1}, {10, 1.1, 0.1}, {math.NaN(), 1, 0.1}, {10, math.NaN(), 0.1}, {10, 1, 0}} {
		_, err := ExceedanceShares(bad[0], bad[1], bad[2])
		require.Error(t, err, bad)
	}
}
