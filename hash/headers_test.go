package hash_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

// mined is a real mainnet header, in hexadecimal, as it lies in its block.
type mined struct {
	name string
	hex  string
}

var genesis = mined{
	"0: genesis",
	"0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
}

var minedHeaders = []mined{
	genesis,
	{"3999: nonce fff8bf14, near the end of the range", "01000000dd45010ac7ba4c1b8301976135baeee3c380db70397ee91c07df795200000000082474ddd67c3d7e1f70f9975129cf4219024fa87c3786df164106b6fcf3f0caf3069449ffff001d14bff8ff"},
	{"4418: nonce fffafc18", "01000000fab164770c24e8cbbbc24a927b35029cb5e8c59b62c8c4a87c8951a8000000008a9068dab9493091a7901f08d20592a250f82b624e666860f5f5e256f47d8179266a9849ffff001d18fcfaff"},
	{"32256: first retarget", "010000004b0360d834a330ec7833e30e1f523ee05a0793361e29a73421964f980000000027b64a020af294e903feed93768705336a20090612a043f47af462a2f5e5b564f8ee3a4b6ad8001dd3a43707"},
	{"227836: version 2", "02000000b64ea7b7615283a01d9d6019f5bfbd694d2a534ca87a7d07aa0100000000000045ff55adc8d6bc183e9abfa7bdfef3e7b942d786dcd116e776ead8238451a238ac204f516e81021ad0f8cd01"},
	{"514485: version 20000000", "00000020920f73b797c791b24830d13095ec537c1691c4f01aff37000000000000000000a1d543411bb151b517c52fe693c8eca57400c933a45acd2668dea286dc01a61a21efb15a494a5117cca2b466"},
	{"540107", "00000020a1d2b3b757ad55fa1c670f9f59372a2a26f1a85197711e00000000000000000070be58da7ef0a754ef5947910fa1bb0c19160d641cf212ae46ba53e0327233bc2367905b2dd729174c3ae2db"},
	{"702861: version rolled, 3fffe004", "04e0ff3f5f3b2119529dc4013ff0f427a457bed706e7b5b8dec30900000000000000000022906797f7ab258c0f896c35b2d6725c0554f579af99754b241aec8c76727d4091a45561ebd00e17e3d6da41"},
	{"757739: version rolled, 2437a004", "04a037247e05a12e0695c11e3fba1c4242687a4f7d2647a8ffc401000000000000000000d02c1c3ce329ede75b1e101bc12915e3891549c2f1ad5a0f345d3654f5799d66a3b24163aef90817332a7f4a"},
	{"831124: version rolled, 2dabc000", "00c0ab2d44bcfeaded45d4c3bfb0e5a95be9027aeb11721cc8f60200000000000000000062f9bd37af8dc287863dd6ba027f1cebd97f05ba9ba4260e5f0a25b21bfc44fc9f44d365b1710317db0d541c"},
}

func (m mined) header(tb testing.TB) [hash.HeaderSize]byte {
	tb.Helper()
	raw, err := hex.DecodeString(m.hex)
	require.NoError(tb, err)
	require.Len(tb, raw, hash.HeaderSize)
	return [hash.HeaderSize]byte(raw)
}

func nonceOf(h *[hash.HeaderSize]byte) uint32 { return binary.LittleEndian.Uint32(h[76:]) }

// variant is the header with another first block: its version word, xor i. Variant 0 is the header itself.
func variant(h [hash.HeaderSize]byte, i int) [hash.HeaderSize]byte {
	binary.LittleEndian.PutUint32(h[:], binary.LittleEndian.Uint32(h[:])^uint32(i)<<13)
	return h
}

// midstates are those of variants 0 to k-1.
func midstates(h *[hash.HeaderSize]byte, k int) []hash.Midstate {
	mids := make([]hash.Midstate, k)
	for i := range mids {
		v := variant(*h, i)
		mids[i] = hash.NewMidstate((*[64]byte)(v[:]))
	}
	return mids
}

// sum256d is SHA-256d by crypto/sha256, which shares no code with this package.
func sum256d(b []byte) [32]byte {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// fill gives every message of a batch other bytes.
func fill[T [hash.HeaderSize]byte | [hash.PairSize]byte](messages []T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range messages {
		switch m := any(&messages[i]).(type) {
		case *[hash.HeaderSize]byte:
			randomize(r, m[:])
		case *[hash.PairSize]byte:
			randomize(r, m[:])
		}
	}
}

func randomize(r *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}
