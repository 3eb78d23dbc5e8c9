package work

import (
	"errors"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Template is what a node's getblocktemplate answers (BIP 22, 23, 9, 145), decoded. Only JSON's absent fields leave a zero
// value where the comment says nothing else. It owns its memory and does not change; it is safe to share.
type Template struct {
	// Version is the block version to use: template bits and signals.
	Version uint32
	// Rules are the rules in force; those the client must understand begin with "!" (BIP 9).
	Rules []string
	// VBAvailable maps a pending deployment's name to its version bit (BIP 9).
	VBAvailable map[string]uint8
	// VBRequired are the version bits the node wants set (BIP 9).
	VBRequired uint32
	// Capabilities and Mutable are the node's own words (BIP 23).
	Capabilities, Mutable []string
	// PreviousBlock is in internal order, as every hash.
	PreviousBlock chainhash.Hash
	// Transactions are the block's transactions after the coinbase.
	Transactions []TemplateTransaction
	// CoinbaseTxn is the coinbase the node made, nil if it made none.
	CoinbaseTxn *TemplateTransaction
	// CoinbaseValue is what the coinbase may spend, in satoshi; -1 if the node did not say and gave CoinbaseTxn only.
	CoinbaseValue int64
	// CoinbaseAux are byte strings for the coinbase's scriptSig, in the order of the JSON.
	CoinbaseAux []CoinbaseAux
	// WorkID must go back with the block, if not empty.
	WorkID string
	// LongPollID and LongPollURI are for asking again (BIP 22).
	LongPollID, LongPollURI string
	// SubmitOld says that work on the template before may still be submitted; true if absent.
	SubmitOld bool
	// Expires is for how many seconds the template is valid; 0 if not said.
	Expires uint32
	// CurTime is the node's time; MinTime and MaxTime bound the header's, in seconds since 1970; 0 if not said.
	CurTime, MinTime, MaxTime uint32
	// NonceFirst and NonceLast bound the header's nonce, both included.
	NonceFirst, NonceLast uint32
	// Target is what the hash must not exceed.
	Target Target
	// Bits is the header's nBits.
	Bits Bits
	// Height is the new block's.
	Height int32
	// SigOpLimit, SizeLimit and WeightLimit are the node's limits on the block; 0 if not said.
	SigOpLimit, SizeLimit, WeightLimit int64
	// DefaultWitnessCommitment is the commitment to this very list of transactions; HasCommitment says that there is one.
	DefaultWitnessCommitment chainhash.Hash
	HasCommitment            bool
	// SignetChallenge is the script that blocks of a signet must satisfy (BIP 325), nil elsewhere.
	SignetChallenge []byte
}

// TemplateTransaction is one transaction of a template.
type TemplateTransaction struct {
	// Data is the serialized transaction, with its witness.
	Data []byte
	// TxID and Hash are the txid and wtxid the node claims.
	TxID, Hash chainhash.Hash
	// Depends are the indexes, from 1, of transactions this one spends from.
	Depends []int32
	// Fee is in satoshi; SigOps is in the unit of the template's sigoplimit; Weight is in weight units. -1 if not said.
	Fee, SigOps, Weight int64
	// Required says that the block must contain this transaction.
	Required bool
}

// CoinbaseAux is one named byte string for the coinbase's scriptSig (BIP 22).
type CoinbaseAux struct {
	Name string
	Data []byte
}

// ParseTemplate decodes getblocktemplate's result.
func ParseTemplate(json []byte) (*Template, error) {
	return nil, errors.New("template: unfinished")
}

// Check judges a template.
func (t *Template) Check() Verdict {
	return Verdict{}
}
