package share

import (
	"fmt"
	"time"

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

// reason is why a share was refused, more closely than its word says. Each has a text that may use got and want.
type reason uint8

const (
	reasonNone reason = iota
	reasonShape
	reasonUnsubscribed
	reasonUnauthorized
	reasonNoWorker
	reasonWorker
	reasonNoJobID
	reasonNoSuchJob
	reasonForgotten
	reasonExtranonce2Text
	reasonExtranonce2Size
	reasonBitsText
	reasonBitsMissing
	reasonBitsUnwanted
	reasonBitsOutside
	reasonTimeText
	reasonNonceText
	reasonStale
	reasonAge
	reasonTimeFrom
	reasonTimeTo
	reasonZeros
	reasonDifficulty
	reasonDuplicate
)

// Unsubscribed says that the word is Unauthorized because the connection was not even subscribed: pools have another code for it.
func (v *Verdict) Unsubscribed() bool { return v.reason == reasonUnsubscribed }

// Detail says in words what was wrong, with the offending values; "" for a share that is credited. It is for people and may
// change; programs branch on Word. Under a preset it tells what the pool found wrong, in our words.
func (v *Verdict) Detail() string {
	switch v.reason {
	case reasonShape:
		return v.shape
	case reasonUnsubscribed:
		return "submitted before mining.subscribe"
	case reasonUnauthorized:
		return "submitted before mining.authorize"
	case reasonNoWorker:
		return "no worker name"
	case reasonWorker:
		return "submitted under another name than was authorized"
	case reasonNoJobID:
		return "no job id"
	case reasonNoSuchJob:
		return "no such job was sent on this connection"
	case reasonForgotten:
		return "the job is forgotten"
	case reasonExtranonce2Text:
		return "extranonce2 is not hex"
	case reasonExtranonce2Size:
		return fmt.Sprintf("extranonce2 has %d bytes, want %d", v.got, v.want)
	case reasonBitsText:
		return "version bits are not 8 hex digits"
	case reasonBitsMissing:
		return fmt.Sprintf("version bits are missing: the mask %08x was granted", uint32(v.want))
	case reasonBitsUnwanted:
		return fmt.Sprintf("version bits %08x: no mask was granted", uint32(v.got))
	case reasonBitsOutside:
		return fmt.Sprintf("version bits %08x reach outside the mask %08x", uint32(v.got), uint32(v.want))
	case reasonTimeText:
		return "ntime is not 8 hex digits"
	case reasonNonceText:
		return "nonce is not 8 hex digits"
	case reasonStale:
		return "the job's previous block is not that of the newest job"
	case reasonAge:
		return fmt.Sprintf("submitted %s after the job was sent, at most %s are allowed", time.Duration(v.got)*time.Second, time.Duration(v.want)*time.Second)
	case reasonTimeFrom:
		return fmt.Sprintf("ntime %08x is %d s before the earliest allowed, %08x", uint32(v.got), v.want-v.got, v.want)
	case reasonTimeTo:
		return fmt.Sprintf("ntime %08x is %d s after the latest allowed, %08x", uint32(v.got), v.got-v.want, v.want)
	case reasonZeros:
		return fmt.Sprintf("the hash does not begin with 32 zero bits: difficulty %.6g", v.Difficulty())
	case reasonDifficulty:
		return fmt.Sprintf("difficulty %.6g is below the required %.6g", v.Difficulty(), v.Required())
	case reasonDuplicate:
		return "submitted before"
	}
	return ""
}
