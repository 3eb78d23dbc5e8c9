package mine

import (
	"context"
	"encoding/binary"
	"math/bits"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work"
)

// below is how far below the known nonce a search begins.
func below() uint32 {
	if testing.Short() { // the race detector and emulators are slow
		return 1 << 12
	}
	return 1 << 18
}

// eachKernel runs test for every kernel this machine has.
func eachKernel(t *testing.T, test func(t *testing.T, k hash.Kernel)) {
	t.Helper()
	for _, k := range hash.Kernels() {
		t.Run(k.String(), func(t *testing.T) { test(t, k) })
	}
}

// TestFindsKnownNonces searches again what was found in the real world: for
// each header the only nonce that meets its target in a range that begins far
// below it, among several versions where the version was rolled.
func TestFindsKnownNonces(t *testing.T) { eachKernel(t, findKnownNonces) }

func findKnownNonces(t *testing.T, kernel hash.Kernel) {
	var unrolled, rolled int
	for _, v := range testvectors.Nonces() {
		if !v.Network {
			continue // no target of its own to meet
		}
		header := work.ParseHeader(&v.Header)
		job := work.HeaderJob(&header)
		n := 2 // bits to roll; 16 versions for a few, 4 for the many
		if rolled < 4 {
			n = 4
		}
		job.VersionMask = maskFor(header.Version, n)
		job.Version &^= job.VersionMask
		if job.VersionMask == 0 {
			unrolled++
		} else {
			rolled++
		}
		t.Run(v.Name, func(t *testing.T) { findAgain(t, kernel, job, header, Work{}) })
	}
	require.GreaterOrEqual(t, unrolled, 15, "headers with their template's version")
	require.GreaterOrEqual(t, rolled, 15, "headers with a rolled version")
}

// TestFindsKnownBlocks does the same with blocks, whose merkle root is made from
// coinbase, extranonce and branch as for new work.
func TestFindsKnownBlocks(t *testing.T) { eachKernel(t, findKnownBlocks) }

func findKnownBlocks(t *testing.T, kernel hash.Kernel) {
	found := 0
	for _, v := range testvectors.Blocks() {
		const script = 42 // version, number of inputs, outpoint and length stand before it
		if v.Network != "mainnet" || len(v.Coinbase) < script+5 {
			continue
		}
		found++
		header := work.ParseHeader(&v.Header)
		job := work.HeaderJob(&header)
		job.VersionMask = maskFor(header.Version, 4)
		job.Version &^= job.VersionMask
		job.MerkleRoot = chainhash.Hash{}
		job.CoinbasePrefix, job.CoinbaseSuffix = v.Coinbase[:script], v.Coinbase[script+5:]
		job.Extranonce1Size, job.Extranonce2Size = 2, 3
		for _, h := range v.Branch {
			job.Branch = append(job.Branch, h)
		}
		extranonce := v.Coinbase[script : script+5]
		extranonce2 := uint64(extranonce[2])<<16 | uint64(binary.BigEndian.Uint16(extranonce[3:]))
		t.Run(v.Name, func(t *testing.T) {
			findAgain(t, kernel, job, header, Work{
				Extranonce1: extranonce[:2], FirstExtranonce2: extranonce2, Extranonce2s: 1})
		})
	}
	require.GreaterOrEqual(t, found, 30)
}

// maskFor returns n version bits to roll, among them one that is set, if
// version has bits of BIP 320 set; 0 otherwise.
func maskFor(version uint32, n int) uint32 {
	set := version & work.MaskBIP320
	if set == 0 || version>>29 != 1 {
		return 0
	}
	mask := uint32(1) << bits.TrailingZeros32(set)
	for bit := uint32(1) << 28; bits.OnesCount32(mask) < n; bit >>= 1 {
		mask |= bit
	}
	return mask
}

// findAgain searches w from below the nonce of want to it, at the ntime of want
// only, and demands exactly that one.
func findAgain(t *testing.T, kernel hash.Kernel, job *work.Job, want work.Header, w Work) {
	job.MinTime, job.MaxTime = want.Time, want.Time
	w.Job = job
	w.FirstNonce = max(want.Nonce, below()) - below()
	w.Nonces = uint64(want.Nonce-w.FirstNonce) + 1

	var mu sync.Mutex
	var found []work.Header
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m, err := New(Config{
		Kernel: kernel,
		OnFound: func(f Found) {
			header, err := job.Header(&f.Solution)
			mu.Lock()
			defer mu.Unlock()
			require.NoError(t, err)
			require.True(t, f.Network)
			found = append(found, header)
		},
		OnExhausted: func(*Work) { cancel() },
	})
	require.NoError(t, err)
	require.Equal(t, kernel, m.Kernel())
	require.NoError(t, m.SetWork(&w))
	require.NoError(t, m.Run(ctx))
	require.Equal(t, w.Nonces<<bits.OnesCount32(job.VersionMask), m.Stats().Hashes)
	require.Equal(t, []work.Header{want}, found)
}
