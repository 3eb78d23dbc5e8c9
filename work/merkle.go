package work

import (
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
)

// MerkleRoot returns the root of the merkle tree over leaves, which stay as they are. All hashes are in internal order. No
// leaves give the zero hash.
//
// A tree whose level has an odd number of hashes repeats the last, so that two lists of transactions can have one root
// (CVE-2012-2459). mutated says that two neighbours of one level are equal: a block with such a list must be refused without
// remembering its hash, for the honest block has the same.
func MerkleRoot(leaves []chainhash.Hash) (root chainhash.Hash, mutated bool) {
	if len(leaves) == 0 {
		return chainhash.Hash{}, false
	}
	level := append(make([]chainhash.Hash, 0, len(leaves)+1), leaves...)
	for len(level) > 1 {
		for i := 0; i+1 < len(level); i += 2 {
			if level[i] == level[i+1] {
				mutated = true
			}
		}
		level = foldLevel(level)
	}
	return level[0], mutated
}

// MerkleBranch returns the path of the first leaf to the root: the hashes to fold onto it, lowest first, in internal order.
// The first leaf's own value is not used, so it may be any hash: this is how work for a coinbase not yet known is made.
func MerkleBranch(leaves []chainhash.Hash) []chainhash.Hash {
	if len(leaves) < 2 {
		return nil
	}
	var branch []chainhash.Hash
	level := append(make([]chainhash.Hash, 0, len(leaves)+1), leaves...)
	for len(level) > 1 {
		branch = append(branch, level[1])
		level = foldLevel(level)
	}
	return branch
}

// FoldBranch returns the root of the tree in which leaf is the first leaf and branch its path as MerkleBranch returns it. All
// hashes are in internal order. It allocates nothing.
func FoldBranch(leaf chainhash.Hash, branch []chainhash.Hash) chainhash.Hash {
	var pair [1][hash.PairSize]byte
	sum := [1][chainhash.HashSize]byte{leaf}
	for i := range branch {
		copy(pair[0][:], sum[0][:])
		copy(pair[0][chainhash.HashSize:], branch[i][:])
		hash.SumPairs(hash.Auto, sum[:], pair[:])
	}
	return sum[0]
}

// foldBatch is how many pairs foldLevel hands to the kernel at once.
const foldBatch = 32

// foldLevel writes the level above level over its beginning and returns it.
func foldLevel(level []chainhash.Hash) []chainhash.Hash {
	if len(level)%2 == 1 {
		level = append(level, level[len(level)-1])
	}
	var pairs [foldBatch][hash.PairSize]byte
	var sums [foldBatch][chainhash.HashSize]byte
	half := len(level) / 2
	for done := 0; done < half; {
		n := min(foldBatch, half-done)
		for i := range n {
			copy(pairs[i][:chainhash.HashSize], level[2*(done+i)][:])
			copy(pairs[i][chainhash.HashSize:], level[2*(done+i)+1][:])
		}
		hash.SumPairs(hash.Auto, sums[:n], pairs[:n])
		for i := range n {
			level[done+i] = sums[i]
		}
		done += n
	}
	return level[:half]
}
