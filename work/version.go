package work

import (
	"fmt"
	"math/bits"
)

// Masks of version bits that miners may roll.
const (
	// MaskBIP320 has the 16 bits that BIP 320 reserves for miners.
	MaskBIP320 = 0x1fffe000
	// MaskBIP323 has the 24 bits of BIP 323.
	MaskBIP323 = 0x1fffffe0
)

// ParseMask reads a version mask as BIP 310 writes it: exactly eight hex digits
// in either case, most significant first.
func ParseMask(s string) (uint32, error) {
	v, ok := parseHex32(s)
	if !ok {
		return 0, fmt.Errorf("version mask %s: want 8 hex digits, such as 1fffe000", quote(s))
	}
	return v, nil
}

// SpreadVersion lays the low bits of value into the set bits of mask, lowest
// first (what x86 calls PDEP): values below 2^n, where n is the number of bits
// in mask, give each combination of these bits exactly once. Higher bits of
// value are ignored.
func SpreadVersion(value, mask uint32) uint32 {
	var v uint32
	for ; mask != 0; mask &= mask - 1 {
		v |= (value & 1) << bits.TrailingZeros32(mask)
		value >>= 1
	}
	return v
}

// CombineVersion returns the version of a header whose job has version job and
// whose miner chose bits: those of job outside mask, those of bits inside it.
// See BIP 310.
func CombineVersion(job, bits, mask uint32) uint32 {
	return job&^mask | bits&mask
}

// CheckVersionBits reports whether bits stays inside mask, as BIP 310 demands
// of the bits in a submitted share.
func CheckVersionBits(bits, mask uint32) bool {
	return bits&^mask == 0
}
