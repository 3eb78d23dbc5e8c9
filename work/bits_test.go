package work

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/stretchr/testify/require"
)

// The cases of Bitcoin Core's test of SetCompact and GetCompact.
var compactCases = []struct {
	bits               Bits
	target             string // hex without leading zeros
	canonical          Bits   // what Core's GetCompact says, the sign put back
	negative, overflow bool
}{
	{0x00000000, "0", 0, false, false},
	{0x00123456, "0", 0, false, false},
	{0x01003456, "0", 0, false, false},
	{0x02000056, "0", 0, false, false},
	{0x03000000, "0", 0, false, false},
	{0x04000000, "0", 0, false, false},
	{0x00923456, "0", 0, false, false},
	{0x01803456, "0", 0, false, false},
	{0x02800056, "0", 0, false, false},
	{0x03800000, "0", 0, false, false},
	{0x04800000, "0", 0, false, false},
	{0x01123456, "12", 0x01120000, false, false},
	{0x01fedcba, "7e", 0x01fe0000, true, false},
	{0x02123456, "1234", 0x02123400, false, false},
	{0x03123456, "123456", 0x03123456, false, false},
	{0x04123456, "12345600", 0x04123456, false, false},
	{0x04923456, "12345600", 0x04923456, true, false},
	{0x05009234, "92340000", 0x05009234, false, false},
	{0x20123456, "1234560000000000000000000000000000000000000000000000000000000000", 0x20123456, false, false},
	{0xff123456, "0", 0, false, true},
	{0xff923456, "0", 0, true, true},
	// Around the edge of 256 bits.
	{0x207fffff, "7fffff0000000000000000000000000000000000000000000000000000000000", 0x207fffff, false, false},
	{0x2100ffff, "ffff000000000000000000000000000000000000000000000000000000000000", 0x2100ffff, false, false},
	{0x21010000, "0", 0, false, true},
	{0x220000ff, "ff00000000000000000000000000000000000000000000000000000000000000", 0x2100ff00, false, false},
	{0x22000100, "0", 0, false, true},
	{0x23000001, "0", 0, false, true},
	{0x23000000, "0", 0, false, false},
	// Mainnet's easiest, and the same target written otherwise.
	{0x1d00ffff, "ffff0000000000000000000000000000000000000000000000000000", 0x1d00ffff, false, false},
	{0x1e0000ff, "ff000000000000000000000000000000000000000000000000000000", 0x1d00ff00, false, false},
}

func TestBitsTarget(t *testing.T) {
	for _, c := range compactCases {
		t.Run(c.bits.String(), func(t *testing.T) {
			target, negative, overflow := c.bits.Target()
			require.Equal(t, fmt.Sprintf("%064s", c.target), target.String())
			require.Equal(t, c.negative, negative, "negative")
			require.Equal(t, c.overflow, overflow, "overflow")
			canonical := target.Bits()
			if negative && canonical != 0 {
				canonical |= bitsSign
			}
			require.Equal(t, c.canonical, canonical)
		})
	}
}

func TestParseBits(t *testing.T) {
	for _, s := range []string{"1d00ffff", "1D00FFFF", "1d00FffF"} {
		b, err := ParseBits(s)
		require.NoError(t, err)
		require.Equal(t, Bits(0x1d00ffff), b)
		require.Equal(t, "1d00ffff", b.String())
	}
	for _, s := range []string{"", "1d00fff", "01d00ffff", "0x1d00ff", "1d00fffg", "+1d00fff", " 1d00fff", "1d_0ffff", "１d00f"} {
		_, err := ParseBits(s)
		require.ErrorContains(t, err, quote(s))
	}
}

// checkAgainstBtcd compares the compact forms with those of btcd's arithmetic on
// big integers.
func checkAgainstBtcd(t *testing.T, b Bits) {
	t.Helper()
	target, negative, overflow := b.Target()
	want := blockchain.CompactToBig(uint32(b))
	// A big.Int holds the sign and has no bound, so both flags can be read off.
	require.Equal(t, negative, want.Sign() < 0, "%v negative", b)
	want.Abs(want)
	require.Equal(t, overflow, want.BitLen() > 256, "%v overflow", b)
	if overflow {
		mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
		require.Zero(t, want.And(want, mask).Cmp(target.Big()), "%v low bits", b)
		return
	}
	require.Zero(t, want.Cmp(target.Big()), "%v target", b)
	require.Equal(t, blockchain.BigToCompact(want), uint32(target.Bits()), "%v canonical", b)
	if !negative && !target.IsZero() {
		require.Zero(t, blockchain.CalcWork(uint32(b)).Cmp(target.Work()), "%v work", b)
	}
}

func TestBitsAgainstBtcd(t *testing.T) {
	for _, c := range compactCases {
		checkAgainstBtcd(t, c.bits)
	}
	// Every exponent with weird mantissas, then random ones.
	for size := range 256 {
		for _, word := range []uint32{0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffff, 0x800000, 0x800001, 0x80ffff, 0xffffff} {
			checkAgainstBtcd(t, Bits(uint32(size)<<24|word))
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		checkAgainstBtcd(t, Bits(r.Uint32()))
		checkAgainstBtcd(t, Bits(r.Uint32N(40)<<24|r.Uint32N(1<<24)))
	}
}

// FuzzBits holds the roundtrip: the canonical form has the same target and is
// its own canonical form.
func FuzzBits(f *testing.F) {
	for _, c := range compactCases {
		f.Add(uint32(c.bits))
	}
	f.Fuzz(func(t *testing.T, v uint32) {
		checkAgainstBtcd(t, Bits(v))
		parsed, err := ParseBits(Bits(v).String())
		require.NoError(t, err)
		require.Equal(t, Bits(v), parsed)

		target, _, _ := Bits(v).Target()
		again, negative, overflow := target.Bits().Target()
		require.False(t, negative || overflow)
		// A mantissa of 23 bits survives, also where it loses trailing zeros.
		require.Equal(t, target, again)
		require.Equal(t, target.Bits(), again.Bits())
	})
}
