package hash_test

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

func TestSum256d(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for n := range 300 {
		message := make([]byte, n)
		randomize(r, message)
		before := slices.Clone(message)
		require.Equal(t, sum256d(message), hash.Sum256d(message), "%d bytes", n)
		require.Equal(t, before, message)
	}
	require.Equal(t, sum256d(nil), hash.Sum256d(nil))
}

func TestSum256dOfGenesis(t *testing.T) {
	h := genesis.header(t)
	digest := hash.Sum256d(h[:])
	slices.Reverse(digest[:])
	require.Equal(t, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", hex.EncodeToString(digest[:]))
}

func TestNewMidstate(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for i := range 50 {
		var block [64]byte
		switch i {
		case 0:
		case 1:
			for j := range block {
				block[j] = 0xff
			}
		default:
			randomize(r, block[:])
		}
		d := sha256.New()
		d.Write(block[:])
		state, err := d.(encoding.BinaryMarshaler).MarshalBinary()
		require.NoError(t, err)
		var want hash.Midstate
		for j := range want {
			want[j] = binary.BigEndian.Uint32(state[len("sha\x03")+4*j:])
		}
		require.Equal(t, want, hash.NewMidstate(&block))
	}
}

func TestSumsDoNotAllocate(t *testing.T) {
	message := make([]byte, 250)
	require.Zero(t, testing.AllocsPerRun(20, func() { hash.Sum256d(message) }))
	require.Zero(t, testing.AllocsPerRun(20, func() { hash.NewMidstate((*[64]byte)(message)) }))
}
