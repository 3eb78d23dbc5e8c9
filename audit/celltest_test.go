package audit

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nonceFrom makes nonces of a machine: core and chip drawn by weights, the rest at random.
func nonceFrom(rng *rand.Rand, l *Layout, core, chip func() int) uint32 {
	n := rng.Uint32()
	switch l.core {
	case fieldLast:
		n = n&^0xfe | uint32(core())<<1
		if chip != nil {
			c := uint32(chip())
			n = n&^(1|0xfc00) | c>>6 | c&63<<10
		}
	case fieldFirstLow:
		n = n&^(0x7f<<24) | uint32(core())<<24
		if chip != nil {
			n = n&^0xfc | uint32(chip())<<2
		}
	}
	return n
}

func feed(t *cellTest, nonce uint32) {
	t.arrive(&arrival{at: time.Unix(int64(t.N), 0), share: &Share{Nonce: nonce}})
}

var cellPlan = &Plan{Alpha: 1e-3, CellWeakness: .2}

func TestDeadCellShares(t *testing.T) {
	for _, c := range []struct{ cells, shares int }{{80, 1447}, {114, 2106}, {128, 2381}, {342, 6711}} {
		require.Equal(t, float64(c.shares), DeadCellShares(c.cells, 1e-6), c.cells)
	}
	for _, bad := range []float64{DeadCellShares(1, .1), DeadCellShares(5, 0), DeadCellShares(5, math.NaN()), DeadCellShares(-1, .1)} {
		require.True(t, math.IsNaN(bad))
	}
}

// Each of 114 cells gives as many; the bets on all of them, with the whole stake.
func betsOn114(counts []float64, n, p float64) float64 {
	terms := make([]float64, len(counts))
	for k, seen := range counts {
		terms[k] = allBets(func(x float64) float64 { return knownBet(x, p, seen, n) })
	}
	return logSumExp(terms) - math.Log(float64(len(counts)))
}

// sharesToTell is the median of the shares it takes until alpha = 1e-6 is reached: by the bets on all cells, and by those on the one that
// is weak, if somebody knew which.
func sharesToTell(runs int, weakness, tolerance float64) (all, one float64) {
	var alls, ones []float64
	p := (1 - tolerance) / 114
	for run := range runs {
		rng := rand.New(rand.NewPCG(114, uint64(run)))
		counts, n := make([]float64, 114), 0.
		for {
			for range 25 {
				k := rng.IntN(114)
				for k == 7 && rng.Float64() < weakness {
					k = rng.IntN(114)
				}
				counts[k]++
				n++
			}
			if len(ones) == run && allBets(func(x float64) float64 { return knownBet(x, p, counts[7], n) }) >= math.Log(1e6) {
				ones = append(ones, n)
			}
			if betsOn114(counts, n, p) >= math.Log(1e6) {
				break
			}
		}
		alls = append(alls, n)
	}
	slices.Sort(alls)
	slices.Sort(ones)
	return alls[len(alls)/2], ones[len(ones)/2]
}

func TestCellDetection(t *testing.T) {
	all, _ := sharesToTell(9, 1, 0)
	require.InEpsilon(t, 2250, all, .03)
	all, _ = sharesToTell(9, 1, .2)
	require.InEpsilon(t, 2815, all, .03)
	all, one := sharesToTell(41, .5, 0)
	require.InEpsilon(t, 12300, one, .2)
	require.InEpsilon(t, 15000, all, .1) // ln 114 more to win, where nobody knows which cell it is
}

func benchmarkNonces(n int) []uint32 {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]uint32, n)
	for i := range out {
		out[i] = rng.Uint32()
	}
	return out
}

func BenchmarkCellArrive(b *testing.B) {
	for _, model := range []string{"", "BM1370", "Antminer S19j Pro"} {
		b.Run("model="+model, func(b *testing.B) {
			nonces := benchmarkNonces(1 << 12)
			test := &cellTest{}
			test.model(model, cellPlan)
			s := &Share{}
			a := &arrival{share: s}
			for i := range b.N {
				s.Nonce = nonces[i&4095]
				test.arrive(a)
			}
		})
	}
}

func BenchmarkCellEValue(b *testing.B) {
	for _, model := range []string{"", "BM1370", "Antminer S19j Pro"} {
		b.Run("model="+model, func(b *testing.B) {
			test := &cellTest{}
			test.model(model, cellPlan)
			for _, n := range benchmarkNonces(1 << 14) {
				feed(test, n)
			}
			b.ResetTimer()
			for range b.N {
				test.at = 0
				test.logE()
			}
		})
	}
}
