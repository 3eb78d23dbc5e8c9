package load

import (
	"fmt"
	"strings"

	"github.com/touchstone-btc/touchstone/stratum"
)

// Kind is what is wrong with a share, on purpose.
type Kind uint8

// The kinds.
const (
	Good           Kind = iota // nothing: it must be credited
	LowDifficulty              // its hash is above the share target
	Duplicate                  // it was credited before
	EarlyTime                  // its ntime is before the job's parent
	LateTime                   // its ntime is a day ahead
	OutOfMask                  // it has version bits outside the granted mask, or any where none was granted
	NoBits                     // it has no version bits although a mask was granted
	UnknownJob                 // its job was never sent
	StaleJob                   // its job is of an earlier previous block
	LongExtranonce             // its extranonce2 has a byte too many
	numKinds
)

var kindNames = [numKinds]string{
	"good", "low-difficulty", "duplicate", "early-ntime", "late-ntime", "out-of-mask", "no-version-bits", "unknown-job", "stale", "long-extranonce2",
}

// kindCodes are the codes that strict judging has for each; 0 is credit.
var kindCodes = [numKinds]int{
	Good:           0,
	LowDifficulty:  stratum.CodeLowDifficulty,
	Duplicate:      stratum.CodeDuplicate,
	EarlyTime:      stratum.CodeOther,
	LateTime:       stratum.CodeOther,
	OutOfMask:      stratum.CodeOther,
	NoBits:         stratum.CodeOther,
	UnknownJob:     stratum.CodeJobNotFound,
	StaleJob:       stratum.CodeJobNotFound,
	LongExtranonce: stratum.CodeOther,
}

// afterStale are the kinds that are decided after whether the job is stale.
var afterStale = [numKinds]bool{Good: true, LowDifficulty: true, Duplicate: true, EarlyTime: true, LateTime: true}

// BadKinds returns all kinds but Good.
func BadKinds() []Kind {
	var kinds []Kind
	for k := Good + 1; k < numKinds; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// String returns the kind's name, as ParseKind reads it.
func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, error) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), nil
		}
	}
	return 0, fmt.Errorf("kind of share %q: want one of %s", name, strings.Join(kindNames[1:], ", "))
}
