//go:build !purego

package hash

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Four messages, each in memory of its own: their blocks are hashed in order, and no state gets another message's.
func TestCompressARM64(t *testing.T) {
	if !machine().arm64SHA2 {
		t.Skip("this machine does not have the SHA2 instructions")
	}
	r := rand.New(rand.NewPCG(21, 22))
	for blocks := range 6 {
		var states, want [arm64Streams][8]uint32
		var messages [arm64Streams]*byte
		for i := range states {
			for j := range states[i] {
				states[i][j] = r.Uint32()
			}
			message := make([]byte, 64*max(blocks, 1))
			for j := range message {
				message[j] = byte(r.Uint32())
			}
			messages[i] = &message[0]

			want[i] = states[i]
			for j := range blocks {
				compress(&want[i], (*[64]byte)(message[64*j:]))
			}
		}
		compressARM64(&states, &messages, blocks)
		require.Equal(t, want, states, "%d blocks", blocks)
	}
}

// No messages are none too many.
func TestSumsOfNothingARM64(t *testing.T) {
	if !machine().arm64SHA2 {
		t.Skip("this machine does not have the SHA2 instructions")
	}
	var dst [32]byte
	sumHeadersARM64(&dst, new([HeaderSize]byte), 0)
	sumPairsARM64(&dst, new([PairSize]byte), 0)
	require.Zero(t, dst)
}
