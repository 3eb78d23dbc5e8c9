package work

import (
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Template is what a node's getblocktemplate answers (BIP 22, 23, 9, 145), decoded by ParseTemplate. Hashes are in internal
// order, times in seconds since 1970. It owns its memory and must not be changed; it is safe to share.
//
// What BIP 23 adds for pools (shares and their abbreviations, fulltarget, serverlist) is ignored, as every unknown field.
type Template struct {
	// Version is the block version to use.
	Version uint32
	// Rules are the rules in force; those that a miner must understand begin with "!" (BIP 9).
	Rules []string
	// VBAvailable maps the name of each pending deployment to its version bit (BIP 9).
	VBAvailable map[string]uint8
	// VBRequired are the version bits that the node wants set (BIP 9).
	VBRequired uint32
	// Capabilities and Mutable are the node's words for what it can do and what it lets a miner change (BIP 23).
	Capabilities, Mutable []string
	// PreviousBlock is the hash of the block to build on.
	PreviousBlock chainhash.Hash
	// Transactions are the block's transactions after the coinbase, in order.
	Transactions []TemplateTransaction
	// CoinbaseTxn is the coinbase that the node made; nil if it made none.
	CoinbaseTxn *TemplateTransaction
	// CoinbaseValue is what the coinbase may spend, in satoshi; -1 if only CoinbaseTxn says it.
	CoinbaseValue int64
	// CoinbaseAux are byte strings for the coinbase's scriptSig, sorted by name.
	CoinbaseAux []CoinbaseAux
	// WorkID must go back with the block, if not empty.
	WorkID string
	// LongPollID and LongPollURI are for asking again (BIP 22).
	LongPollID, LongPollURI string
	// SubmitOld says that blocks of the template before may still be submitted; true if the node does not say.
	SubmitOld bool
	// Expires is for how many seconds the template is good; 0 if the node does not say.
	Expires uint32
	// CurTime is the node's time. MinTime and MaxTime bound the header's; 0 if the node does not say. An offset (mintimeoff,
	// maxtimeoff) counts from CurTime.
	CurTime, MinTime, MaxTime uint32
	// NonceFirst and NonceLast bound the header's nonce, both included.
	NonceFirst, NonceLast uint32
	// Bits is the header's nBits. Target is the node's, or that of Bits if the node does not say.
	Bits   Bits
	Target Target
	// Height is the new block's.
	Height int32
	// SigOpLimit, SizeLimit and WeightLimit are the node's limits on the block; 0 if it does not say.
	SigOpLimit, SizeLimit, WeightLimit int64
	// DefaultWitnessCommitment is the commitment to Transactions with a reserved value of zeros (BIP 145), from Bitcoin Core's
	// output script or from btcd's bare hash. HasCommitment says that the node gave one.
	DefaultWitnessCommitment chainhash.Hash
	HasCommitment            bool
	// SignetChallenge is the script that blocks of a signet must satisfy (BIP 325); nil on other networks.
	SignetChallenge []byte
	// RejectReason is only in answers to proposals (BIP 23).
	RejectReason string
}

// TemplateTransaction is one transaction of a template.
type TemplateTransaction struct {
	// Data is the serialized transaction, with its witness.
	Data []byte
	// TxID and Hash are its txid and wtxid as the node says, or as they are if it does not say.
	TxID, Hash chainhash.Hash
	// Depends are the transactions that this one spends from, by their place in the list, counted from 1.
	Depends []int32
	// Fee is in satoshi, SigOps in the unit of the template's SigOpLimit, Weight in weight units.
	Fee, SigOps, Weight int64
	// HasFee, HasSigOps and HasWeight say that the node gave them.
	HasFee, HasSigOps, HasWeight bool
	// Required says that the block must contain this transaction.
	Required bool

	parts       transaction
	txid, wtxid chainhash.Hash // computed
}

// CoinbaseAux is one named byte string for the coinbase's scriptSig (BIP 22).
type CoinbaseAux struct {
	Name string
	Data []byte
}

// mayChange says whether the node grants a mutation (BIP 23).
func (t *Template) mayChange(mutation string) bool { return slices.Contains(t.Mutable, mutation) }

// coinbaseFunds is what the coinbase may spend, in satoshi.
func (t *Template) coinbaseFunds() int64 {
	if t.CoinbaseValue >= 0 || t.CoinbaseTxn == nil {
		return t.CoinbaseValue
	}
	return t.CoinbaseTxn.spends()
}

// spends is the sum of the outputs, in satoshi.
func (t *TemplateTransaction) spends() (total int64) {
	for value := range t.parts.eachOutput {
		total += value
	}
	return total
}

// hasSegwit says whether the block needs a witness commitment: the node gives one, or the rule is in force, or there is a
// witness to commit to.
func (t *Template) hasSegwit() bool {
	if t.HasCommitment || slices.Contains(t.Rules, "segwit") || slices.Contains(t.Rules, "!segwit") {
		return true
	}
	return slices.ContainsFunc(t.Transactions, func(tx TemplateTransaction) bool { return tx.parts.hasWitness() })
}

// merkleLeaves returns the txids of the block, with zero for the coinbase's.
func (t *Template) merkleLeaves() []chainhash.Hash {
	leaves := make([]chainhash.Hash, 1+len(t.Transactions))
	for i := range t.Transactions {
		leaves[i+1] = t.Transactions[i].txid
	}
	return leaves
}

// witnessCommitment returns the commitment to the template's transactions with this reserved value.
func (t *Template) witnessCommitment(reserved chainhash.Hash) chainhash.Hash {
	leaves := make([]chainhash.Hash, 1+len(t.Transactions))
	for i := range t.Transactions {
		leaves[i+1] = t.Transactions[i].wtxid
	}
	root, _ := MerkleRoot(leaves)
	return WitnessCommitment(root, reserved)
}

// SoloMask returns the part of a version mask that is free to roll on this template: mask without the bits of pending
// deployments and those that the node requires (BIP 9). Where a pool grants a mask, that is its own.
func SoloMask(t *Template, mask uint32) uint32 {
	for _, bit := range t.VBAvailable {
		mask &^= 1 << bit
	}
	return mask &^ t.VBRequired
}
