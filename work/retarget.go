package work

import "math/bits"

// Retarget returns the nBits that follow a period of n whose blocks had target
// from and whose last block came timespan seconds after its first. That spans
// one interval less than the period has blocks, as it always has in Bitcoin.
func (n *Network) Retarget(from Bits, timespan int64) Bits {
	timespan = max(timespan, n.TargetTimespan/n.RetargetFactor)
	timespan = min(timespan, n.TargetTimespan*n.RetargetFactor)
	t, _, _ := from.Target()
	t = t.mulDiv(uint64(timespan), uint64(n.TargetTimespan))
	if t.Cmp(n.PowLimit) > 0 {
		t = n.PowLimit
	}
	return t.Bits()
}

// mulDiv returns floor(t·m / d), or 2^256-1 if that is more. d must not be 0.
func (t Target) mulDiv(m, d uint64) Target {
	var product [5]uint64
	var carry uint64
	for i, w := range t.w {
		hi, lo := bits.Mul64(w, m)
		lo, c := bits.Add64(lo, carry, 0)
		product[i], carry = lo, hi+c // hi is at most 2^64-2
	}
	product[4] = carry
	var rem uint64
	for i := len(product) - 1; i >= 0; i-- {
		product[i], rem = bits.Div64(rem, product[i], d)
	}
	if product[4] != 0 {
		return maxTarget
	}
	return Target{[4]uint64(product[:4])}
}
