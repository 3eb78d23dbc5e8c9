package work_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// numberedTransactions returns n transactions that differ.
func numberedTransactions(n int) (txs []*btcutil.Tx, ids []chainhash.Hash) {
	for i := range n {
		tx := wire.NewMsgTx(2)
		tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: uint32(i)}, nil, nil))
		tx.AddTxOut(wire.NewTxOut(int64(i), nil))
		txs = append(txs, btcutil.NewTx(tx))
		ids = append(ids, *txs[i].Hash())
	}
	return txs, ids
}

func TestMerkleRootAgreesWithBTCD(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 63, 64, 65, 66, 67, 127, 129, 255, 1000, 4095, 4097} {
		txs, ids := numberedTransactions(n)
		given := append([]chainhash.Hash(nil), ids...)
		root, mutated := work.MerkleRoot(ids)
		require.Equal(t, blockchain.CalcMerkleRoot(txs, false), root, "%d leaves", n)
		store := blockchain.BuildMerkleTreeStore(txs, false)
		require.Equal(t, *store[len(store)-1], root, "%d leaves", n)
		require.False(t, mutated, "%d leaves", n)
		require.Equal(t, given, ids, "the leaves must stay as they are")

		branch := work.MerkleBranch(ids)
		require.Equal(t, root, work.FoldBranch(ids[0], branch), "%d leaves", n)
		ids[0] = chainhash.Hash{1, 2, 3}
		require.Equal(t, branch, work.MerkleBranch(ids), "the branch must not depend on its leaf")
		root, _ = work.MerkleRoot(ids)
		require.Equal(t, root, work.FoldBranch(ids[0], branch), "%d leaves, other coinbase", n)
	}
}

func TestMerkleRootOfNothing(t *testing.T) {
	root, mutated := work.MerkleRoot(nil)
	require.Zero(t, root)
	require.False(t, mutated)
	require.Empty(t, work.MerkleBranch(nil))
	require.Empty(t, work.MerkleBranch(make([]chainhash.Hash, 1)))
	require.Equal(t, chainhash.Hash{7}, work.FoldBranch(chainhash.Hash{7}, nil))
}

// TestMerkleMutation repeats the last 1, 2, 4… leaves, which leaves the root as it is: CVE-2012-2459.
func TestMerkleMutation(t *testing.T) {
	for _, n := range []int{3, 5, 6, 7, 9, 10, 12, 20, 100, 1001, 1002, 1004} {
		_, ids := numberedTransactions(n)
		root, _ := work.MerkleRoot(ids)
		low := n & -n // the odd level repeats as many leaves
		twice := append(append([]chainhash.Hash(nil), ids...), ids[n-low:]...)
		again, mutated := work.MerkleRoot(twice)
		require.Equal(t, root, again, "%d leaves, %d repeated", n, low)
		require.True(t, mutated, "%d leaves, %d repeated", n, low)
	}
	_, ids := numberedTransactions(8)
	ids[5] = ids[4]
	_, mutated := work.MerkleRoot(ids)
	require.True(t, mutated, "two equal neighbours")
	_, ids = numberedTransactions(8)
	ids[5] = ids[6]
	_, mutated = work.MerkleRoot(ids)
	require.False(t, mutated, "equal leaves that are no pair are no mutation")
}

func TestFoldBranchAllocatesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	branch := make([]chainhash.Hash, 13)
	for i := range branch {
		binary.LittleEndian.PutUint64(branch[i][:], random.Uint64())
	}
	var sink chainhash.Hash
	require.Zero(t, testing.AllocsPerRun(100, func() { sink = work.FoldBranch(sink, branch) }))
}
