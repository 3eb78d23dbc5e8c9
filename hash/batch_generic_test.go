package hash

import (
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The batches use sumHeader and sumPair only where there is no assembly; they are right everywhere.
func TestSumOneWithoutAssembly(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 200 {
		var header [HeaderSize]byte
		for i := range header {
			header[i] = byte(r.Uint32())
		}
		pair := [PairSize]byte(header[:])

		var got [32]byte
		first := sha256.Sum256(header[:])
		sumHeader(&got, &header)
		require.Equal(t, sha256.Sum256(first[:]), got)

		first = sha256.Sum256(pair[:])
		sumPair(&got, &pair)
		require.Equal(t, sha256.Sum256(first[:]), got)
	}
}
