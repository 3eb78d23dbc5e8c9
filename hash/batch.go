package hash

// PairSize is the size in bytes of two digests, what is hashed at each step of a merkle tree.
const PairSize = 64

// SumHeaders writes the SHA-256d of each 80-byte message of src into the same place of dst, in internal byte order, with
// kernel k. It panics if dst is shorter than src; the rest of a longer dst is left alone. Like a [Scanner], it needs a
// kernel this machine can run, and panics otherwise. It does not allocate and is safe for concurrent use, but dst and src
// must not overlap.
func SumHeaders(k Kernel, dst [][32]byte, src [][HeaderSize]byte) {
	dst = dst[:len(src)]
	switch k.mustCheck() {
	default: // Generic
		sumHeadersGeneric(dst, src)
	}
}

// SumPairs writes the SHA-256d of each 64-byte message of src into the same place of dst, in internal byte order, under
// the same terms as [SumHeaders].
func SumPairs(k Kernel, dst [][32]byte, src [][PairSize]byte) {
	dst = dst[:len(src)]
	switch k.mustCheck() {
	default: // Generic
		sumPairsGeneric(dst, src)
	}
}
