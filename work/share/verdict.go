package share

import (
	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
)

// Verdict is what became of a submission. It is a plain value: an error beside it means that nothing was decided.
type Verdict struct {
	// Word is the verdict.
	Word Word
	// Block says that the header meets the network's target, whatever Word is: send it to the node.
	Block bool
	// BlockLost says that a pool of this policy would not have sent that block. Never under strict.
	BlockLost bool
	// Built says that a header could be built: Header and Hash hold it.
	Built bool
	// Said are the pool's own words for a refusal, where a preset has such.
	Said string
	// Target is the share target that held, zero if it was not known: the one met by a credited share, or else the one that had
	// to be met.
	Target work.Target
	// Header is the header as hashed.
	Header [work.HeaderSize]byte
	// Hash is its hash in internal order.
	Hash chainhash.Hash

	reason    reason
	got, want int64
	shape     string // of reasonShape
}

// Difficulty returns the difficulty achieved, for display: 0 where no header could be built.
func (v *Verdict) Difficulty() float64 {
	if !v.Built {
		return 0
	}
	return work.HashDifficulty(&v.Hash)
}

// Required returns the difficulty of Target, for display: 0 where that is not known.
func (v *Verdict) Required() float64 {
	if v.Target.IsZero() {
		return 0
	}
	return v.Target.Difficulty()
}

// Credited returns the difficulty that the share earns, for display: Required if it is accepted, otherwise 0. A [Ledger] adds
// up exactly.
func (v *Verdict) Credited() float64 {
	if !v.Word.Credited() {
		return 0
	}
	return v.Required()
}

// Unsubscribed says that the word is Unauthorized because the connection was not even subscribed: pools have another code for it.
func (v *Verdict) Unsubscribed() bool { return v.reason == reasonUnsubscribed }
