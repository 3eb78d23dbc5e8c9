package hash

import "math/bits"

// FilterMask returns the bits that must be zero in the last word of a digest that has at least leadingZeros leading zero
// bits in display order: 1 gives 00000080, 9 gives 000080ff. All 32 bits are the most a filter looks at; 32 and more give
// ffffffff, 0 and less give 0, which lets everything pass.
func FilterMask(leadingZeros int) uint32 {
	n := min(max(leadingZeros, 0), 32)
	return bits.ReverseBytes32(^uint32(0) << (32 - n))
}
