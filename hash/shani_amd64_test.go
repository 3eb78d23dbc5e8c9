//go:build !purego

package hash

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Digests are those of each message, in groups of every number, and nothing is written behind the last.
func TestSumsSHANI(t *testing.T) {
	skipWithout(t, SHANI)
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
