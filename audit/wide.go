package audit

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// wide is an unsigned number of 384 bits, least significant word first: room for 2^256 times 2^128 nanoseconds. Unlike a
// big.Int it is copied by assignment.
type wide [6]uint64

// wideMax is the highest, and stands for all above it.
var wideMax = wide{math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64}

// wideFromBig converts v, of 0 to 384 bits.
func wideFromBig(v *big.Int) wide {
	var b [8 * len(wide{})]byte
	v.FillBytes(b[:])
	var w wide
	for i := range w {
		w[i] = binary.BigEndian.Uint64(b[len(b)-8-8*i:])
	}
	return w
}

// big returns w as a new big.Int.
func (w wide) big() *big.Int {
	var b [8 * len(wide{})]byte
	for i, word := range w {
		binary.BigEndian.PutUint64(b[len(b)-8-8*i:], word)
	}
	return new(big.Int).SetBytes(b[:])
}

// plus returns w+v, or wideMax if that is more.
func (w wide) plus(v wide) wide {
	var carry uint64
	for i := range w {
		w[i], carry = bits.Add64(w[i], v[i], carry)
	}
	if carry != 0 {
		return wideMax
	}
	return w
}

// times returns w·n, or wideMax if that is more.
func (w wide) times(n uint64) wide {
	var carry uint64
	for i := range w {
		high, low := bits.Mul64(w[i], n)
		var c uint64
		w[i], c = bits.Add64(low, carry, 0)
		carry = high + c // cannot overflow: high is at most 2^64-2
	}
	if carry != 0 {
		return wideMax
	}
	return w
}
