package hash

// Operations is how many instructions of each kind a kernel needs, as its generator counted them: what a measured rate can
// be held against. Loads, stores, moves and the arithmetic of loops are not among them.
type Operations struct {
	Hashes int // SHA-256d done by these many operations
	Width  int // bits of a vector: 128, 256 or 512
	Vector int // operations of the vector units, those below included
	Shifts int // of these, rotations and shifts
	Rounds int // of these, SHA256RNDS2
}

// ScanOperations returns the operations of a search of kernel k with so many midstates. ok is false if they are not known:
// those of Generic and ARM64 are not counted, and the number of midstates must be a power of two. It is safe for concurrent
// use, as are the other two.
func ScanOperations(k Kernel, midstates int) (ops Operations, ok bool) {
	ops = scanOperations[k][midstates]
	return ops, ops.Hashes > 0
}

// HeaderOperations returns the operations of SumHeaders with kernel k.
func HeaderOperations(k Kernel) (ops Operations, ok bool) {
	ops = headerOperations[k]
	return ops, ops.Hashes > 0
}

// PairOperations returns the operations of SumPairs with kernel k.
func PairOperations(k Kernel) (ops Operations, ok bool) {
	ops = pairOperations[k]
	return ops, ops.Hashes > 0
}
