package work

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"
)

func TestDifficultyOfBits(t *testing.T) {
	for _, c := range []struct {
		bits Bits
		want float64
	}{
		{0x1d00ffff, 1},
		{0x1b0404cb, 16307.420938523983}, // the example of the Bitcoin wiki
		{0x1c3fffc0, 4},
		{0x207fffff, 4.656542373906925e-10},
		{0x1e0377ae, 0.001126515290698186}, // signet
		{0x170d5f7b, 21047730572451.555},   // mainnet 685440
	} {
		target, _, _ := c.bits.Target()
		require.InEpsilon(t, c.want, target.Difficulty(), 1e-15, c.bits.String())
	}
	require.True(t, math.IsInf(Target{}.Difficulty(), +1))
	require.True(t, math.IsInf(HashDifficulty(new(chainhash.Hash)), +1))
}

// TestDifficultyFloat holds the display to the exact fraction.
func TestDifficultyFloat(t *testing.T) {
	for _, x := range weirdTargets() {
		f, _ := new(big.Float).SetInt(x.Big()).Float64()
		require.Equal(t, f, x.float64(), x.String())
		if x.IsZero() {
			continue
		}
		want, _ := new(big.Rat).SetFrac(difficulty1.Big(), x.Big()).Float64()
		require.InDelta(t, want, x.Difficulty(), want*2.3e-16)
	}
}

func TestParseDifficulty(t *testing.T) {
	for s, want := range map[string]*big.Rat{
		"1":            big.NewRat(1, 1),
		"8192":         big.NewRat(8192, 1),
		"0.001":        big.NewRat(1, 1000),
		"1e-5":         big.NewRat(1, 100000),
		"1E+3":         big.NewRat(1000, 1),
		"2.50":         big.NewRat(5, 2),
		"1e0099":       new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(99), nil)),
		"0.1":          big.NewRat(1, 10), // which no float holds
		"512.00000000": big.NewRat(512, 1),
	} {
		d, err := ParseDifficulty(s)
		require.NoError(t, err, s)
		require.Zero(t, want.Cmp(d), s)
	}
	for _, s := range []string{
		"", "0", "0.0", "0e5", "-1", "+1", "NaN", "nan", "Inf", "-Inf", "inf", "Infinity", "1/3", "0x10", "0b1", "1_000",
		"1e", "1e+", "e5", ".5", "5.", "01", "1 ", " 1", "1,5", "1e100", "1e-100", "1e99999999999", "1e-99999999999",
		"1p5", "1\x00", "१",
	} {
		_, err := ParseDifficulty(s)
		require.ErrorContains(t, err, quote(s))
	}
	_, err := ParseDifficulty(strings.Repeat("9", 1<<20))
	require.Less(t, len(err.Error()), 200)
}

func TestDifficultyTarget(t *testing.T) {
	for _, c := range []struct{ difficulty, target string }{
		{"1", "00000000ffff0000000000000000000000000000000000000000000000000000"},
		{"2", "000000007fff8000000000000000000000000000000000000000000000000000"},
		{"0.5", "00000001fffe0000000000000000000000000000000000000000000000000000"},
		{"3", "0000000055550000000000000000000000000000000000000000000000000000"},
		{"7", "0000000024922492492492492492492492492492492492492492492492492492"},
		{"8192", "000000000007fff8000000000000000000000000000000000000000000000000"},
		{"0.001", "000003e7fc180000000000000000000000000000000000000000000000000000"},
		{"1e-9", "3b9a8e6536000000000000000000000000000000000000000000000000000000"},
		{"1e-10", strings.Repeat("f", 64)},
		{"1e-99", strings.Repeat("f", 64)},
	} {
		d, err := ParseDifficulty(c.difficulty)
		require.NoError(t, err)
		target, err := DifficultyTarget(d)
		require.NoError(t, err)
		require.Equal(t, c.target, target.String(), c.difficulty)
	}
	for _, d := range []*big.Rat{new(big.Rat), big.NewRat(-1, 2)} {
		_, err := DifficultyTarget(d)
		require.ErrorContains(t, err, "want more than 0")
	}
	// The highest difficulty is met by the hash 1 alone; above it nothing is.
	highest := new(big.Rat).SetInt(difficulty1.Big())
	target, err := DifficultyTarget(highest)
	require.NoError(t, err)
	require.Equal(t, Target{[4]uint64{1}}, target)
	_, err = DifficultyTarget(highest.Add(highest, big.NewRat(1, 10)))
	require.ErrorContains(t, err, "no hash can meet it")
}

func FuzzParseDifficulty(f *testing.F) {
	for _, s := range []string{"1", "8192", "0.001", "1e-5", "1E+3", "0", "-1", "NaN", "1e99", "1e100", "1/3", "0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDifficulty(s)
		if err != nil {
			return
		}
		require.Positive(t, d.Sign())
		require.LessOrEqual(t, len(s), maxDifficultyText)
		target, err := DifficultyTarget(d)
		if err != nil {
			return
		}
		// target·d <= difficulty1 < (target+1)·d, unless capped.
		low := new(big.Rat).Mul(new(big.Rat).SetInt(target.Big()), d)
		one := new(big.Rat).SetInt(difficulty1.Big())
		require.LessOrEqual(t, low.Cmp(one), 0)
		if target != maxTarget {
			require.Positive(t, low.Add(low, d).Cmp(one))
		}
	})
}
