package work_test

import (
	"crypto/sha256"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// BenchmarkTemplateToHeader is the way from the JSON of a node, with 4000 transactions of about 500 bytes, to the first header.
func BenchmarkTemplateToHeader(b *testing.B) {
	json := syntheticTemplate(4000)
	var raw int
	var header [80]byte
	b.SetBytes(int64(len(json)))
	b.ReportAllocs()
	for b.Loop() {
		t, err := work.ParseTemplate(json)
		require.NoError(b, err)
		job, err := work.NewJob("1", t, work.CoinbaseOptions{Payouts: []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}})
		require.NoError(b, err)
		job.NewBuilder().Header(&header, job.Version, job.Time, 0)
		raw = 0
		for _, tx := range job.Transactions {
			raw += len(tx)
		}
	}
	b.ReportMetric(float64(raw)/1e6, "raw-MB")
}

// BenchmarkSetExtranonce is what a new extranonce costs: a coinbase and a branch of 12 hashes.
func BenchmarkSetExtranonce(b *testing.B) {
	t, err := work.ParseTemplate(syntheticTemplate(4000))
	require.NoError(b, err)
	job, err := work.NewJob("1", t, work.CoinbaseOptions{Payouts: []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}})
	require.NoError(b, err)
	builder := job.NewBuilder()
	en := make([]byte, 12)
	b.ReportAllocs()
	for b.Loop() {
		en[0]++
		if err := builder.SetExtranonce(en); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFoldBranch folds a branch of 12 hashes, as a block of 4000 transactions has, beside the same with crypto/sha256.
func BenchmarkFoldBranch(b *testing.B) {
	branch := make([]chainhash.Hash, 12)
	for i := range branch {
		branch[i] = chainhash.HashH([]byte{byte(i)})
	}
	var leaf chainhash.Hash
	b.Run("FoldBranch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			leaf = work.FoldBranch(leaf, branch)
		}
	})
	b.Run("stdlib", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var pair [2 * chainhash.HashSize]byte
			for i := range branch {
				copy(pair[:], leaf[:])
				copy(pair[chainhash.HashSize:], branch[i][:])
				first := sha256.Sum256(pair[:])
				leaf = sha256.Sum256(first[:])
			}
		}
	})
}

func BenchmarkMerkleRoot(b *testing.B) {
	leaves := make([]chainhash.Hash, 4000)
	for i := range leaves {
		leaves[i] = chainhash.HashH([]byte{byte(i), byte(i >> 8)})
	}
	for b.Loop() {
		work.MerkleRoot(leaves)
	}
}
