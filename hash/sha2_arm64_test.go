//go:build !purego

package hash

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// No messages are none too many.
func TestSumsOfNothingARM64(t *testing.T) {
	skipWithout(t, ARM64)
	var dst [32]byte
	sumHeadersARM64(&dst, new([HeaderSize]byte), 0)
	sumPairsARM64(&dst, new([PairSize]byte), 0)
	require.Zero(t, dst)
}
