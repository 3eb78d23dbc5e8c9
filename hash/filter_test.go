package hash_test

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

func TestFilterMask(t *testing.T) {
	for _, test := range []struct {
		leadingZeros int
		want         uint32
	}{
		{-1 << 31, 0}, {-1, 0}, {0, 0},
		{1, 0x00000080}, {2, 0x000000c0}, {7, 0x000000fe}, {8, 0x000000ff},
		{9, 0x000080ff}, {16, 0x0000ffff}, {17, 0x0080ffff}, {24, 0x00ffffff}, {25, 0x80ffffff},
		{31, 0xfeffffff}, {32, 0xffffffff}, {33, 0xffffffff}, {256, 0xffffffff}, {1<<31 - 1, 0xffffffff},
	} {
		require.Equal(t, test.want, hash.FilterMask(test.leadingZeros), "%d leading zeros", test.leadingZeros)
	}
}

// The mask lets a digest pass exactly if its display order begins with that many zeros, up to 32.
func TestFilterMaskIsAboutDisplayOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		var digest [32]byte
		randomize(r, digest[:])
		for i := 31; i > 31-r.IntN(5); i-- {
			digest[i] = 0
		}
		zeros := 0
		for i := 31; i >= 0; i-- { // display order begins at the end
			n := bits.LeadingZeros8(digest[i])
			zeros += n
			if n < 8 {
				break
			}
		}
		last := binary.BigEndian.Uint32(digest[28:])
		for lz := range 33 {
			require.Equal(t, zeros >= lz, last&hash.FilterMask(lz) == 0, "%x, %d leading zeros", digest, lz)
		}
	}
}
