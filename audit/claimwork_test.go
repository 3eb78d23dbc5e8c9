package audit

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// said returns a reading of a machine that says these things.
func said(rate, elapsed, accepted, work, best, highest, utility float64) *telemetry.Reading {
	r := telemetry.Parse(nil)
	r.Dialect, r.RateField = telemetry.DialectCgminer, "GHS av"
	r.Rate, r.Uptime, r.RateWindow, r.Accepted = rate, elapsed, elapsed, accepted
	r.DifficultyAccepted, r.Best, r.MaxDifficulty, r.Utility = work, best, highest, utility
	return r
}

// luxWork is what 52.644 TH/s are in 3,453 s, with 2^32 hashes for a share of difficulty 1.
const luxWork = 52.644e12 * 3453 / (1 << 32)

// claimWorkCases are machines that were seen, and what their numbers come to. The values were worked out apart from this code (those
// of N, proven, ratio, z, the interval, p; U). Sources: asic-rs (Apache-2.0), issues of MultiMiner, cryptoGlance and minera, machine
// output; of LuxOS only the figures are known, not the replies.
var claimWorkCases = []struct {
	name                           string
	r                              *telemetry.Reading
	n, effective                   float64
	proven, ratio, z, low, high, p string
	u                              string
}{
	{"S9 2016", said(7900.81e9, 49530, 4988, 91765760, 31539419, math.NaN(), 6.04), 4988, 2800, "7.957", "1.007", "+0.5", "", "", "", "0.054"},
	{"S3", said(381450.21e6, 18955, 187, 1531904, 2656081, 8192, 0.59), 187, 187, "0.347", "0.910", "-1.2", "", "", "", "0.562"},
	{"S19 Pro", said(111834.85e9, 50474, 4057, 1305083904, 12904207043, 524288, 4.82), 4057, 2489, "111.053", "0.993", "-0.4", "107.7", "114.5", "0.33", "0.904"},
	{"Whatsminer 68T", said(67753251.19e6, 10154, 2338, 158334976, 41127493, 65536, 13.82), 2338, 1208, "66.973", "0.988", "-0.6", "64.3", "69.7", "0.29", "0.021"},
	{"Avalon Q", said(44539601.86e6, 37714, 890, 368550176, 354914572, 524288, 1.42), 890, 703, "41.971", "0.942", "-1.7", "39.3", "44.8", "0.039", "0.354"},
	{"LuxOS S19", said(56.918e12, 3453, 1483, luxWork, math.NaN(), luxWork/1292, 60*1483/3418.), 1483, 1292, "52.644", "0.925", "-2.9", "50.0", "55.4", "0.0012", ""},
}

// TestClaimAgainstWork reproduces the table of machines that were seen.
func TestClaimAgainstWork(t *testing.T) {
	var all []*ClaimWork
	for _, k := range claimWorkCases {
		c, err := ClaimAgainstWork(k.name, k.r, 0.05, 0.01)
		require.NoError(t, err)
		all = append(all, c)
		require.Equal(t, k.n, *c.Shares, k.name)
		require.Equal(t, k.effective, math.Round(*c.Effective), k.name)
		text := func(format string, v *float64) string {
			if v == nil {
				return ""
			}
			return fmt.Sprintf(format, *v)
		}
		tera := func(v *float64) *float64 { return known(*v / 1e12) }
		// The table took 2^32 hashes for a share of difficulty 1, a 65,536th less than it is.
		table := *c.Proven / HashesPerDifficulty * (1 << 32)
		require.Equal(t, k.proven, text("%.3f", tera(&table)), k.name)
		require.Equal(t, k.ratio, text("%.3f", c.Ratio), k.name)
		require.Equal(t, k.z, text("%+.1f", c.Z), k.name)
		require.Equal(t, k.u, text("%.3f", c.Record), k.name)
		if k.p != "" {
			require.Equal(t, k.low, text("%.1f", tera(c.Low)), k.name)
			require.Equal(t, k.high, text("%.1f", tera(c.High)), k.name)
			require.Equal(t, k.p, text("%.2g", c.P), k.name)
		}
		require.False(t, c.Disagree)
		_, err = json.Marshal(c)
		require.NoError(t, err)
	}
	// With a seventh machine, Avalon 1566 (p .22), LuxOS has .0086 after the correction; and with effective shares, the clock that its
	// counters imply and one percent of tolerance it is no outlier.
	all = append(all, &ClaimWork{P: known(0.22), Careful: known(0.5)})
	require.Equal(t, 7, HolmClaimWork(all))
	lux := all[5]
	require.InDelta(t, 0.0086, *lux.Holm, 0.0003)
	require.InDelta(t, 3418, *lux.Clock, 1)
	require.InDelta(t, 0.019, *lux.Careful, 0.001)
	require.InDelta(t, 0.13, *lux.CarefulHolm, 0.005)
	require.True(t, all[0].Assumed && all[3].Assumed && !all[5].Assumed)
}

// TestClaimWorkHolm holds the correction against one done by hand.
func TestClaimWorkHolm(t *testing.T) {
	all := []*ClaimWork{{P: known(0.04)}, {}, {P: known(0.01)}, {P: known(0.03)}, {P: known(0.9)}}
	require.Equal(t, 4, HolmClaimWork(all))
	for i, want := range []float64{0.09, -1, 0.04, 0.09, 0.9} {
		if want < 0 {
			require.Nil(t, all[i].Holm)
			continue
		}
		require.InDelta(t, want, *all[i].Holm, 1e-12, i)
	}
	require.Zero(t, HolmClaimWork(nil))
}

// TestTicketBalance holds the balance against a machine that was seen (Avalon 1566: 149 of 10,199 at 1/64), sums of binomial
// probabilities, and one with varying difficulty.
func TestTicketBalance(t *testing.T) {
	b := NewTicketBalance(10199, 4096, 149, 149*64*4096, 64*4096)
	require.True(t, b.Exact)
	require.Equal(t, "-0.83", fmt.Sprintf("%.2f", b.Z))
	require.InDelta(t, 159.36, b.Expected, 0.01)
	require.InEpsilon(t, binomialSum(149, 10199, 1./64), b.P, 1e-9)
	b = NewTicketBalance(20, 1, 20, 40, 2)
	require.Equal(t, 1.0, b.P)
	b = NewTicketBalance(95676, 4096, 892, 369336608, 524288) // Avalon Q
	require.False(t, b.Exact)
	require.Equal(t, "-1.58", fmt.Sprintf("%.2f", b.Z))
	for _, bad := range [][5]float64{
		{0, 1, 1, 1, 2}, {10, 2, 1, 2, 2}, {10, 1, 11, 22, 2}, {math.NaN(), 1, 1, 2, 2}, {10, 1, 1, math.Inf(1), 2}, {10, 1, 1, 2, -1},
	} {
		require.Nil(t, NewTicketBalance(bad[0], bad[1], bad[2], bad[3], bad[4]), bad)
	}
}

// binomialSum adds up the probabilities of k or less of n.
func binomialSum(k, n int, p float64) (sum float64) {
	for i := 0; i <= k; i++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// TestPoissonAtMost adds up probabilities.
func TestPoissonAtMost(t *testing.T) {
	for _, k := range []struct{ n, mean float64 }{{0, 3}, {5, 2}, {100, 120}, {4057, 4085.5}, {99998, 100200}, {99999, 100200}, {300000, 299000}} {
		sum := 0.
		for i := 0.; i <= k.n; i++ {
			g, _ := math.Lgamma(i + 1)
			sum += math.Exp(i*math.Log(k.mean) - k.mean - g)
		}
		require.InEpsilon(t, sum, poissonAtMost(k.n, k.mean), 1e-7, k)
	}
	require.Zero(t, poissonAtMost(1e6, 2e6))
	require.Equal(t, 1.0, poissonAtMost(1e6, 5e5))
}

// TestClaimWorkDisagrees takes numbers that can't all be what they say, and machines that say too little.
func TestClaimWorkDisagrees(t *testing.T) {
	auradine := said(7970630.04e6, 56696, 3310, 829210624, math.NaN(), math.NaN(), 3.5035)
	c, err := ClaimAgainstWork("a", auradine, 0.05, 0)
	require.NoError(t, err)
	require.True(t, c.Disagree)
	require.InDelta(t, 7.88, *c.Ratio, 0.005)
	require.Nil(t, c.P)
	require.Contains(t, c.Notes[len(c.Notes)-1], "7.88 times the rate")

	silent := said(44539601.86e6, 37714, 890, 368550176, 354914572, 524288, 1.42)
	silent.LastShareAge = 6435
	c, err = ClaimAgainstWork("q", silent, 0.05, 0)
	require.NoError(t, err)
	require.InDelta(t, 183.1, *c.Missed, 0.05)
	require.Contains(t, c.Notes[0], "183 shares were to be expected")

	c, err = ClaimAgainstWork("nothing", telemetry.Parse(nil), 0.05, 0)
	require.NoError(t, err)
	require.Nil(t, c.Proven)
	require.Len(t, c.Notes, 2)
	hour := said(1e12, 7200, 100, 1e6, 1e5, 1e4, 0.83)
	hour.RateField, hour.RateWindow = "hashRate_1h", 3600
	c, err = ClaimAgainstWork("axeos", hour, 0.05, 0)
	require.NoError(t, err)
	require.Nil(t, c.Ratio)

	for _, v := range []float64{0, -1, math.NaN(), math.Inf(1), 1e300, 5e-324, 0.5} {
		odd := said(v, v, v, v, v, v, v)
		odd.LastShareAge, odd.Tickets, odd.TicketDifficulty = v, v, v
		c, err := ClaimAgainstWork("odd", odd, 0.05, 0)
		require.NoError(t, err)
		_, err = json.Marshal(c)
		require.NoError(t, err, v)
	}
	_, err = ClaimAgainstWork("", telemetry.Parse(nil), 0, 0)
	require.Error(t, err)
	_, err = ClaimAgainstWork("", telemetry.Parse(nil), 0.5, 1)
	require.Error(t, err)
}
