package work

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"
)

// dataEnv names the folder of real blocks and headers that are too large to
// keep with the code.
const dataEnv = "TOUCHSTONE_DATA"

// readRealData returns a file of that folder, or skips the test aloud.
func readRealData(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv(dataEnv)
	if dir == "" {
		t.Skipf("%s is not set: it names the folder with %s", dataEnv, name)
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

// readRealHeaders returns the headers of a file of concatenated 80-byte headers.
func readRealHeaders(t testing.TB, name string) []Header {
	t.Helper()
	b := readRealData(t, name)
	require.NotEmpty(t, b)
	require.Zero(t, len(b)%HeaderSize)
	headers := make([]Header, 0, len(b)/HeaderSize)
	for ; len(b) > 0; b = b[HeaderSize:] {
		headers = append(headers, ParseHeader((*[HeaderSize]byte)(b)))
	}
	return headers
}

func parseHeaderHex(t testing.TB, s string) Header {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	require.Len(t, b, HeaderSize)
	return ParseHeader((*[HeaderSize]byte)(b))
}

// Real headers, restated here so that the tests need nothing else.
const (
	// Mainnet, height 0.
	genesisHex = "01000000" + "0000000000000000000000000000000000000000000000000000000000000000" +
		"3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a" + "29ab5f49" + "ffff001d" + "1dac2b7c"
	// Mainnet, height 1.
	block1Hex = "01000000" + "6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000" +
		"982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e" + "61bc6649" + "ffff001d" + "01e36299"
)

func TestHeaderFields(t *testing.T) {
	h := parseHeaderHex(t, genesisHex)
	require.Equal(t, uint32(1), h.Version)
	require.Zero(t, h.PrevBlock)
	require.Equal(t, "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", h.MerkleRoot.String())
	require.Equal(t, uint32(1231006505), h.Time)
	require.Equal(t, Bits(0x1d00ffff), h.Bits)
	require.Equal(t, uint32(2083236893), h.Nonce)
	require.Equal(t, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", h.Hash().String())

	next := parseHeaderHex(t, block1Hex)
	require.Equal(t, h.Hash(), next.PrevBlock)
	require.Equal(t, "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048", next.Hash().String())
}

func TestHeaderDoesNotAllocate(t *testing.T) {
	h := parseHeaderHex(t, block1Hex)
	raw := h.Bytes()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h := ParseHeader(&raw)
		hash := h.Hash()
		if !CheckPoW(&h, &hash).Valid() || HashDifficulty(&hash) < 1 {
			t.Error("block 1 refused")
		}
	}))
}

// FuzzHeader compares with btcd's decoder: both read every 80 bytes, to the
// same fields and hash, and write them back as they were.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{genesisHex, block1Hex} {
		b, err := hex.DecodeString(s)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add(bytes.Repeat([]byte{0xff}, HeaderSize))
	f.Add(bytes.Repeat([]byte{0}, HeaderSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != HeaderSize {
			return
		}
		raw := [HeaderSize]byte(b)
		h := ParseHeader(&raw)
		require.Equal(t, raw, h.Bytes())

		var w wire.BlockHeader
		require.NoError(t, w.Deserialize(bytes.NewReader(b)))
		require.Equal(t, w.BlockHash(), h.Hash())
		require.Equal(t, w.Version, int32(h.Version))
		require.Equal(t, w.PrevBlock, h.PrevBlock)
		require.Equal(t, w.MerkleRoot, h.MerkleRoot)
		require.Equal(t, w.Timestamp.Unix(), int64(h.Time))
		require.Equal(t, w.Bits, uint32(h.Bits))
		require.Equal(t, w.Nonce, h.Nonce)
	})
}
