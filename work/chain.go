package work

import (
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// CheckPoW judges a header's proof of work alone: nBits must be a target that
// can be met, and hash, which must be h's, must meet it.
func CheckPoW(h *Header, hash *chainhash.Hash) Verdict {
	t, negative, overflow := h.Bits.Target()
	if negative || overflow || t.IsZero() {
		return Verdict{ReasonBadDiffBits, fmt.Sprintf("bits %v is not a target", h.Bits)}
	}
	if !t.MetBy(hash) {
		return Verdict{ReasonHighHash, fmt.Sprintf("hash %v is above target %v", hash, t)}
	}
	return Verdict{}
}

// ChainRules chooses how a HeaderChain judges.
type ChainRules struct {
	// Network whose rules apply; nil checks proof of work and links only.
	Network *Network
	// StartHeight is the height of the first header, -1 if unknown.
	StartHeight int32
	// NoLinks judges each header alone.
	NoLinks bool
	// BIP54 adds that proposal's two limits on times around a retarget.
	BIP54 bool
	// Now is the clock in seconds since 1970; 0 allows any future time.
	Now uint32
}

// HeaderChain judges headers one after another.
type HeaderChain struct {
	rules ChainRules
}

// NewHeaderChain returns a chain that has seen no header yet.
func NewHeaderChain(r ChainRules) *HeaderChain { return &HeaderChain{rules: r} }

// Add judges the next header; hash must be its hash.
func (c *HeaderChain) Add(h *Header, hash *chainhash.Hash) Verdict {
	return CheckPoW(h, hash)
}
