package audit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Counters of one reply of real machines each: difficulty accepted, rejected and stale, and best share. They are facts, read from
// fixtures of pyasic, asic-rs and cgminer's users.
func TestRecordOfRealMachines(t *testing.T) {
	for name, row := range map[string]struct {
		accepted, rejected, best float64
		want                     string
	}{
		"Antminer S9":      {91765760, 147456, 31539419, "0.054"},
		"Antminer S3":      {1531904, 0, 2656081, "0.56"},
		"Antminer S19 Pro": {1305083904, 2490368, 12904207043, "0.90"},
		"Whatsminer":       {158334976, 0, 41127493, "0.021"},
		"Avalon Q":         {368550176, 786432, 354914572, "0.35"},
		"Sealminer":        {118444032, 131072, 33318911, "0.028"}, // 0.029 without the rejected
	} {
		u, err := Record(row.accepted+row.rejected, row.best)
		require.NoError(t, err)
		digits := len(row.want) - 2
		require.Equal(t, row.want, fmt.Sprintf("%.*f", digits, u), name)
	}
}

func TestRecordLimits(t *testing.T) {
	u, err := Record(0, 0)
	require.NoError(t, err)
	require.Equal(t, 1.0, u)
	u, err = Record(1e300, 1e-300)
	require.NoError(t, err)
	require.Zero(t, u)
	u, err = RecordOf(1000)
	require.NoError(t, err)
	require.Equal(t, 1.0, u)
	u, err = RecordOf(1000, Asked{500, 1}, Asked{250, 2})
	require.NoError(t, err)
	require.InEpsilon(t, 0.5*0.75*0.75, u, 1e-15)
	u, err = RecordOf(500, Asked{500, 1})
	require.NoError(t, err)
	require.Zero(t, u)
	_, err = RecordOf(499, Asked{500, 1})
	require.ErrorContains(t, err, "499")
	for _, bad := range [][2]float64{{-1, 1}, {1, 0}, {1, -1}, {math.NaN(), 1}, {1, math.NaN()}, {math.Inf(1), 1}, {1, math.Inf(1)}} {
		_, err := Record(bad[0], bad[1])
		require.Error(t, err, bad)
		_, err = RecordOf(bad[1], Asked{bad[0], 1})
		require.Error(t, err, bad)
	}
}

// Of honest sessions whose length was fixed U is uniform.
func TestRecordIsUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	const sessions, shares = 4000, 200
	var exact, nearly [10]int
	for range sessions {
		best, work := 0., 0.
		asked := []Asked{{1000, shares / 2}, {3000, shares / 2}}
		for _, a := range asked {
			for range a.Shares {
				best = max(best, a.Difficulty/(1-r.Float64()))
				work += a.Difficulty
			}
		}
		u, err := RecordOf(best, asked...)
		require.NoError(t, err)
		exact[min(int(u*10), 9)]++
		u, err = Record(work, best)
		require.NoError(t, err)
		nearly[min(int(u*10), 9)]++
	}
	chi := func(counts [10]int) (sum float64) {
		for _, n := range counts {
			sum += square(float64(n)-sessions/10) / (sessions / 10)
		}
		return sum
	}
	require.Less(t, chi(exact), 27.9) // 1 in 1,000 with 9 degrees of freedom
	require.Less(t, chi(nearly), 27.9)
}
