package work

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"
)

// weirdTargets are values where carries, word borders and signs go wrong, and
// random ones of every length.
func weirdTargets() []Target {
	one := big.NewInt(1)
	var out []Target
	add := func(v *big.Int) {
		if t, err := TargetFromBig(v); err == nil {
			out = append(out, t)
		}
	}
	for n := range uint(257) {
		p := new(big.Int).Lsh(one, n)
		add(new(big.Int).Sub(p, one))
		add(p)
		add(new(big.Int).Add(p, one))
		half := new(big.Int).Rsh(p, 53) // between two float64s; one more is nearer to the upper
		add(half.Add(half, p))
		add(half.Add(half, one))
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		t := Target{[4]uint64{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}}
		add(new(big.Int).Rsh(t.Big(), r.UintN(256)))
	}
	return append(out, Target{}, maxTarget, difficulty1)
}

func TestTargetAgainstBig(t *testing.T) {
	targets := weirdTargets()
	two256 := new(big.Int).Lsh(big.NewInt(1), 256)
	for i, x := range targets {
		b := x.Big()
		back, err := TargetFromBig(b)
		require.NoError(t, err)
		require.Equal(t, x, back)
		require.Equal(t, fmt.Sprintf("%064x", b), x.String())
		parsed, err := ParseTarget(strings.ToUpper(x.String()))
		require.NoError(t, err)
		require.Equal(t, x, parsed)
		require.Equal(t, 256-b.BitLen(), x.LeadingZeros())
		require.Equal(t, b.Sign() == 0, x.IsZero())
		require.Equal(t, blockchain.BigToCompact(b), uint32(x.Bits()))
		d := new(big.Int).Add(b, big.NewInt(1))
		require.Zero(t, d.Div(two256, d).Cmp(x.Work()))

		// A hash is the number in its bytes, least significant first.
		var hash chainhash.Hash
		b.FillBytes(hash[:])
		for i, j := 0, len(hash)-1; i < j; i, j = i+1, j-1 {
			hash[i], hash[j] = hash[j], hash[i]
		}
		require.Equal(t, x, HashValue(&hash))
		require.Zero(t, blockchain.HashToBig(&hash).Cmp(b))
		require.Equal(t, x.String(), hash.String())
		for _, k := range []int{i, (i + 1) % len(targets), (7 * i) % len(targets)} {
			y := targets[k]
			require.Equal(t, b.Cmp(y.Big()), x.Cmp(y))
			require.Equal(t, b.Cmp(y.Big()) <= 0, y.MetBy(&hash), "a hash equal to its target meets it")
		}
	}
}

func TestTargetRefused(t *testing.T) {
	_, err := TargetFromBig(big.NewInt(-1))
	require.ErrorContains(t, err, "negative")
	_, err = TargetFromBig(new(big.Int).Lsh(big.NewInt(1), 256))
	require.ErrorContains(t, err, "257 bits")
	good := strings.Repeat("0f", 32)
	for _, s := range []string{"", good[1:], good + "0", "0x" + good[2:], good[:63] + "g", good[:62] + "é"} {
		_, err := ParseTarget(s)
		require.ErrorContains(t, err, "want 64 hex digits", s)
	}
	_, err = ParseTarget(strings.Repeat("0", 1<<20))
	require.Less(t, len(err.Error()), 200, "an error does not repeat a megabyte")
}

func FuzzParseTarget(f *testing.F) {
	f.Add(strings.Repeat("f", 64))
	f.Add("00000000ffff0000000000000000000000000000000000000000000000000000")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		x, err := ParseTarget(s)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.Equal(t, strings.ToLower(s), x.String())
		require.LessOrEqual(t, func() int { y, _, _ := x.Bits().Target(); return y.Cmp(x) }(), 0, "nBits rounds down")
	})
}

func TestMulDivAgainstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	weird := []uint64{1, 2, 3, 302400, 1209600, 4838400, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, ^uint64(0)}
	for _, x := range weirdTargets() {
		for range 4 {
			m, d := weird[r.IntN(len(weird))], weird[r.IntN(len(weird))]
			want := x.Big()
			want.Mul(want, new(big.Int).SetUint64(m)).Div(want, new(big.Int).SetUint64(d))
			if want.BitLen() > 256 {
				want = maxTarget.Big()
			}
			require.Zero(t, want.Cmp(x.mulDiv(m, d).Big()), "%v * %d / %d", x, m, d)
		}
	}
}
