//go:build !purego

package hash

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Four messages, each in memory of its own: their blocks are hashed in order, and no state gets another message's.
func TestCompressSHANI(t *testing.T) {
	if !machine().sha {
		t.Skip("this machine does not have the SHA extensions")
	}
	r := rand.New(rand.NewPCG(23, 24))
	for blocks := range 6 {
		var states, want [shaniStreams][8]uint32
		var messages [shaniStreams]*byte
		for i := range states {
			for j := range states[i] {
				states[i][j] = r.Uint32()
			}
			message := make([]byte, 64*blocks+i+1)[i:] // at odd addresses too
			for j := range message {
				message[j] = byte(r.Uint32())
			}
			messages[i] = &message[0]

			want[i] = states[i]
			for j := range blocks {
				compress(&want[i], (*[64]byte)(message[64*j:]))
			}
		}
		compressSHANI(&states, &messages, blocks)
		require.Equal(t, want, states, "%d blocks", blocks)
	}
}

// Digests are those of each message, in groups of every number, and nothing is written behind the last.
func TestSumsSHANI(t *testing.T) {
	if !machine().sha {
		t.Skip("this machine does not have the SHA extensions")
	}
	r := rand.New(rand.NewPCG(25, 26))
	for n := 0; n <= 5*shaniStreams; n += shaniStreams {
		headers, pairs, dst := make([][HeaderSize]byte, n+1), make([][PairSize]byte, n+1), make([][32]byte, n+1)
		for i := range headers {
			for j := range headers[i] {
				headers[i][j] = byte(r.Uint32())
			}
			copy(pairs[i][:], headers[i][HeaderSize-PairSize:])
		}
		sumHeadersSHANI(&dst[0], &headers[0], n)
		for i := range n {
			require.Equal(t, Sum256d(headers[i][:]), dst[i], "header %d of %d", i, n)
		}
		sumPairsSHANI(&dst[0], &pairs[0], n)
		for i := range n {
			require.Equal(t, Sum256d(pairs[i][:]), dst[i], "pair %d of %d", i, n)
		}
		require.Zero(t, dst[n])
	}
}
