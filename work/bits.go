package work

import (
	"fmt"
	"math/bits"
)

// Bits is a target in the compact form of a header's nBits field: a base-256
// floating-point number with one byte of exponent and a signed 23-bit mantissa.
// Many values of Bits have the same target; [Target.Bits] gives the canonical
// one, and consensus demands that one.
type Bits uint32

const (
	bitsSign     = 0x00800000
	bitsMantissa = 0x007fffff
)

// ParseBits reads nBits as nodes and Stratum write it: exactly eight hex digits
// in either case, most significant first.
func ParseBits(s string) (Bits, error) {
	v, ok := parseHex32(s)
	if !ok {
		return 0, fmt.Errorf("bits %s: want 8 hex digits", quote(s))
	}
	return Bits(v), nil
}

// String returns the eight hex digits of b, most significant first.
func (b Bits) String() string { return fmt.Sprintf("%08x", uint32(b)) }

// Target decodes b. The corner cases are results and not errors, because
// consensus gives them meaning: negative reports the sign bit over a mantissa
// that is not zero, and t is then the magnitude; overflow reports a value of
// 2^256 or more, and t is then its low 256 bits. Neither can be a block's
// target, nor can zero.
//
// It agrees with SetCompact of Bitcoin Core's arith_uint256.
func (b Bits) Target() (t Target, negative, overflow bool) {
	size := uint(b >> 24)
	word := uint64(b & bitsMantissa)
	if size <= 3 {
		word >>= 8 * (3 - size)
		t.w[0] = word
	} else if shift := 8 * (size - 3); shift < 256 {
		i, r := shift/64, shift%64
		t.w[i] = word << r
		if i < 3 {
			t.w[i+1] = word >> (64 - r) // r = 0 shifts everything out
		}
	}
	negative = word != 0 && b&bitsSign != 0
	overflow = word != 0 && (size > 34 || word > 0xff && size > 33 || word > 0xffff && size > 32)
	return t, negative, overflow
}

// Bits returns the canonical compact form of t, which keeps the highest 16 to
// 23 bits: the target decoded from it is at most t. It agrees with GetCompact
// of Bitcoin Core's arith_uint256.
func (t Target) Bits() Bits {
	size := uint(t.bitLen()+7) / 8
	var word uint64
	if size <= 3 {
		word = t.w[0] << (8 * (3 - size))
	} else {
		shift := 8 * (size - 3)
		i, r := shift/64, shift%64
		word = t.w[i] >> r
		if r > 0 && i < 3 {
			word |= t.w[i+1] << (64 - r)
		}
		word &= 0xffffff
	}
	// The mantissa is signed: a set top bit moves one byte into the exponent.
	if word&bitsSign != 0 {
		word >>= 8
		size++
	}
	return Bits(word) | Bits(size)<<24
}

func (t Target) bitLen() int {
	for i := 3; i >= 0; i-- {
		if t.w[i] != 0 {
			return 64*i + bits.Len64(t.w[i])
		}
	}
	return 0
}
