package testvectors

import (
	"slices"
	"sync"
)

// Bits is a compact target and what it decodes to.
type Bits struct {
	Name     string
	Bits     uint32
	Target   [32]byte // its magnitude, display order; zero if Overflow
	Negative bool     // sign bit set and magnitude not zero
	Overflow bool     // does not fit in 256 bits
	// Canonical is the compact form of Target, with the sign bit where
	// Negative; zero if Overflow. It differs from Bits where that is not the
	// shortest form.
	Canonical uint32
	Work      [32]byte // expected hashes, floor(2^256 / (target+1)), display order; zero if Expect is Invalid
	// Expect is Valid if the target is usable: neither negative, overflowing
	// nor zero. Limits of a network are not applied.
	Expect, Reason, Source, Comment string
}

var compactTargets = sync.OnceValue(func() []Bits { return decodeAll("bits", decodeBits) })

// AllBits returns compact targets, usable and not, ordered by name.
func AllBits() []Bits { return slices.Clone(compactTargets()) }

func decodeBits(d *decoder) Bits {
	b := Bits{
		Name: d.v.Name, Source: d.v.Source, Comment: d.v.Comment, Expect: d.v.Expect, Reason: d.v.Reason,
		Bits:     d.word("bits"),
		Negative: d.flag("negative"),
		Overflow: d.flag("overflow"),
	}
	if !b.Overflow {
		b.Target = d.array32("target", d.required("target"))
		b.Canonical = d.word("canonical")
	}
	if b.Expect == Valid {
		b.Work = d.array32("work", d.required("work"))
	}
	return b
}
