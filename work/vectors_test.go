package work_test

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/testvectors"
	"github.com/touchstone-btc/touchstone/work"
)

func hashes(list [][32]byte) []chainhash.Hash {
	out := make([]chainhash.Hash, len(list))
	for i := range list {
		out[i] = list[i]
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
				require.Equal(t, len(v.Branch), len(work.MerkleBranch(hashes(v.Txids))))
			}
			if v.Raw != nil {
				report := check(t, v.Raw, work.BlockRules{Network: network, Height: v.Height})
				require.True(t, report.Verdict.Valid(), report.Verdict.String())
				requireSameAsBTCD(t, v.Raw, network)
			}
		})
	}
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
