package bench

import "github.com/touchstone-btc/touchstone/hash"

// unit is a part of the processor that a kernel may have to wait for.
type unit string

const (
	vector unit = "vector" // any operation of the vector units
	shifts unit = "shifts" // those of them that can rotate and shift
	rounds unit = "rounds" // SHA256RNDS2
)

// resource is a unit working on vectors of so many bits.
type resource struct {
	unit  unit
	width int
}

// demand is how many operations of a resource a hash needs.
type demand struct {
	resource
	perHash float64
}

// demandsOf returns what ops needs of each resource that can be measured here.
func demandsOf(ops hash.Operations) []demand {
	var ds []demand
	for _, d := range []struct {
		unit  unit
		count int
	}{{vector, ops.Vector}, {shifts, ops.Shifts}, {rounds, ops.Rounds}} {
		r := resource{d.unit, ops.Width}
		if d.count > 0 && probeOf(r) != nil {
			ds = append(ds, demand{r, float64(d.count) / float64(ops.Hashes)})
		}
	}
	return ds
}
