package work

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Difficulty here is always bdiff: difficulty1 / target, where difficulty1 is
// 0xffff·2^208, the target of nBits 1d00ffff. Targets decide; a difficulty as a
// float64 is for display.

// difficulty1 is the target of difficulty 1.
var difficulty1 = Target{[4]uint64{3: 0xffff << 16}}

// Difficulty returns t's difficulty for display, right to the last bit or next
// to it. It is +Inf for the target 0.
func (t Target) Difficulty() float64 {
	return difficulty1.float64() / t.float64()
}

// HashDifficulty returns the greatest difficulty whose target hash (internal
// order) meets, for display. It is +Inf for a hash of zeros. It does not
// allocate.
func HashDifficulty(hash *chainhash.Hash) float64 {
	return HashValue(hash).Difficulty()
}

// float64 returns t rounded to nearest even.
func (t Target) float64() float64 {
	n := t.bitLen()
	if n <= 64 {
		return float64(t.w[0])
	}
	// The top 64 bits hold all that a float64 keeps; one more bit, set if
	// anything was cut, lets the conversion round as if it saw everything.
	shift := uint(n - 64)
	i, r := shift/64, shift%64
	top := t.w[i] >> r
	if r > 0 {
		top |= t.w[i+1] << (64 - r)
	}
	if uint(bits.TrailingZeros64(t.w[0])) < shift && t.w[0] != 0 ||
		i >= 1 && t.w[1]<<(63-63) != 0 {
		top |= 1
	}
	return math.Ldexp(float64(top), int(shift))
}

const (
	maxDifficultyText     = 64
	maxDifficultyExponent = 99
)

var errDifficulty = errors.New("want a positive decimal number such as 8192, 0.001 or 1e-5")

// ParseDifficulty reads a difficulty written as a JSON number.
func ParseDifficulty(s string) (*big.Rat, error) {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, fmt.Errorf("difficulty %s: %w", quote(s), errDifficulty)
	}
	return r, nil
}

// DifficultyTarget returns the target of difficulty d, floor(difficulty1 / d),
// or 2^256-1 if that is more. A difficulty that is not positive is refused.
func DifficultyTarget(d *big.Rat) (Target, error) {
	if d.Sign() <= 0 {
		return Target{}, fmt.Errorf("difficulty %s: want more than 0", quote(d.RatString()))
	}
	n := difficulty1.Big()
	n.Mul(n, d.Denom())
	n.Quo(n, d.Num())
	if n.BitLen() > 256 {
		return maxTarget, nil
	}
	return TargetFromBig(n)
}
