package share

import (
	"fmt"
	"time"
)

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

// word is what a reason is reported as.
func (r reason) word() Word {
	switch r {
	case reasonShape, reasonNoWorker:
		return Malformed
	case reasonUnsubscribed, reasonUnauthorized, reasonWorker:
		return Unauthorized
	case reasonNoJobID, reasonNoSuchJob, reasonForgotten:
		return UnknownJob
	case reasonExtranonce2Text, reasonExtranonce2Size:
		return BadExtranonce2
	case reasonBitsText, reasonBitsMissing, reasonBitsUnwanted, reasonBitsOutside:
		return BadVersion
	case reasonTimeText, reasonTimeFrom, reasonTimeTo:
		return BadNTime
	case reasonNonceText:
		return BadNonce
	case reasonStale, reasonAge:
		return Stale
	case reasonZeros, reasonDifficulty:
		return LowDifficulty
	case reasonDuplicate:
		return Duplicate
	}
	return NotJudged
}

// Detail says in words what was wrong, with the offending values; "" for a share that is credited. It is for people and may
// change; programs branch on Word. Under a preset it tells what the pool found wrong, in our words.
func (v *Verdict) Detail() string {
	switch v.reason {
	case reasonShape:
		return v.shape
	case reasonUnsubscribed:
		return "submitted before mining.subscribe was answered"
	case reasonUnauthorized:
		return "submitted before mining.authorize, or after it was refused"
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
		return fmt.Sprintf("extranonce2 is not up to %d bytes in hex", MaxExtranonce)
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
