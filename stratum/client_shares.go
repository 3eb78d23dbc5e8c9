package stratum

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// submitted is a share that waits for its answer.
type submitted struct {
	id     uint64 // of the request
	number uint64
	at     time.Time
}

// maxShares is how many shares each half of a shareSet remembers.
const maxShares = 1 << 19

// shareSet remembers what was submitted lately: between maxShares of them and twice as many, by a number of 64 bits
// each. A share that is found again is mostly found soon, when a job comes again.
type shareSet struct {
	young, old map[uint64]struct{}
}

// add takes a share of the job with that content. It reports false if it was there before.
func (s *shareSet) add(content uint64, share *work.Solution) bool {
	var b [64]byte
	text := binary.BigEndian.AppendUint64(b[:0], content)
	text = binary.BigEndian.AppendUint32(text, share.Version)
	text = binary.BigEndian.AppendUint32(text, share.Time)
	text = binary.BigEndian.AppendUint32(text, share.Nonce)
	sum := maphash.Bytes(idSeed, append(text, share.Extranonce...))
	if _, found := s.young[sum]; found {
		return false
	}
	if _, found := s.old[sum]; found {
		return false
	}
	if len(s.young) >= maxShares {
		s.young, s.old = nil, s.young
	}
	if s.young == nil {
		s.young = map[uint64]struct{}{}
	}
	s.young[sum] = struct{}{}
	return true
}
