package work

import (
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMask(t *testing.T) {
	for s, want := range map[string]uint32{"1fffe000": MaskBIP320, "1FFFE000": MaskBIP320, "1fffffe0": MaskBIP323, "00000000": 0, "ffffffff": 0xffffffff} {
		m, err := ParseMask(s)
		require.NoError(t, err)
		require.Equal(t, want, m)
	}
	for _, s := range []string{"", "0", "1fffe00", "01fffe000", "0x1fffe0", "1fffe00g", "-1fffe00"} {
		_, err := ParseMask(s)
		require.ErrorContains(t, err, quote(s))
	}
	require.Equal(t, 16, bits.OnesCount32(MaskBIP320))
	require.Equal(t, 24, bits.OnesCount32(MaskBIP323))
}

func TestSpreadVersion(t *testing.T) {
	require.Equal(t, uint32(0x00002000), SpreadVersion(1, MaskBIP320))
	require.Equal(t, uint32(0x1fffe000), SpreadVersion(0xffff, MaskBIP320))
	require.Equal(t, uint32(0x00000020), SpreadVersion(1, MaskBIP323))
	require.Equal(t, uint32(0x80000001), SpreadVersion(3, 0x80000001))
	require.Zero(t, SpreadVersion(0xffffffff, 0))
	require.Equal(t, uint32(0xdeadbeef), SpreadVersion(0xdeadbeef, 0xffffffff))

	// Every combination of a mask's bits comes up once; later ones wrap.
	for _, mask := range []uint32{0, 1, 0x80000000, 0x10101010, MaskBIP320, MaskBIP320 &^ 0x2000} {
		n := uint32(1) << bits.OnesCount32(mask)
		seen := make(map[uint32]bool, n)
		for v := range n {
			s := SpreadVersion(v, mask)
			require.Zero(t, s&^mask)
			require.False(t, seen[s])
			seen[s] = true
			require.Equal(t, s, SpreadVersion(v+n, mask))
		}
	}
}

func TestCombineVersion(t *testing.T) {
	require.Equal(t, uint32(0x3fffe000), CombineVersion(0x20000000, 0x1fffe000, MaskBIP320))
	require.Equal(t, uint32(0x20000004), CombineVersion(0x20000004, 0xe0001ffb, MaskBIP320), "bits outside the mask are the job's")
	require.Equal(t, uint32(0x20000000), CombineVersion(0x3fffe000, 0, MaskBIP320), "bits of the job inside the mask are replaced")
	r := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		job, b, mask := r.Uint32(), r.Uint32(), r.Uint32()
		v := CombineVersion(job, b, mask)
		require.Equal(t, job&^mask, v&^mask)
		require.Equal(t, b&mask, v&mask)
		require.Equal(t, b|mask == mask, CheckVersionBits(b, mask))
	}
	require.True(t, CheckVersionBits(0, 0))
	require.True(t, CheckVersionBits(MaskBIP320, MaskBIP320))
	require.False(t, CheckVersionBits(0x1000, MaskBIP320))
}
