package work

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// difficulty1 is the target of difficulty 1, that of nBits 1d00ffff. Difficulty
// is always bdiff, difficulty1 / target.
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
	top, cut := t.w[i]>>r, t.w[i]&(1<<r-1)
	if r > 0 {
		top |= t.w[i+1] << (64 - r)
	}
	for _, w := range t.w[:i] {
		cut |= w
	}
	if cut != 0 {
		top |= 1
	}
	return math.Ldexp(float64(top), int(shift))
}

// Bounds on the text of a difficulty. The highest that a hash can meet is
// below 1e68; what is beyond the bounds only costs memory and time.
const (
	maxDifficultyText     = 64
	maxDifficultyExponent = 99
)

// ParseDifficulty reads a difficulty exactly, from the text of a JSON number:
// digits, perhaps a fraction, perhaps an exponent, and no spaces or leading
// zeros. It must be more than 0. Texts of more than 64 characters and exponents
// beyond ±99 are refused.
func ParseDifficulty(s string) (*big.Rat, error) {
	if len(s) > maxDifficultyText {
		return nil, fmt.Errorf("difficulty %s: longer than %d characters", quote(s), maxDifficultyText)
	}
	exponent, ok := scanDifficulty(s)
	if !ok {
		return nil, fmt.Errorf("difficulty %s: want a positive decimal number, such as 8192, 0.001 or 1e-5", quote(s))
	}
	if len(exponent) > 2 {
		return nil, fmt.Errorf("difficulty %s: exponent beyond ±%d", quote(s), maxDifficultyExponent)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || r.Sign() <= 0 {
		return nil, fmt.Errorf("difficulty %s: want more than 0", quote(s))
	}
	return r, nil
}

// scanDifficulty reports whether s is a JSON number without a minus sign, and
// returns the digits of its exponent without leading zeros.
func scanDifficulty(s string) (exponent string, ok bool) {
	whole, s := cutDigits(s)
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return "", false
	}
	if strings.HasPrefix(s, ".") {
		var fraction string
		if fraction, s = cutDigits(s[1:]); fraction == "" {
			return "", false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if exponent, s = cutDigits(s); exponent == "" {
			return "", false
		}
	}
	return strings.TrimLeft(exponent, "0"), s == ""
}

// cutDigits splits s after its leading decimal digits.
func cutDigits(s string) (digits, rest string) {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

// DifficultyTarget returns the target of difficulty d, floor(difficulty1 / d),
// or 2^256-1 where that is more. It refuses difficulties that are not positive,
// and those so high that the target would be 0, which no hash meets. It does
// not keep d.
func DifficultyTarget(d *big.Rat) (Target, error) {
	if d.Sign() <= 0 {
		return Target{}, fmt.Errorf("difficulty %s: want more than 0", quote(d.RatString()))
	}
	n := difficulty1.Big()
	n.Mul(n, d.Denom())
	n.Quo(n, d.Num())
	switch {
	case n.Sign() == 0:
		return Target{}, fmt.Errorf("difficulty %s: no hash can meet it, the highest is 2.7e67", quote(d.FloatString(0)))
	case n.BitLen() > 256:
		return maxTarget, nil
	}
	return TargetFromBig(n)
}
