package work_test

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work"
)

func hashes(list [][32]byte) []chainhash.Hash {
	var out []chainhash.Hash
	for _, h := range list {
		out = append(out, h)
	}
	return out
}

// TestVectorBlocks judges real blocks from what the vectors hold of them: all, or header, coinbase and branch.
func TestVectorBlocks(t *testing.T) {
	for _, v := range testvectors.Blocks() {
		t.Run(v.Name, func(t *testing.T) {
			network, err := work.NetworkByName(v.Network)
			require.NoError(t, err)
			header := work.ParseHeader(&v.Header)
			hash256 := header.Hash()
			require.Equal(t, chainhash.Hash(v.Hash), hash256)
			require.Equal(t, work.Verdict{}, work.CheckPoW(&header, &hash256))
			txid := chainhash.Hash(hash.Sum256d(v.Coinbase))
			require.Equal(t, header.MerkleRoot, work.FoldBranch(txid, hashes(v.Branch)))
			if v.Txids != nil {
				root, mutated := work.MerkleRoot(hashes(v.Txids))
				require.Equal(t, header.MerkleRoot, root)
				require.False(t, mutated)
				require.Equal(t, hashes(v.Branch), work.MerkleBranch(hashes(v.Txids)))
			}
			requirePartsSameAsBTCD(t, &v)
			if v.Raw != nil {
				report := check(t, v.Raw, work.BlockRules{Network: network, Height: v.Height})
				require.True(t, report.Verdict.Valid(), report.Verdict.String())
				requireSameAsBTCD(t, v.Raw, network)
			}
		})
	}
}

// requirePartsSameAsBTCD compares header, txid and trees with btcd's, for blocks that are not given whole too.
func requirePartsSameAsBTCD(t *testing.T, v *testvectors.Block) {
	t.Helper()
	var header wire.BlockHeader
	require.NoError(t, header.Deserialize(bytes.NewReader(v.Header[:])))
	ours := work.ParseHeader(&v.Header)
	require.Equal(t, header.BlockHash(), ours.Hash())
	require.Equal(t, header.MerkleRoot, ours.MerkleRoot)
	require.Equal(t, header.PrevBlock, ours.PrevBlock)
	require.Equal(t, header.Bits, uint32(ours.Bits))
	require.Equal(t, v.Header, ours.Bytes())

	var coinbase wire.MsgTx
	require.NoError(t, coinbase.Deserialize(bytes.NewReader(v.Coinbase)))
	require.Equal(t, coinbase.TxHash(), chainhash.Hash(hash.Sum256d(v.Coinbase)))
	require.Equal(t, foldWithBTCD(coinbase.TxHash(), hashes(v.Branch)), work.FoldBranch(coinbase.TxHash(), hashes(v.Branch)))
	require.Equal(t, foldWithBTCD(chainhash.Hash{}, hashes(v.WitnessBranch)), work.FoldBranch(chainhash.Hash{}, hashes(v.WitnessBranch)))
	for _, ids := range [][]chainhash.Hash{hashes(v.Txids), hashes(v.Wtxids)} {
		if len(ids) > 0 {
			root, _ := work.MerkleRoot(ids)
			require.Equal(t, rootWithBTCD(ids), root)
			require.Equal(t, root, work.FoldBranch(ids[0], work.MerkleBranch(ids)))
		}
	}
}

// foldWithBTCD and rootWithBTCD hash each pair with btcd's code.
func foldWithBTCD(leaf chainhash.Hash, branch []chainhash.Hash) chainhash.Hash {
	for i := range branch {
		leaf = blockchain.HashMerkleBranches(&leaf, &branch[i])
	}
	return leaf
}

func rootWithBTCD(level []chainhash.Hash) chainhash.Hash {
	for len(level) > 1 {
		var next []chainhash.Hash
		for i := 0; i < len(level); i += 2 {
			next = append(next, blockchain.HashMerkleBranches(&level[i], &level[min(i+1, len(level)-1)]))
		}
		level = next
	}
	return level[0]
}

// TestVectorInvalidBlocks demands that each broken block is refused for its own reason.
func TestVectorInvalidBlocks(t *testing.T) {
	for _, v := range testvectors.InvalidBlocks() {
		t.Run(v.Name, func(t *testing.T) {
			if v.Raw == nil {
				header := work.ParseHeader(&v.Header)
				hash256 := header.Hash()
				verdict := work.CheckPoW(&header, &hash256)
				switch {
				case !verdict.Valid():
				case work.FoldBranch(hash.Sum256d(v.Coinbase), hashes(v.Branch)) != header.MerkleRoot:
					verdict.Reason = work.ReasonBadTxnMrklRoot
				default:
					verdict.Reason = judgeWitness(t, v)
				}
				require.Equal(t, v.Reason, string(verdict.Reason))
				return
			}
			network, err := work.NetworkByName(v.Network)
			require.NoError(t, err)
			report, err := work.CheckBlock(v.Raw, work.BlockRules{Network: network, Height: v.Height})
			if v.Reason == "malformed" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, v.Reason, string(report.Verdict.Reason), report.Verdict.String())
		})
	}
}

// judgeWitness judges the commitment of a block of which only coinbase and branches are given.
func judgeWitness(t *testing.T, v testvectors.Block) work.Reason {
	t.Helper()
	var coinbase wire.MsgTx
	require.NoError(t, coinbase.Deserialize(bytes.NewReader(v.CoinbaseWitness)))
	commitment, found := work.FindCommitment(&coinbase)
	require.True(t, found)
	witness := coinbase.TxIn[0].Witness
	if len(witness) != 1 || len(witness[0]) != chainhash.HashSize {
		return work.ReasonBadWitnessNonceSize
	}
	if work.WitnessCommitment(work.FoldBranch(chainhash.Hash{}, hashes(v.WitnessBranch)), chainhash.Hash(witness[0])) != commitment {
		return work.ReasonBadWitnessMerkleMatch
	}
	return ""
}

// TestVectorTemplates judges templates, and builds a block from each sound one.
func TestVectorTemplates(t *testing.T) {
	for _, v := range testvectors.Templates() {
		t.Run(v.Name, func(t *testing.T) {
			template, err := work.ParseTemplate(v.JSON)
			if v.Reason == "malformed" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			verdict := template.Check()
			require.Equal(t, v.Reason, string(verdict.Reason), verdict.String())
			if !verdict.Valid() {
				return
			}
			if v.Height >= 0 {
				require.Equal(t, v.Height, template.Height)
			}
			j, err := work.NewJob(v.Name, template, work.CoinbaseOptions{Payouts: []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}})
			require.NoError(t, err)
			raw, err := j.Block(&work.Solution{Extranonce: make([]byte, j.ExtranonceSize()), Version: j.Version, Time: j.Time})
			require.NoError(t, err)
			_, err = work.ParseBlock(raw)
			require.NoError(t, err)
		})
	}
}

// TestVectorHeaders demands that each run is valid to its end, or that the first header refused is the bad one, for its reason.
func TestVectorHeaders(t *testing.T) {
	for _, v := range testvectors.HeaderRuns() {
		t.Run(v.Name, func(t *testing.T) {
			network, err := work.NetworkByName(v.Network)
			require.NoError(t, err)
			chain := work.NewHeaderChain(work.ChainRules{
				Network: network, StartHeight: v.StartHeight, NoLinks: !v.Consecutive, BIP54: v.BIP54, Now: v.Now,
			})
			bad, verdict := -1, work.Verdict{}
			for i := range v.Headers {
				header := work.ParseHeader(&v.Headers[i])
				hash256 := header.Hash()
				if verdict = chain.Add(&header, &hash256); !verdict.Valid() {
					bad = i
					break
				}
			}
			require.Equal(t, v.BadIndex, bad, verdict.String())
			require.Equal(t, v.Reason, string(verdict.Reason))
		})
	}
}

// TestVectorFlippedBits holds that a mined header with one other bit is not one: the work is lost, or nBits is no longer a
// target that the network allows.
func TestVectorFlippedBits(t *testing.T) {
	type mined struct {
		name    string
		header  [work.HeaderSize]byte
		network *work.Network
	}
	var all []mined
	for _, v := range testvectors.Blocks() {
		network, err := work.NetworkByName(v.Network)
		require.NoError(t, err)
		all = append(all, mined{v.Name, v.Header, network})
	}
	for _, v := range testvectors.Nonces() {
		if v.Network {
			all = append(all, mined{v.Name, v.Header, work.Mainnet})
		}
	}
	for _, m := range all {
		valid := func(raw *[work.HeaderSize]byte) bool {
			header := work.ParseHeader(raw)
			hash256 := header.Hash()
			return work.NewHeaderChain(work.ChainRules{Network: m.network, NoLinks: true}).Add(&header, &hash256).Valid()
		}
		require.True(t, valid(&m.header), m.name)
		for bit := range 8 * work.HeaderSize {
			flipped := m.header
			flipped[bit/8] ^= 1 << (bit % 8)
			if valid(&flipped) {
				t.Errorf("%s is valid with bit %d flipped", m.name, bit)
			}
		}
	}
}

func TestVectorBits(t *testing.T) {
	for _, v := range testvectors.AllBits() {
		t.Run(v.Name, func(t *testing.T) {
			target, negative, overflow := work.Bits(v.Bits).Target()
			require.Equal(t, v.Negative, negative)
			require.Equal(t, v.Overflow, overflow)
			require.Equal(t, v.Expect == testvectors.Valid, !negative && !overflow && !target.IsZero())
			header := work.Header{Bits: work.Bits(v.Bits)}
			if v.Expect == testvectors.Invalid { // even the hash of zeros does not meet it
				require.Equal(t, v.Reason, string(work.CheckPoW(&header, &chainhash.Hash{}).Reason))
			} else {
				require.True(t, work.CheckPoW(&header, &chainhash.Hash{}).Valid())
				require.Equal(t, new(big.Int).SetBytes(v.Work[:]), target.Work())
			}
			if !overflow {
				require.Equal(t, new(big.Int).SetBytes(v.Target[:]).String(), target.Big().String())
				require.Equal(t, work.Bits(v.Canonical&^0x00800000), target.Bits())
			}
		})
	}
}

func TestVectorDifficulties(t *testing.T) {
	for _, v := range testvectors.Difficulties() {
		t.Run(v.Name, func(t *testing.T) {
			d, err := work.ParseDifficulty(v.Difficulty)
			if v.Reason == testvectors.Malformed {
				require.Error(t, err)
				return
			}
			var target work.Target
			if err == nil {
				target, err = work.DifficultyTarget(d)
			}
			if v.Expect == testvectors.Invalid {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, new(big.Int).SetBytes(v.Target[:]).String(), target.Big().String())
		})
	}
}

func TestVectorRetargets(t *testing.T) {
	for _, v := range testvectors.Retargets() {
		timespan := int64(v.LastTime) - int64(v.FirstTime)
		require.Equal(t, work.Bits(v.NewBits), work.Mainnet.Retarget(work.Bits(v.OldBits), timespan), v.Name)
	}
}
