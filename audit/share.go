package audit

import (
	"time"

	"github.com/touchstone-btc/touchstone/work/share"
)

// Share is a submission that was judged.
type Share struct {
	// Time is when it was received; WholeSeconds says that fractions of a second were not recorded.
	Time         time.Time
	WholeSeconds bool
	// Job is the Number of its Job, 0 if that is not known.
	Job uint64
	// Required is the difficulty that held, Difficulty what was achieved; 0 where not known or no header could be built.
	Required, Difficulty float64
	// Word is the verdict under the strict policy, [share.NotJudged] where none was possible.
	Word  share.Word
	Block bool
	// Nonce, NTime and VersionBits are the values of its fields; Bits says that there were version bits.
	Nonce, NTime, VersionBits uint32
	Bits                      bool
	// Extranonce2 are its first eight bytes or fewer, Size how many it has in all.
	Extranonce2     [8]byte
	Extranonce2Size int
}

// Proves says that the share stands for work done by the device for these jobs, whoever credits it: good ones, blocks, and stale
// ones that meet their target. Duplicates prove nothing new.
func (s *Share) Proves() bool {
	return s.Word.Credited() || s.Word == share.Stale && s.Required > 0 && s.Difficulty >= s.Required
}
