//go:build !purego && (amd64 || arm64)

package hash

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Messages side by side, each in memory of its own: their blocks are hashed in order, and no state gets another message's.
func TestCompressStreams(t *testing.T) {
	skipWithout(t, map[string]Kernel{"amd64": SHANI, "arm64": ARM64}[runtime.GOARCH])
	r := rand.New(rand.NewPCG(23, 24))
	for blocks := range 6 {
		var states, want [batchStreams][8]uint32
		var messages [batchStreams]*byte
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
		compressStreams(&states, &messages, blocks)
		require.Equal(t, want, states, "%d blocks", blocks)
	}
}

// skipWithout skips a test of kernel k aloud where it does not run: TestRequiredKernels makes that an error on a machine
// meant to have it.
func skipWithout(t *testing.T, k Kernel) {
	t.Helper()
	if !machine().runs(k) {
		t.Skipf("kernel %v does not run on this machine", k)
	}
}
